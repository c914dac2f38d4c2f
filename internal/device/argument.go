package device

import (
	"fmt"
	"math"
)

// ArgumentError says which argument of a kernel is wrong; nothing was queued.
type ArgumentError struct {
	Kernel, Argument, Problem string
}

func (e *ArgumentError) Error() string {
	return fmt.Sprintf("kernel %s: %s %s", e.Kernel, e.Argument, e.Problem)
}

// arguments checks a kernel's arguments and keeps the first error. A kernel trusts what it is given: what
// passes here stays inside its buffers.
type arguments struct {
	kernel string
	err    error
}

func (a *arguments) fail(argument, format string, values ...any) {
	if a.err == nil {
		a.err = &ArgumentError{a.kernel, argument, fmt.Sprintf(format, values...)}
	}
}

// atLeast checks that a number is low or more, and small enough for sizes to be multiplied.
func (a *arguments) atLeast(argument string, value, low int) {
	a.between(argument, value, low, math.MaxInt32)
}

func (a *arguments) between(argument string, value, low, high int) {
	if value < low || value > high {
		a.fail(argument, "is %d, expected %d to %d", value, low, high)
	}
}

// holds checks that b has room for an element of size bytes in each of the dimensions, and lies where a
// device can read such elements.
func (a *arguments) holds(argument string, b *Buffer, size int64, dimensions ...int) {
	if a.err != nil {
		return
	}
	if b == nil {
		a.fail(argument, "is nil")
		return
	}
	if uint64(b.Address())%uint64(size) != 0 {
		a.fail(argument, "has the address %#x, expected a multiple of %d", b.Address(), size)
	}
	for _, d := range dimensions {
		if d < 0 || d > 0 && size > math.MaxInt64/int64(d) {
			a.fail(argument, "cannot have the shape %v", dimensions)
			return
		}
		size *= int64(d)
	}
	if b.Size() < size {
		a.fail(argument, "has %d bytes, shape %v needs %d", b.Size(), dimensions, size)
	}
}

// records checks a selection or a list of subjects.
func (a *arguments) records(argument string, b *Buffer, size int64) {
	a.holds(argument, b, 4)
	if a.err == nil && b.Size() < size {
		a.fail(argument, "has %d bytes, its limits need %d", b.Size(), size)
	}
}

// values checks that items numbers of size bytes of each of so many anchors lie in the buffer.
func (a *arguments) values(argument string, v Values, size, anchors, items int) {
	a.atLeast(argument+": offset", v.Offset, 0)
	a.atLeast(argument+": anchor", v.Anchor, 0)
	a.atLeast(argument+": item", v.Item, 0)
	a.holds(argument, v.Buffer, int64(size))
	if a.err != nil {
		return
	}
	last := int64(v.Offset) + int64(anchors-1)*int64(v.Anchor) + int64(items-1)*int64(v.Item)
	if v.Buffer.Size()/int64(size) <= last {
		a.fail(argument, "has %d bytes, its last number is at %d", v.Buffer.Size(), int64(size)*last)
	}
}

func (a *arguments) picture(p *Picture) {
	if p == nil {
		a.fail("picture", "is nil")
		return
	}
	a.atLeast("picture width", p.Width, 1)
	a.atLeast("picture height", p.Height, 1)
	a.atLeast("picture pitch", p.Pitch, 1)
	if p.Pitch < p.Width+p.Width&1 {
		a.fail("picture pitch", "is %d, %d columns of NV12 need %d", p.Pitch, p.Width, p.Width+p.Width&1)
	}
	if p.Matrix != "bt601" && p.Matrix != "bt709" {
		a.fail("picture matrix", "is %q, expected bt601 or bt709", p.Matrix)
	}
	if p.Place != nil {
		a.holds("picture place", p.Place, 8, PlaceSize/8)
		return
	}
	a.holds("picture", p.Buffer, 1, p.Pitch, p.Height+(p.Height+1)/2)
}

func (a *arguments) limits(l Limits) {
	a.atLeast("limits: objects", l.Objects, 0)
	a.atLeast("limits: people", l.People, 0)
}

func (a *arguments) subjects(s *Buffer, l Limits, first, count int) {
	a.limits(l)
	a.atLeast("first", first, 0)
	a.atLeast("count", count, 1)
	a.records("subjects", s, l.SubjectsSize())
}

func (a *arguments) pixels(p Pixels) {
	for _, v := range append(p.Scale[:], append(p.Offset[:], p.Pad)...) {
		if v != v || math.IsInf(float64(v), 0) {
			a.fail("pixels", "have the factors %+v, expected numbers", p)
		}
	}
}

func (a *arguments) region(r Region) {
	if !(r.Aspect >= 0) || math.IsInf(float64(r.Aspect), 0) {
		a.fail("region aspect", "is %v, expected 0 or more", r.Aspect)
	}
	if !(r.Scale > 0) || math.IsInf(float64(r.Scale), 0) {
		a.fail("region scale", "is %v, expected a number above 0", r.Scale)
	}
}

// size checks the width and height of something.
func (a *arguments) size(what string, width, height int) {
	a.atLeast(what+"width", width, 1)
	a.atLeast(what+"height", height, 1)
}

// undone checks a fit that coordinates are to be brought back by.
func (a *arguments) undone(f Fit) {
	if !(f.ScaleX > 0) || !(f.ScaleY > 0) {
		a.fail("fit", "has the scales %v and %v, expected numbers above 0", f.ScaleX, f.ScaleY)
	}
}

// head checks how a detector's outputs are read.
func (a *arguments) head(k *Select) {
	h := &k.Head
	columns, numbers := k.Classes, 4
	if h.Labels.Buffer != nil {
		columns = 1
		a.values("labels", h.Labels, h.LabelType.Size(), k.Anchors, 1)
	}
	if h.Objectness.Buffer != nil {
		a.values("objectness", h.Objectness, 4, k.Anchors, 1)
	}
	if h.Pairs && int64(k.Anchors)*int64(k.Classes) > math.MaxInt32 {
		a.fail("anchors", "and classes make %d pairs, which is too many", int64(k.Anchors)*int64(k.Classes))
	}
	if h.Background {
		columns++
		if h.Objectness.Buffer != nil || h.Labels.Buffer != nil || h.Sigmoid || h.Pairs {
			a.fail("head", "has a background, which does not go with objectness, labels, sigmoid or pairs")
		}
	}
	switch h.Form {
	case Corners, Centre, CornersYX:
		if !(h.UnitX > 0) || !(h.UnitY > 0) {
			a.fail("head", "has the units %v and %v, expected numbers above 0", h.UnitX, h.UnitY)
		}
	case Grid:
		a.levels(h.Levels)
	case Distances:
		a.atLeast("head: bins", h.Bins, 1)
		a.levels(h.Levels)
		numbers = 4 * h.Bins
	default:
		a.fail("head", "has the unknown form %d", h.Form)
	}
	a.values("scores", h.Scores, 4, k.Anchors, columns)
	a.values("boxes", h.Boxes, 4, k.Anchors, numbers)
}

func (a *arguments) levels(levels []Level) {
	if n := len(levels); n < 1 || n > MaxLevels {
		a.fail("head: levels", "is %d, expected 1 to %d", n, MaxLevels)
	}
	for i, l := range levels {
		if l.Columns < 1 || !(l.Stride > 0) || i == 0 && l.First != 0 || i > 0 && l.First <= levels[i-1].First {
			a.fail("head: levels", "are %v, expected ascending first anchors from 0, columns and strides above 0", levels)
		}
	}
}
