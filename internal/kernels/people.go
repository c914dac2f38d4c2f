package kernels

import (
	"math"

	"sightline/internal/device"
)

// packers is a number of people.cu.
const packers = 256

type keypointsParams struct {
	In, Out                          uint64
	Subjects                         subjects
	Region                           region
	First, Joints, InWidth, InHeight int32
}

// Keypoints plans device.Kernels.Keypoints.
func Keypoints(k device.Keypoints) ([]Launch, error) {
	a := arguments{kernel: "keypoints"}
	a.batch(k.First, k.Count)
	a.and(k.Check())
	if a.err != nil {
		return nil, a.err
	}
	return []Launch{newLaunch("keypoints", [3]uint32{uint32(k.Count), 1, 1}, [3]uint32{uint32(k.Joints), 1, 1}, &keypointsParams{
		In: address(k.In), Out: address(k.Out), Subjects: newSubjects(k.Subjects, k.Limits), Region: newRegion(k.Region),
		First: int32(k.First), Joints: int32(k.Joints), InWidth: int32(k.InWidth), InHeight: int32(k.InHeight),
	})}, nil
}

type uncropParams struct {
	In, Out                               uint64
	Subjects                              subjects
	Region                                region
	First, Count, Each, InWidth, InHeight int32
	Reserved                              int32
}

// Uncrop plans device.Kernels.Uncrop.
func Uncrop(k device.Uncrop) ([]Launch, error) {
	a := arguments{kernel: "uncrop"}
	a.batch(k.First, k.Count)
	a.and(k.Check())
	if a.err != nil {
		return nil, a.err
	}
	grid := [3]uint32{uint32(k.Limits.People - k.First), 1, 1}
	return []Launch{newLaunch("uncrop", grid, [3]uint32{uint32(k.Each), 1, 1}, &uncropParams{
		In: address(k.In), Out: address(k.Out), Subjects: newSubjects(k.Subjects, k.Limits), Region: newRegion(k.Region),
		First: int32(k.First), Count: int32(k.Count), Each: int32(k.Each), InWidth: int32(k.InWidth), InHeight: int32(k.InHeight),
	})}, nil
}

type masksParams struct {
	In, Out                  uint64
	Subjects                 subjects
	Region                   region
	Plane                    [4]float32
	Threshold                float32
	Everywhere               int32
	First, InWidth, InHeight int32
	Width, Height            int32
	Reserved                 int32
}

// PackMasks plans device.Kernels.PackMasks. Records beyond the subjects are empty: step 1, the rest zeros.
func PackMasks(k device.PackMasks) ([]Launch, error) {
	a := arguments{kernel: "pack masks"}
	a.batch(k.First, k.Count)
	a.between("width", k.Width, 1, math.MaxInt32/2)
	a.between("height", k.Height, 1, math.MaxInt32/2)
	a.and(k.Check())
	if a.err != nil {
		return nil, a.err
	}
	grid := [3]uint32{blocks(device.MaskBits/32, packers), uint32(k.Count), 1}
	p := &masksParams{
		In: address(k.In), Out: address(k.Out), Subjects: newSubjects(k.Subjects, k.Limits), Region: newRegion(k.Region),
		Threshold: k.Threshold, First: int32(k.First), InWidth: int32(k.InWidth), InHeight: int32(k.InHeight),
		Width: int32(k.Width), Height: int32(k.Height),
	}
	if k.Plane != nil {
		p.Plane, p.Everywhere = *k.Plane, 1
	}
	return []Launch{newLaunch("pack_masks", grid, [3]uint32{packers, 1, 1}, p)}, nil
}
