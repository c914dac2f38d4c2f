package cuda

import (
	"fmt"
	"strings"
	"testing"
	"unsafe"

	"sightline/internal/device"
	"sightline/internal/kernels"
)

// The parameters of every kernel have the size that the compiled code expects.
func TestParametersFitThePTX(t *testing.T) {
	for name, size := range map[string]uintptr{
		"letterbox": unsafe.Sizeof(letterboxParams{}), "crop": unsafe.Sizeof(cropParams{}),
		"select_collect": unsafe.Sizeof(selectParams{}), "select_pick": unsafe.Sizeof(selectParams{}),
		"keypoints": unsafe.Sizeof(keypointsParams{}), "pack_masks": unsafe.Sizeof(masksParams{}),
		"normalize": unsafe.Sizeof(normalizeParams{}), "cosine": unsafe.Sizeof(cosineParams{}), "blend": unsafe.Sizeof(blendParams{}),
	} {
		if want := fmt.Sprintf("%s_param_0[%d]", name, size); !strings.Contains(kernels.PTX, want) {
			t.Errorf("the PTX has no %s", want)
		}
	}
}

// The scratch that the interface promises is what the kernels' layout needs: count, keys, found boxes.
func TestScratchHoldsTheKernelsArrays(t *testing.T) {
	const anchors = 3549
	if need := int64(16 + 8*anchors + 24*anchors); device.SelectScratch(anchors) < need {
		t.Errorf("scratch of %d bytes, %d needed", device.SelectScratch(anchors), need)
	}
}
