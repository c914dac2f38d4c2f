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

func (a *arguments) people(s *device.Buffer, l device.Limits, first, count int) {
	a.limits(l)
	a.between("first", first, 0, math.MaxInt32-items)
	a.between("count", count, 1, items)
	a.holds("selection", s, 4)
	if a.err == nil && s.Size() < l.SelectionSize() {
		a.fail("selection", "has %d bytes, its limits need %d", s.Size(), l.SelectionSize())
	}
}

func (a *arguments) region(r device.Region) {
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

// selected mirrors Selected of common.cuh.
type selected struct {
	Selection       uint64
	Objects, People int32
}

func newSelected(b *device.Buffer, l device.Limits) selected {
	return selected{address(b), int32(l.Objects), int32(l.People)}
}

// region mirrors Region of common.cuh.
type region struct {
	Scale         float32
	Square, Black int32
}

func newRegion(r device.Region) region { return region{r.Scale, flag(r.Square), flag(r.Black)} }
