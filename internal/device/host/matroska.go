package host

import (
	"encoding/binary"
	"time"

	"sightline/internal/media"
)

// The decoder's process gets access units in Matroska, because that carries each unit's PTS and its
// length: nothing has to be guessed from the stream, and no unit waits for the next one to begin. The
// units keep their Annex B form; without CodecPrivate decoders take them so.

// Matroska's element IDs.
const (
	idEBML           = 0x1A45DFA3
	idDocType        = 0x4282
	idDocTypeVersion = 0x4287
	idDocTypeRead    = 0x4285
	idSegment        = 0x18538067
	idInfo           = 0x1549A966
	idTimestampScale = 0x2AD7B1
	idMuxingApp      = 0x4D80
	idWritingApp     = 0x5741
	idTracks         = 0x1654AE6B
	idTrackEntry     = 0xAE
	idTrackNumber    = 0xD7
	idTrackUID       = 0x73C5
	idTrackType      = 0x83
	idFlagLacing     = 0x9C
	idCodecID        = 0x86
	idVideo          = 0xE0
	idPixelWidth     = 0xB0
	idPixelHeight    = 0xBA
	idCluster        = 0x1F43B675
	idTimestamp      = 0xE7
	idSimpleBlock    = 0xA3
)

var matroskaCodecs = map[media.Codec]string{
	media.H264: "V_MPEG4/ISO/AVC", media.H265: "V_MPEGH/ISO/HEVC", media.VP9: "V_VP9", media.AV1: "V_AV1",
}

// matroskaHeader is everything before the first unit. Timestamps count microseconds.
func matroskaHeader(f media.Format) []byte {
	video := appendUint(appendUint(nil, idPixelWidth, uint64(f.Width)), idPixelHeight, uint64(f.Height))
	track := appendUint(nil, idTrackNumber, 1)
	track = appendUint(track, idTrackUID, 1)
	track = appendUint(track, idTrackType, 1)
	track = appendUint(track, idFlagLacing, 0)
	track = appendElement(track, idCodecID, []byte(matroskaCodecs[f.Codec]))
	track = appendElement(track, idVideo, video)
	info := appendUint(nil, idTimestampScale, 1000)
	info = appendElement(info, idMuxingApp, []byte("sightline"))
	info = appendElement(info, idWritingApp, []byte("sightline"))
	ebml := appendElement(nil, idDocType, []byte("matroska"))
	ebml = appendUint(appendUint(ebml, idDocTypeVersion, 4), idDocTypeRead, 2)

	out := appendElement(nil, idEBML, ebml)
	out = appendID(out, idSegment)
	out = append(out, 0x01, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF) // size unknown: a live stream
	out = appendElement(out, idInfo, info)
	return appendElement(out, idTracks, appendElement(nil, idTrackEntry, track))
}

// appendUnit appends a cluster with one unit, but for the unit's bytes, which must follow.
func appendUnit(out []byte, pts time.Duration, key bool, size int) []byte {
	const (
		timestamp   = 1 + 1 + 8 // ID, size, eight bytes of microseconds
		blockHeader = 1 + 8     // ID, eight bytes of size
		blockStart  = 1 + 2 + 1 // track, relative time, flags
		clusterBody = timestamp + blockHeader + blockStart
	)
	out = appendID(out, idCluster)
	out = appendSize8(out, uint64(clusterBody+size))
	out = appendID(out, idTimestamp)
	out = append(out, 0x88)
	out = binary.BigEndian.AppendUint64(out, uint64(pts.Microseconds()))
	out = appendID(out, idSimpleBlock)
	out = appendSize8(out, uint64(blockStart+size))
	flags := byte(0)
	if key {
		flags = 0x80
	}
	return append(out, 0x81, 0, 0, flags)
}

func appendID(out []byte, id uint32) []byte {
	for shift := 24; shift >= 0; shift -= 8 {
		if id>>shift != 0 {
			out = append(out, byte(id>>shift))
		}
	}
	return out
}

// appendSize8 writes a size in its eight-byte form.
func appendSize8(out []byte, n uint64) []byte { return binary.BigEndian.AppendUint64(out, n|1<<56) }

func appendElement(out []byte, id uint32, body []byte) []byte {
	return append(appendSize8(appendID(out, id), uint64(len(body))), body...)
}

func appendUint(out []byte, id uint32, v uint64) []byte {
	return appendElement(out, id, binary.BigEndian.AppendUint64(nil, v))
}
