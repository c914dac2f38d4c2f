package nvcuvid

import (
	"fmt"

	"sightline/internal/native/cuda"
)

// Kind is what of a stream the hardware's abilities depend on.
type Kind struct {
	Codec Codec
	// Chroma is Chroma420, or another number of sequence headers.
	Chroma   int32
	BitDepth int
}

// QueryCaps asks what the hardware can do with video of a kind. The driver takes some 20 ms of a processor to answer.
func QueryCaps(k Kind) (Caps, error) {
	caps := Caps{Codec: k.Codec, ChromaFormat: k.Chroma, BitDepthMinus8: uint32(k.BitDepth - 8)}
	if !loaded() {
		return caps, ErrNotLoaded
	}
	err := cuda.Check("cuvidGetDecoderCaps", api.GetDecoderCaps(&caps))
	return caps, err
}

// Chroma420 is what nearly all video has.
const Chroma420 = 1

var chromaNames = map[int32]string{0: "monochrome", 1: "4:2:0", 2: "4:2:2", 3: "4:4:4"}

// supported asks the hardware whether it decodes a format to NV12; the error names what it is.
func (d *Decoder) supported(f *Format) error {
	const nv12 = 1 << 0
	caps, err := d.config.Caps(Kind{f.Codec, f.ChromaFormat, int(f.BitDepthLumaMinus8) + 8})
	if err != nil {
		return err
	}
	what := fmt.Sprintf("%s, %s, %d bits, %dx%d", f.Codec, chromaNames[f.ChromaFormat], f.BitDepthLumaMinus8+8, f.CodedWidth, f.CodedHeight)
	macroblocks := ((f.CodedWidth + 15) / 16) * ((f.CodedHeight + 15) / 16)
	switch {
	case caps.Supported == 0 || caps.OutputFormats&nv12 == 0:
		return fmt.Errorf("%w: it does not decode %s to NV12", ErrUnsupported, what)
	case f.CodedWidth > caps.MaxWidth || f.CodedHeight > caps.MaxHeight:
		return fmt.Errorf("%w: it decodes up to %dx%d, not %s", ErrUnsupported, caps.MaxWidth, caps.MaxHeight, what)
	case caps.MaxMacroblocks > 0 && macroblocks > caps.MaxMacroblocks:
		return fmt.Errorf("%w: it decodes up to %d macroblocks, not %s with %d", ErrUnsupported, caps.MaxMacroblocks, what, macroblocks)
	case f.CodedWidth < uint32(caps.MinWidth) || f.CodedHeight < uint32(caps.MinHeight):
		return fmt.Errorf("%w: it decodes from %dx%d, not %s", ErrUnsupported, caps.MinWidth, caps.MinHeight, what)
	}
	return nil
}
