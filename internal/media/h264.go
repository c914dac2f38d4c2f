package media

import (
	"fmt"
	"slices"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
)

// startCode begins every NAL unit in Annex B form.
var startCode = []byte{0, 0, 0, 1}

// AppendAnnexB appends NAL units, each behind a start code.
func AppendAnnexB(out []byte, units ...[]byte) []byte {
	size := 0
	for _, u := range units {
		size += len(startCode) + len(u)
	}
	out = slices.Grow(out, size)
	for _, u := range units {
		out = append(append(out, startCode...), u...)
	}
	return out
}

// H264Format reads a stream's format from its parameter sets: an SPS, and the PPS that goes with it.
func H264Format(sps, pps []byte) (Format, error) {
	var s h264.SPS
	if err := s.Unmarshal(sps); err != nil {
		return Format{}, fmt.Errorf("h264 sps of %d bytes: %w", len(sps), err)
	}
	f := Format{Codec: H264, Width: s.Width(), Height: s.Height(), FrameRate: s.FPS(), ParameterSets: [][]byte{sps, pps}}
	if f.Width < 1 || f.Height < 1 || f.Width > 1<<14 || f.Height > 1<<14 {
		return Format{}, fmt.Errorf("h264 sps says %d x %d pixels", f.Width, f.Height)
	}
	matrix := unspecified
	if v := s.VUI; v != nil {
		f.FullRange = v.VideoFullRangeFlag
		if v.ColourDescriptionPresentFlag {
			matrix = v.MatrixCoefficients
		}
	}
	f.Matrix = matrixName(matrix, f.Height)
	return f, nil
}

// unspecified is H.273's number for colours that nobody has described.
const unspecified uint8 = 2

// matrixName maps H.273 matrix coefficients to the two that cameras use; an unknown value goes by size.
func matrixName(coefficients uint8, height int) string {
	switch coefficients {
	case 1:
		return "bt709"
	case 4, 5, 6:
		return "bt601"
	}
	if height >= 720 {
		return "bt709"
	}
	return "bt601"
}
