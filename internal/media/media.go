// Package media holds compressed video as it travels from a source to a decoder: access units and the
// format of the stream they belong to.
package media

import "time"

// Codec names a video codec.
type Codec string

// The codecs that a source may deliver.
const (
	H264 Codec = "h264"
	H265 Codec = "h265"
	VP9  Codec = "vp9"
	AV1  Codec = "av1"
)

// AccessUnit is one compressed picture. The source that made it does not touch it again; whoever
// holds it may keep it.
type AccessUnit struct {
	// Data is the picture in Annex B form (start codes 00 00 00 01); of VP9 a frame or superframe, of AV1 a
	// temporal unit of OBUs with sizes. A random access picture carries its parameter sets.
	Data []byte
	// PTS is the presentation time since the source's first picture. It never goes back across
	// loops of a file; within a group of pictures with B-frames it comes in decoding order.
	PTS time.Duration
	// Time is the wall-clock time of capture; zero where it is not known.
	Time time.Time
	// TimeError is how far Time may be from the truth by our clock: the nearest that the times told in the last
	// minute came to their pictures' arrival.
	TimeError time.Duration
	// Arrived is when the last byte of the unit was there (for a file in real time: when it was due).
	Arrived time.Time
	// Key marks a random access picture (IDR).
	Key bool
	// Lost is how many packets are known to be missing since the unit before.
	Lost uint64
	// Discontinuity says that the unit does not follow the one before: the first after a loss, or of a new
	// connection.
	Discontinuity bool
}

// Format describes a stream. It is known once a source is open, and may change with a later key
// picture; the decoder finds that out from the parameter sets.
type Format struct {
	Codec Codec
	// Width and Height of the displayed picture in pixels (cropping applied).
	Width, Height int
	// FrameRate is the nominal rate in pictures a second; 0 if the stream does not say.
	FrameRate float64
	// ParameterSets are SPS and PPS (and VPS before them for H.265), without start codes; of AV1 one, the
	// OBUs that go before a stream; of VP9 none.
	ParameterSets [][]byte
	// Matrix and FullRange say how YCbCr becomes RGB. Matrix is "bt601" or "bt709"; where the stream
	// does not say, "bt709" from 720 lines up and "bt601" below.
	Matrix    string
	FullRange bool
}
