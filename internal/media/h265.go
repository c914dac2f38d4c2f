package media

import (
	"fmt"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h265"
)

// H265Format reads a stream's format from its parameter sets.
func H265Format(vps, sps, pps []byte) (Format, error) {
	var s h265.SPS
	if err := s.Unmarshal(sps); err != nil {
		return Format{}, fmt.Errorf("h265 sps of %d bytes: %w", len(sps), err)
	}
	f := Format{Codec: H265, Width: s.Width(), Height: s.Height(), FrameRate: s.FPS(), ParameterSets: [][]byte{vps, sps, pps}}
	if f.Width < 1 || f.Height < 1 || f.Width > 1<<14 || f.Height > 1<<14 {
		return Format{}, fmt.Errorf("h265 sps says %d x %d pixels", f.Width, f.Height)
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
