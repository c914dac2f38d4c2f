package kernels

import (
	"fmt"
	"math"

	"sightline/internal/device"
)

// ArgumentError says which argument of a kernel is wrong; there is no plan.
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

func (a *arguments) atLeast(argument string, value, low int) {
	a.between(argument, value, low, math.MaxInt32)
}

func (a *arguments) between(argument string, value, low, high int) {
	if value < low || value > high {
		a.fail(argument, "is %d, expected %d to %d", value, low, high)
	}
}

// holds checks that b has room for an element of size bytes in each of the dimensions, and lies where the
// device can read such elements.
func (a *arguments) holds(argument string, b *device.Buffer, size int64, dimensions ...int) {
	if a.err != nil {
		return
	}
	if b == nil {
		a.fail(argument, "is nil")
		return
	}
	if uint64(b.Address())%uint64(min(size, 8)) != 0 && size <= 8 {
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

func (a *arguments) picture(p *device.Picture) {
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
	a.holds("picture", p.Buffer, 1, p.Pitch, p.Height+(p.Height+1)/2)
}

func (a *arguments) limits(l device.Limits) {
	a.atLeast("limits: objects", l.Objects, 0)
	a.atLeast("limits: people", l.People, 0)
}

// items is the largest number of items of one launch: a grid's y and z end there.
const items = 65535

func (a *arguments) subjects(s *device.Buffer, l device.Limits, first, count int) {
	a.limits(l)
	a.between("first", first, 0, math.MaxInt32-items)
	a.between("count", count, 1, items)
	a.records("subjects", s, l.SubjectsSize())
}

// records checks a selection or a list of subjects.
func (a *arguments) records(argument string, b *device.Buffer, size int64) {
	a.holds(argument, b, 4)
	if a.err == nil && b.Size() < size {
		a.fail(argument, "has %d bytes, its limits need %d", b.Size(), size)
	}
}

// values checks that items numbers of each of so many anchors lie in the buffer.
func (a *arguments) values(argument string, v device.Values, anchors, items int) {
	a.elements(argument, v, 4, anchors, items)
}

// elements is values for numbers of size bytes.
func (a *arguments) elements(argument string, v device.Values, size, anchors, items int) {
	a.between(argument+": offset", v.Offset, 0, math.MaxInt32)
	a.between(argument+": anchor", v.Anchor, 0, math.MaxInt32)
	a.between(argument+": item", v.Item, 0, math.MaxInt32)
	if a.err != nil {
		return
	}
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

func (a *arguments) wanted(wanted []bool) {
	if len(wanted) > MaxWanted {
		a.fail("wanted", "has %d entries, at most %d are possible", len(wanted), MaxWanted)
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

// address is where b lies, for a parameter struct.
func address(b *device.Buffer) uint64 { return uint64(b.Address()) }

// flag is a bool for a parameter struct.
func flag(b bool) int32 {
	if b {
		return 1
	}
	return 0
}

// subjects mirrors Subjects of common.cuh.
type subjects struct {
	List            uint64
	Limit, Reserved int32
}

func newSubjects(b *device.Buffer, l device.Limits) subjects {
	return subjects{List: address(b), Limit: int32(l.People)}
}

// values mirrors Values of common.cuh.
type values struct {
	At           uint64
	Anchor, Item int32
}

func newValues(v device.Values) values { return newElements(v, 4) }

func newElements(v device.Values, size int) values {
	if v.Buffer == nil {
		return values{}
	}
	return values{address(v.Buffer) + uint64(size)*uint64(v.Offset), int32(v.Anchor), int32(v.Item)}
}

// region mirrors Region of common.cuh.
type region struct {
	Aspect, Scale   float32
	Black, Reserved int32
}

func newRegion(r device.Region) region {
	return region{Aspect: r.Aspect, Scale: r.Scale, Black: flag(r.Black)}
}

// classBits has a bit a wanted class.
func classBits(wanted []bool) (bits [MaxWanted / 32]uint32) {
	for class, w := range wanted {
		if w {
			bits[class/32] |= 1 << (class % 32)
		}
	}
	return bits
}
