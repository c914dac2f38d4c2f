package media

import (
	"fmt"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
)

// startCode begins every NAL unit in Annex B form.
var startCode = []byte{0, 0, 0, 1}

// AppendAnnexB appends NAL units, each behind a start code.
func AppendAnnexB(out []byte, units ...[]byte) []byte {
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
	matrix := uint8(2) // unspecified
	if v := s.VUI; v != nil {
		f.FullRange = v.VideoFullRangeFlag
		if v.ColourDescriptionPresentFlag {
			matrix = v.MatrixCoefficients
		}
	}
	f.Matrix = matrixName(matrix, f.Height)
	return f, nil
}

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

// Random access and parameter set NAL unit types of H.264.
const (
	h264Slice = 1
	h264IDR   = 5
	h264SPS   = 7
	h264PPS   = 8
)

// H264Unit describes what an access unit's NAL units hold.
type H264Unit struct {
	// Key: it has an IDR slice. SPS and PPS: it carries these parameter sets. Picture: it has a slice.
	Key, SPS, PPS, Picture bool
}

// InspectH264 looks at the types of an access unit's NAL units.
func InspectH264(units [][]byte) H264Unit {
	var u H264Unit
	for _, n := range units {
		if len(n) == 0 {
			continue
		}
		switch t := n[0] & 0x1F; {
		case t == h264IDR:
			u.Key, u.Picture = true, true
		case t >= h264Slice && t < h264IDR:
			u.Picture = true
		case t == h264SPS:
			u.SPS = true
		case t == h264PPS:
			u.PPS = true
		}
	}
	return u
}
