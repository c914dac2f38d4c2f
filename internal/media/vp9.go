package media

import (
	"fmt"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/vp9"
)

// VP9Format is the format of a VP9 stream, of which its container says everything: a stream has no
// parameter sets. matrix is a number of H.273.
func VP9Format(width, height int, matrix uint8, fullRange bool) (Format, error) {
	if width < 1 || height < 1 || width > 1<<14 || height > 1<<14 {
		return Format{}, fmt.Errorf("vp9 of %d x %d pixels", width, height)
	}
	return Format{Codec: VP9, Width: width, Height: height, Matrix: matrixName(matrix, height), FullRange: fullRange}, nil
}

// VP9Key says whether a frame is a key picture.
func VP9Key(frame []byte) bool { return vp9.IsRandomAccess(frame) }
