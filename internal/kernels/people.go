package kernels

import (
	"math"

	"sightline/internal/device"
)

// Numbers of people.cu.
const (
	joints, jointValues = 17, 3
	packers             = 256
)

type keypointsParams struct {
	In, Out                  uint64
	Selected                 selected
	Region                   region
	First, InWidth, InHeight int32
}

// Keypoints plans device.Kernels.Keypoints. Rows beyond the people become zeros.
func Keypoints(k device.Keypoints) ([]Launch, error) {
	a := arguments{kernel: "keypoints"}
	a.people(k.Selection, k.Limits, k.First, k.Count)
	a.region(k.Region)
	a.atLeast("input width", k.InWidth, 1)
	a.atLeast("input height", k.InHeight, 1)
	a.holds("in", k.In, 4, k.Count, joints, jointValues)
	a.holds("out", k.Out, 4, k.First+k.Count, joints, jointValues)
	if a.err != nil {
		return nil, a.err
	}
	return []Launch{newLaunch("keypoints", [3]uint32{uint32(k.Count), 1, 1}, [3]uint32{32, 1, 1}, &keypointsParams{
		In: address(k.In), Out: address(k.Out), Selected: newSelected(k.Selection, k.Limits), Region: newRegion(k.Region),
		First: int32(k.First), InWidth: int32(k.InWidth), InHeight: int32(k.InHeight),
	})}, nil
}

type masksParams struct {
	In, Out                  uint64
	Selected                 selected
	Region                   region
	Threshold                float32
	First, InWidth, InHeight int32
	Width, Height            int32
	Reserved                 int32
}

// PackMasks plans device.Kernels.PackMasks. Records beyond the people are empty: step 1, the rest zeros.
func PackMasks(k device.PackMasks) ([]Launch, error) {
	a := arguments{kernel: "pack masks"}
	a.people(k.Selection, k.Limits, k.First, k.Count)
	a.region(k.Region)
	a.atLeast("input width", k.InWidth, 1)
	a.atLeast("input height", k.InHeight, 1)
	a.between("width", k.Width, 1, math.MaxInt32/2)
	a.between("height", k.Height, 1, math.MaxInt32/2)
	a.holds("in", k.In, 4, k.Count, k.InHeight, k.InWidth)
	a.holds("out", k.Out, 4, device.MaskRecordSize/4, k.First+k.Count)
	if a.err != nil {
		return nil, a.err
	}
	grid := [3]uint32{blocks(device.MaskBits/32, packers), uint32(k.Count), 1}
	return []Launch{newLaunch("pack_masks", grid, [3]uint32{packers, 1, 1}, &masksParams{
		In: address(k.In), Out: address(k.Out), Selected: newSelected(k.Selection, k.Limits), Region: newRegion(k.Region),
		Threshold: k.Threshold, First: int32(k.First), InWidth: int32(k.InWidth), InHeight: int32(k.InHeight),
		Width: int32(k.Width), Height: int32(k.Height),
	})}, nil
}
