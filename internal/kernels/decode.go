package kernels

import (
	"math"

	"sightline/internal/device"
)

// Numbers of decode.cu.
const (
	seekers       = 128
	combiners     = 256
	maxPrototypes = 1024
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
	a.between("joints", k.Joints, 1, maxJoints)
	a.atLeast("input width", k.InWidth, 1)
	a.atLeast("input height", k.InHeight, 1)
	if k.Form != device.Relative {
		a.between("columns", k.Columns, 1, 1<<15)
		a.between("rows", k.Rows, 1, 1<<15)
	}
	p := &jointsParams{
		Form: int32(k.Form), Count: int32(k.Count), Joints: int32(k.Joints), Columns: int32(k.Columns), Rows: int32(k.Rows),
		InWidth: int32(k.InWidth), InHeight: int32(k.InHeight), QuarterMoved: flag(k.Quarter),
	}
	switch k.Form {
	case device.Relative:
		a.holds("in", k.In, 4, k.Count, k.Joints, jointValues)
	case device.Axes:
		a.holds("in", k.In, 4, k.Count, k.Joints, k.Columns)
		a.holds("in y", k.InY, 4, k.Count, k.Joints, k.Rows)
	case device.Heatmaps:
		a.holds("in", k.In, 4, k.Count, k.Joints, k.Rows, k.Columns)
	default:
		a.fail("form", "is %d, which is none", k.Form)
	}
	a.holds("out", k.Out, 4, k.Count, k.Joints, jointValues)
	if a.err != nil {
		return nil, a.err
	}
	p.In, p.Out = address(k.In), address(k.Out)
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

// fit checks one that is undone.
func (a *arguments) fit(f device.Fit) {
	if !(f.ScaleX > 0) || !(f.ScaleY > 0) {
		a.fail("fit", "has the scales %v and %v, expected numbers above 0", f.ScaleX, f.ScaleY)
	}
}

// AnchorJoints plans device.Kernels.AnchorJoints.
func AnchorJoints(k device.AnchorJoints) ([]Launch, error) {
	a := arguments{kernel: "anchor joints"}
	a.between("joints", k.Joints, 1, maxJoints)
	a.atLeast("anchors", k.Anchors, 1)
	a.fit(k.Fit)
	a.subjects(k.Subjects, k.Limits, 0, k.Limits.People)
	a.values("values", k.Values, k.Anchors, jointValues*k.Joints)
	a.holds("out", k.Out, 4, k.Limits.People, k.Joints, jointValues)
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
	a.between("count", k.Count, 1, maxPrototypes)
	a.between("width", k.Width, 1, 1<<14)
	a.between("height", k.Height, 1, 1<<14)
	a.atLeast("anchors", k.Anchors, 1)
	a.atLeast("input width", k.InWidth, 1)
	a.atLeast("input height", k.InHeight, 1)
	a.fit(k.Fit)
	a.subjects(k.Subjects, k.Limits, 0, k.Limits.People)
	a.values("coefficients", k.Coefficients, k.Anchors, k.Count)
	a.holds("prototypes", k.Prototypes, 4, k.Count, k.Height, k.Width)
	a.holds("out", k.Out, 4, k.Limits.People, k.Height, k.Width)
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
	a.atLeast("channels", k.Channels, 1)
	a.between("channel", k.Channel, 0, k.Channels-1)
	a.between("cells", k.Cells, 1, math.MaxInt32-combiners)
	a.holds("in", k.In, 4, k.Count, k.Channels, k.Cells)
	a.holds("out", k.Out, 4, k.Count, k.Cells)
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
	a.between("count", k.Count, 1, items)
	a.between("first", k.First, 0, math.MaxInt32-items)
	a.atLeast("classes", k.Classes, 1)
	if k.Activation < device.NoActivation || k.Activation > device.Softmax {
		a.fail("activation", "is %d, which is none", k.Activation)
	}
	a.holds("in", k.In, 4, k.Count, k.Classes)
	a.holds("out", k.Out, 4, k.First+k.Count, 2)
	if a.err != nil {
		return nil, a.err
	}
	return []Launch{newLaunch("classify", [3]uint32{uint32(k.Count), 1, 1}, [3]uint32{seekers, 1, 1}, &classifyParams{
		In: address(k.In), Out: address(k.Out), Classes: int32(k.Classes), Activation: int32(k.Activation), First: int32(k.First),
	})}, nil
}
