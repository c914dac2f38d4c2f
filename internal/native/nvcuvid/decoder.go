package nvcuvid

import (
	"errors"
	"fmt"
	"unsafe"

	"sightline/internal/native/cuda"
)

// maxSurfaces is the most decode surfaces the driver accepts.
const maxSurfaces = 32

// ErrSurfaceBusy means that pictures were not mapped fast enough: the stream needs one whose surface
// still holds a picture that waits for Map. Raise Config.Extra or map between calls of Decode.
var ErrSurfaceBusy = errors.New("nvcuvid: decode surface still in use")

// Config describes a decoder.
type Config struct {
	Codec Codec
	// Extra is the number of decode surfaces beyond what the stream needs: how many pictures may wait
	// for Map.
	Extra int
	// Outputs is the number of frames that may be mapped at the same time.
	Outputs int
	// Reset, if set, is called before the hardware decoder is replaced because the stream's format has
	// changed: the last chance to Map the pictures that Next has, inside Decode.
	Reset func() error
	// ParseOnly parses without a GPU; Map then fails.
	ParseOnly bool
	// DecodeOnly does not keep pictures for Map.
	DecodeOnly bool
}

// Decoder is a parser with its hardware decoder. One goroutine uses it at a time.
type Decoder struct {
	config  Config
	id      uintptr
	parser  uintptr
	decoder uintptr
	format  Format
	pending []Picture
	busy    [maxSurfaces]bool
	last    Picture
	decoded int
	err     error
}

// Picture is a decoded picture that waits to be mapped.
type Picture struct {
	Timestamp int64
	info      displayInfo
}

// Frame is a mapped picture in NV12: a luma plane and, below it, interleaved chroma.
type Frame struct {
	Luma, Chroma  uintptr
	Pitch         int // bytes a row
	Width, Height int
	FullRange     bool
	Timestamp     int64
}

// QueryCaps asks what the hardware can do with 4:2:0 video of a codec.
func QueryCaps(codec Codec, bitDepth int) (Caps, error) {
	caps := Caps{Codec: codec, ChromaFormat: 1, BitDepthMinus8: uint32(bitDepth - 8)}
	err := cuda.Check("cuvidGetDecoderCaps", api.GetDecoderCaps(&caps))
	return caps, err
}

// NewDecoder makes a decoder. The hardware part is created when the first sequence header arrives; that
// takes tens of milliseconds, one decoder at a time.
func NewDecoder(c Config) (*Decoder, error) {
	d := &Decoder{config: c}
	d.id = register(d)
	params := parserParams{
		Codec:             c.Codec,
		MaxDecodeSurfaces: 1, // the sequence callback returns the real number
		ClockRate:         90000,
		ErrorThreshold:    100,
		MaxDisplayDelay:   0,
		User:              d.id,
		Sequence:          callbacks.sequence,
		Decode:            callbacks.decode,
		Display:           callbacks.display,
	}
	if err := cuda.Check("cuvidCreateVideoParser", api.CreateVideoParser(&d.parser, &params)); err != nil {
		unregister(d.id)
		return nil, err
	}
	return d, nil
}

// Decode queues one whole access unit (Annex B). Pictures that became ready come out of Next.
// The library accepts damaged data without an error.
func (d *Decoder) Decode(unit []byte, timestamp int64) error {
	return d.parse(&packet{
		Flags:       packetTimestamp | packetEndOfPicture,
		PayloadSize: uint64(len(unit)),
		Payload:     unsafe.SliceData(unit),
		Timestamp:   timestamp,
	})
}

// Flush ends the stream: pictures held back for reordering come out of Next.
func (d *Decoder) Flush() error { return d.parse(&packet{Flags: packetEndOfStream}) }

func (d *Decoder) parse(p *packet) error {
	err := cuda.Check("cuvidParseVideoData", api.ParseVideoData(d.parser, p))
	err = errors.Join(d.err, err)
	d.err = nil
	return err
}

// Next returns the next picture in display order, if one is ready.
func (d *Decoder) Next() (Picture, bool) {
	if len(d.pending) == 0 {
		return Picture{}, false
	}
	p := d.pending[0]
	d.pending = append(d.pending[:0], d.pending[1:]...)
	return p, true
}

// Map waits until p is decoded and makes it readable for work queued in s. The frame stays valid for
// that work even if Unmap is called right after queueing it, because the next Map of this decoder
// with the same stream is ordered behind it.
func (d *Decoder) Map(p Picture, s cuda.Stream) (Frame, error) {
	d.busy[p.info.Index] = false
	proc := procParams{
		Progressive:   p.info.Progressive,
		TopFieldFirst: p.info.TopFieldFirst,
		OutputStream:  s,
	}
	if p.info.RepeatFirstField < 0 {
		proc.UnpairedField = 1
	}
	f := Frame{
		Width: d.format.Width(), Height: d.format.Height(),
		FullRange: d.format.FullRange(), Timestamp: p.Timestamp,
	}
	var pitch uint32
	r := api.MapVideoFrame(d.decoder, p.info.Index, &f.Luma, &pitch, &proc)
	if err := cuda.Check("cuvidMapVideoFrame", r); err != nil {
		return Frame{}, err
	}
	f.Pitch = int(pitch)
	f.Chroma = f.Luma + uintptr(f.Pitch*even(f.Height))
	return f, nil
}

// Unmap gives the output surface of f back.
func (d *Decoder) Unmap(f Frame) error {
	return cuda.Check("cuvidUnmapVideoFrame", api.UnmapVideoFrame(d.decoder, f.Luma))
}

// Damaged tells whether the hardware met errors in p. It is only meaningful after Map.
func (d *Decoder) Damaged(p Picture) (bool, error) {
	const failed, concealed = 8, 9
	var s decodeStatus
	err := cuda.Check("cuvidGetDecodeStatus", api.GetDecodeStatus(d.decoder, p.info.Index, &s))
	return s.Status == failed || s.Status == concealed, err
}

// Last is the newest picture in display order, mapped or not.
func (d *Decoder) Last() Picture { return d.last }

// Decoded counts the pictures sent to the hardware.
func (d *Decoder) Decoded() int { return d.decoded }

// Format is what the newest sequence header says.
func (d *Decoder) Format() Format { return d.format }

// Close destroys the decoder. All frames must be unmapped.
func (d *Decoder) Close() error {
	err := cuda.Check("cuvidDestroyVideoParser", api.DestroyVideoParser(d.parser))
	unregister(d.id)
	return errors.Join(err, d.closeDecoder())
}

func (d *Decoder) closeDecoder() error {
	if d.decoder == 0 {
		return nil
	}
	decoder := d.decoder
	d.decoder = 0
	return cuda.NoCapture(func() error {
		return cuda.Check("cuvidDestroyDecoder", api.DestroyDecoder(decoder))
	})
}

func (d *Decoder) fail(err error) {
	if d.err == nil {
		d.err = err
	}
}

// sequence runs in the parser when a sequence header differs from the one before. It returns the
// number of surfaces the parser may use.
func (d *Decoder) sequence(f *Format) (int, error) {
	surfaces := min(int(f.MinDecodeSurfaces)+d.config.Extra, maxSurfaces)
	if d.decoder != 0 && d.config.Reset != nil {
		if err := d.config.Reset(); err != nil {
			return 0, err
		}
	}
	d.format = *f
	if d.config.ParseOnly {
		return surfaces, nil
	}
	if err := supported(f); err != nil {
		return 0, err
	}
	// A new size needs a new decoder; pictures of the old one that Reset has not taken are lost.
	if err := d.closeDecoder(); err != nil {
		return 0, err
	}
	d.pending = d.pending[:0]
	d.busy = [maxSurfaces]bool{}
	const preferCUVID, nv12, weave = 4, 0, 0
	info := createInfo{
		Width: uint64(f.CodedWidth), Height: uint64(f.CodedHeight),
		MaxWidth: uint64(f.CodedWidth), MaxHeight: uint64(f.CodedHeight),
		DecodeSurfaces: uint64(surfaces),
		OutputSurfaces: uint64(max(d.config.Outputs, 1)),
		Codec:          f.Codec,
		ChromaFormat:   f.ChromaFormat,
		CreationFlags:  preferCUVID,
		BitDepthMinus8: uint64(f.BitDepthLumaMinus8), // more than 8 bits come out as NV12 too, rounded
		DisplayArea: rect16{
			int16(f.DisplayArea.Left), int16(f.DisplayArea.Top),
			int16(f.DisplayArea.Right), int16(f.DisplayArea.Bottom),
		},
		OutputFormat: nv12,
		Deinterlace:  weave, // the default of some examples, adaptive, costs memory
		TargetWidth:  uint64(even(f.Width())),
		TargetHeight: uint64(even(f.Height())),
	}
	return surfaces, cuda.NoCapture(func() error {
		return cuda.Check("cuvidCreateDecoder", api.CreateDecoder(&d.decoder, &info))
	})
}

// supported asks the hardware whether it decodes a format to NV12; the error names what it is.
func supported(f *Format) error {
	const nv12 = 1 << 0
	caps := Caps{Codec: f.Codec, ChromaFormat: f.ChromaFormat, BitDepthMinus8: uint32(f.BitDepthLumaMinus8)}
	if err := cuda.Check("cuvidGetDecoderCaps", api.GetDecoderCaps(&caps)); err != nil {
		return err
	}
	chroma := map[int32]string{0: "monochrome", 1: "4:2:0", 2: "4:2:2", 3: "4:4:4"}[f.ChromaFormat]
	what := fmt.Sprintf("%s, %s, %d bits, %dx%d", f.Codec, chroma, f.BitDepthLumaMinus8+8, f.CodedWidth, f.CodedHeight)
	switch {
	case caps.Supported == 0 || caps.OutputFormats&nv12 == 0:
		return fmt.Errorf("nvcuvid: this GPU does not decode %s to NV12", what)
	case f.CodedWidth > caps.MaxWidth || f.CodedHeight > caps.MaxHeight:
		return fmt.Errorf("nvcuvid: this GPU decodes up to %dx%d, not %s", caps.MaxWidth, caps.MaxHeight, what)
	}
	return nil
}

// decode runs in the parser for every picture, in decode order. It blocks while the driver's queue of
// four pictures is full.
func (d *Decoder) decode(p *picParams) error {
	if p.Index < 0 || p.Index >= maxSurfaces || d.busy[p.Index] {
		return ErrSurfaceBusy
	}
	d.decoded++
	if d.config.ParseOnly {
		return nil
	}
	return cuda.Check("cuvidDecodePicture", api.DecodePicture(d.decoder, p))
}

// display runs in the parser for every picture, in display order.
func (d *Decoder) display(info *displayInfo) {
	if info == nil { // end of stream
		return
	}
	d.last = Picture{Timestamp: info.Timestamp, info: *info}
	if d.config.DecodeOnly {
		return
	}
	d.busy[info.Index] = true
	d.pending = append(d.pending, d.last)
}

func even(n int) int { return (n + 1) &^ 1 }
