package media

import (
	"fmt"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/av1"
)

// AV1Format is the format of an AV1 stream: its size as the container says, its colours as the sequence header
// in config says, the OBUs, with sizes, that a container keeps. The library does not understand every
// sequence header; colours then go by size.
func AV1Format(config []byte, width, height int) (Format, error) {
	if width < 1 || height < 1 || width > 1<<14 || height > 1<<14 {
		return Format{}, fmt.Errorf("av1 of %d x %d pixels", width, height)
	}
	f := Format{Codec: AV1, Width: width, Height: height, Matrix: matrixName(unspecified, height), ParameterSets: [][]byte{config}}
	var obus av1.Bitstream
	if err := obus.Unmarshal(config); err != nil {
		return Format{}, fmt.Errorf("av1 configuration of %d bytes: %w", len(config), err)
	}
	for _, o := range obus {
		var s av1.SequenceHeader
		if !av1.IsRandomAccess2([][]byte{o}) {
			continue
		}
		if err := s.Unmarshal(o); err == nil {
			f.Matrix, f.FullRange = matrixName(uint8(s.ColorConfig.MatrixCoefficients), f.Height), s.ColorConfig.ColorRange
		}
		return f, nil
	}
	return Format{}, fmt.Errorf("av1 configuration of %d bytes: no sequence header", len(config))
}

// AV1Key says whether a temporal unit holds a sequence header, which comes with random access pictures.
func AV1Key(unit []byte) (bool, error) {
	var obus av1.Bitstream
	if err := obus.Unmarshal(unit); err != nil {
		return false, err
	}
	return av1.IsRandomAccess2(obus), nil
}
