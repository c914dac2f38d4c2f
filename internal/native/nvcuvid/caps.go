package nvcuvid

import (
	"fmt"

	"sightline/internal/native/cuda"
)

// QueryCaps asks what the hardware can do with 4:2:0 video of a codec.
func QueryCaps(codec Codec, bitDepth int) (Caps, error) {
	caps := Caps{Codec: codec, ChromaFormat: chroma420, BitDepthMinus8: uint32(bitDepth - 8)}
	if !loaded() {
		return caps, ErrNotLoaded
	}
	err := cuda.Check("cuvidGetDecoderCaps", api.GetDecoderCaps(&caps))
	return caps, err
}

const chroma420 = 1

var chromaNames = map[int32]string{0: "monochrome", 1: "4:2:0", 2: "4:2:2", 3: "4:4:4"}

// supported asks the hardware whether it decodes a format to NV12; the error names what it is.
func supported(f *Format) error {
	const nv12 = 1 << 0
	caps := Caps{Codec: f.Codec, ChromaFormat: f.ChromaFormat, BitDepthMinus8: uint32(f.BitDepthLumaMinus8)}
	if err := cuda.Check("cuvidGetDecoderCaps", api.GetDecoderCaps(&caps)); err != nil {
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
