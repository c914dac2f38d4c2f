package host

import (
	"fmt"
	"math"

	"sightline/internal/device"
)

// ArgumentError says which argument of a kernel is wrong; nothing was queued.
type ArgumentError struct {
	Kernel, Argument, Problem string
}

func (e *ArgumentError) Error() string {
	return fmt.Sprintf("kernel %s: %s %s", e.Kernel, e.Argument, e.Problem)
}

// arguments checks a kernel's arguments and keeps the first error.
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
	if value < low || value > math.MaxInt32 {
		a.fail(argument, "is %d, expected %d or more", value, low)
	}
}

// holds checks that b has room for an element of size bytes in each of the dimensions.
func (a *arguments) holds(argument string, b *device.Buffer, size int64, dimensions ...int) {
	if a.err != nil {
		return
	}
	if b == nil {
		a.fail(argument, "is nil")
		return
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

func (a *arguments) picture(p *device.Picture) {
	if p == nil {
		a.fail("picture", "is nil")
		return
	}
	a.atLeast("picture width", p.Width, 1)
	a.atLeast("picture height", p.Height, 1)
	if a.err == nil && p.Pitch < p.Width+p.Width&1 {
		a.fail("picture pitch", "is %d, %d columns of NV12 need %d", p.Pitch, p.Width, p.Width+p.Width&1)
	}
	if p.Matrix != "bt601" && p.Matrix != "bt709" {
		a.fail("picture matrix", "is %q, expected bt601 or bt709", p.Matrix)
	}
	a.holds("picture", p.Buffer, 1, p.Pitch, p.Height+(p.Height+1)/2)
}

func (a *arguments) limits(l device.Limits) {
	a.atLeast("limits: objects", l.Objects, 0)
	a.atLeast("limits: people", l.People, 0)
}

func (a *arguments) subjects(s *device.Buffer, l device.Limits, first, count int) {
	a.limits(l)
	a.atLeast("first", first, 0)
	a.atLeast("count", count, 1)
	if a.err == nil {
		a.holds("subjects", s, l.SubjectsSize())
	}
}

// values checks that items numbers of each of so many anchors lie in the buffer.
func (a *arguments) values(argument string, v device.Values, anchors, items int) {
	a.elements(argument, v, 4, anchors, items)
}

// elements is values for numbers of size bytes.
func (a *arguments) elements(argument string, v device.Values, size, anchors, items int) {
	a.atLeast(argument+": offset", v.Offset, 0)
	a.atLeast(argument+": anchor", v.Anchor, 0)
	a.atLeast(argument+": item", v.Item, 0)
	a.holds(argument, v.Buffer, int64(size))
	last := int64(v.Offset) + int64(anchors-1)*int64(v.Anchor) + int64(items-1)*int64(v.Item)
	if a.err == nil && v.Buffer.Size()/int64(size) <= last {
		a.fail(argument, "has %d bytes, its last number is at %d", v.Buffer.Size(), int64(size)*last)
	}
}

func (a *arguments) pixels(p device.Pixels) {
	for _, v := range append(p.Scale[:], append(p.Offset[:], p.Pad)...) {
		if v != v || math.IsInf(float64(v), 0) {
			a.fail("pixels", "have the factors %+v, expected numbers", p)
		}
	}
}

func (a *arguments) region(r device.Region) {
	if !(r.Aspect >= 0) || math.IsInf(float64(r.Aspect), 0) {
		a.fail("region aspect", "is %v, expected 0 or more", r.Aspect)
	}
	if !(r.Scale > 0) || math.IsInf(float64(r.Scale), 0) {
		a.fail("region scale", "is %v, expected a number above 0", r.Scale)
	}
}
