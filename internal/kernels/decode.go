package kernels

import (
	"math"

	"sightline/internal/device"
)

// Numbers of decode.cu.
const (
	seekers   = 128
	combiners = 256
)

type jointsParams struct {
	In, InY, Out                    uint64
	Form, Count, Joints             int32
	Columns, Rows                   int32
	InWidth, InHeight, QuarterMoved int32
}

// Joints plans device.Kernels.Joints.
func Joints(k device.Joints) ([]Launch, error) {
	a := arguments{kernel: "joints"}
	a.between("count", k.Count, 1, items)
	a.and(k.Check())
	if a.err != nil {
		return nil, a.err
	}
	p := &jointsParams{
		In: address(k.In), Out: address(k.Out),
		Form: int32(k.Form), Count: int32(k.Count), Joints: int32(k.Joints), Columns: int32(k.Columns), Rows: int32(k.Rows),
		InWidth: int32(k.InWidth), InHeight: int32(k.InHeight), QuarterMoved: flag(k.Quarter),
	}
	if k.Form == device.Axes {
		p.InY = address(k.InY)
	}
	return []Launch{newLaunch("joints", [3]uint32{uint32(k.Joints), uint32(k.Count), 1}, [3]uint32{seekers, 1, 1}, p)}, nil
}

type anchorJointsParams struct {
	Values                    values
	Out                       uint64
	Subjects                  subjects
	Joints, Anchors           int32
	YX, Logits                int32
	UnitX, UnitY              float32
	Left, Top, ScaleX, ScaleY float32
}

// AnchorJoints plans device.Kernels.AnchorJoints.
func AnchorJoints(k device.AnchorJoints) ([]Launch, error) {
	a := arguments{kernel: "anchor joints"}
	a.batch(0, k.Limits.People)
	a.and(k.Check())
	if a.err != nil {
		return nil, a.err
	}
	return []Launch{newLaunch("anchor_joints", [3]uint32{uint32(k.Limits.People), 1, 1}, [3]uint32{uint32(k.Joints), 1, 1}, &anchorJointsParams{
		Values: newValues(k.Values), Out: address(k.Out), Subjects: newSubjects(k.Subjects, k.Limits),
		Joints: int32(k.Joints), Anchors: int32(k.Anchors), YX: flag(k.YX), Logits: flag(k.Sigmoid), UnitX: k.UnitX, UnitY: k.UnitY,
		Left: float32(k.Fit.Left), Top: float32(k.Fit.Top), ScaleX: k.Fit.ScaleX, ScaleY: k.Fit.ScaleY,
	})}, nil
}

type combineParams struct {
	Coefficients              values
	Prototypes, Out           uint64
	Subjects                  subjects
	Count, Width, Height      int32
	Anchors                   int32
	Left, Top, ScaleX, ScaleY float32
	CellsX, CellsY            float32
}

// Combine plans device.Kernels.Combine.
func Combine(k device.Combine) ([]Launch, error) {
	a := arguments{kernel: "combine"}
	a.between("width", k.Width, 1, 1<<14)
	a.between("height", k.Height, 1, 1<<14)
	a.batch(0, k.Limits.People)
	a.and(k.Check())
	if a.err != nil {
		return nil, a.err
	}
	grid := [3]uint32{blocks(k.Width*k.Height, combiners), uint32(k.Limits.People), 1}
	return []Launch{newLaunch("combine", grid, [3]uint32{combiners, 1, 1}, &combineParams{
		Coefficients: newValues(k.Coefficients), Prototypes: address(k.Prototypes), Out: address(k.Out),
		Subjects: newSubjects(k.Subjects, k.Limits), Count: int32(k.Count), Width: int32(k.Width), Height: int32(k.Height), Anchors: int32(k.Anchors),
		Left: float32(k.Fit.Left), Top: float32(k.Fit.Top), ScaleX: k.Fit.ScaleX, ScaleY: k.Fit.ScaleY,
		CellsX: float32(k.Width) / float32(k.InWidth), CellsY: float32(k.Height) / float32(k.InHeight),
	})}, nil
}

type marginParams struct {
	In, Out                            uint64
	Channels, Channel, Cells, Reserved int32
}

// Margin plans device.Kernels.Margin.
func Margin(k device.Margin) ([]Launch, error) {
	a := arguments{kernel: "margin"}
	a.between("count", k.Count, 1, items)
	a.between("cells", k.Cells, 1, math.MaxInt32-combiners)
	a.and(k.Check())
	if a.err != nil {
		return nil, a.err
	}
	grid := [3]uint32{blocks(k.Cells, combiners), uint32(k.Count), 1}
	return []Launch{newLaunch("margin", grid, [3]uint32{combiners, 1, 1}, &marginParams{
		In: address(k.In), Out: address(k.Out), Channels: int32(k.Channels), Channel: int32(k.Channel), Cells: int32(k.Cells),
	})}, nil
}

type classifyParams struct {
	In, Out                              uint64
	Classes, Activation, First, Reserved int32
}

// Classify plans device.Kernels.Classify.
func Classify(k device.Classify) ([]Launch, error) {
	a := arguments{kernel: "classify"}
	a.batch(k.First, k.Count)
	a.and(k.Check())
	if a.err != nil {
		return nil, a.err
	}
	return []Launch{newLaunch("classify", [3]uint32{uint32(k.Count), 1, 1}, [3]uint32{seekers, 1, 1}, &classifyParams{
		In: address(k.In), Out: address(k.Out), Classes: int32(k.Classes), Activation: int32(k.Activation), First: int32(k.First),
	})}, nil
}
