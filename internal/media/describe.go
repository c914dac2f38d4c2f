package media

import (
	"fmt"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h265"
)

// Description is what parameter sets say beyond a Format, for people.
type Description struct {
	// Profile and Level are the standard's names, such as "High" and "4.1"; empty if not known.
	Profile, Level string
	// BitDepth of luma, and Chroma "4:2:0", "4:2:2", "4:4:4" or "monochrome"; 0 and empty if not known.
	BitDepth   int
	Chroma     string
	Interlaced bool
	// Reorder is how many pictures a decoder must hold back for B-frames; -1 if the stream does not say.
	Reorder int
}

var chromas = []string{"monochrome", "4:2:0", "4:2:2", "4:4:4"}

// Describe reads a format's parameter sets. VP9 and AV1 have none that are read: everything is unknown.
func Describe(f Format) (Description, error) {
	switch {
	case f.Codec == H264 && len(f.ParameterSets) == 2:
		return describeH264(f.ParameterSets[0])
	case f.Codec == H265 && len(f.ParameterSets) == 3:
		return describeH265(f.ParameterSets[1])
	}
	return Description{Reorder: -1}, nil
}

func describeH264(sps []byte) (Description, error) {
	var s h264.SPS
	if err := s.Unmarshal(sps); err != nil {
		return Description{}, fmt.Errorf("h264 sps of %d bytes: %w", len(sps), err)
	}
	names := map[uint8]string{
		66: "Baseline", 77: "Main", 88: "Extended", 100: "High", 110: "High 10", 122: "High 4:2:2", 244: "High 4:4:4 Predictive", 44: "CAVLC 4:4:4 Intra",
	}
	d := Description{
		Profile: names[s.ProfileIdc], Level: fmt.Sprintf("%d.%d", s.LevelIdc/10, s.LevelIdc%10),
		BitDepth: 8 + int(s.BitDepthLumaMinus8), Chroma: chroma(s.ChromaFormatIdc), Interlaced: !s.FrameMbsOnlyFlag, Reorder: -1,
	}
	const constrained = 66
	if s.ProfileIdc == constrained && s.ConstraintSet1Flag {
		d.Profile = "Constrained Baseline"
	}
	if s.ProfileIdc < 100 && s.ProfileIdc != 44 { // they are 4:2:0 and do not say so
		d.Chroma = chroma(1)
	}
	const neverReordered = 2
	switch {
	case s.PicOrderCntType == neverReordered || s.ProfileIdc == constrained:
		d.Reorder = 0
	case s.VUI != nil && s.VUI.BitstreamRestriction != nil:
		d.Reorder = int(s.VUI.BitstreamRestriction.MaxNumReorderFrames)
	}
	return d, nil
}

func describeH265(sps []byte) (Description, error) {
	var s h265.SPS
	if err := s.Unmarshal(sps); err != nil {
		return Description{}, fmt.Errorf("h265 sps of %d bytes: %w", len(sps), err)
	}
	p := s.ProfileTierLevel
	names := map[uint8]string{1: "Main", 2: "Main 10", 3: "Main Still Picture", 4: "Range Extensions", 9: "Screen Content"}
	d := Description{
		Profile: names[p.GeneralProfileIdc], Level: fmt.Sprintf("%d.%d", p.GeneralLevelIdc/30, p.GeneralLevelIdc%30/3),
		BitDepth: 8 + int(s.BitDepthLumaMinus8), Chroma: chroma(s.ChromaFormatIdc),
		Interlaced: p.GeneralInterlacedSourceFlag && !p.GeneralProgressiveSourceFlag, Reorder: -1,
	}
	if n := len(s.MaxNumReorderPics); n > 0 {
		d.Reorder = int(s.MaxNumReorderPics[n-1])
	}
	return d, nil
}

func chroma(id uint32) string {
	if int(id) < len(chromas) {
		return chromas[id]
	}
	return ""
}
