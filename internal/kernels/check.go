package kernels

import (
	"fmt"
	"math"

	"sightline/internal/device"
)

// ArgumentError says which argument of a kernel is wrong; there is no plan.
type ArgumentError = device.ArgumentError

// arguments checks what the GPU asks of a kernel's arguments beyond their own Check, and keeps the first error.
type arguments struct {
	kernel string
	err    error
}

func (a *arguments) fail(argument, format string, values ...any) {
	if a.err == nil {
		a.err = &ArgumentError{Kernel: a.kernel, Argument: argument, Problem: fmt.Sprintf(format, values...)}
	}
}

func (a *arguments) between(argument string, value, low, high int) {
	if value < low || value > high {
		a.fail(argument, "is %d, expected %d to %d", value, low, high)
	}
}

func (a *arguments) buffer(argument string, b *device.Buffer) {
	if b == nil || b.Size() == 0 {
		a.fail(argument, "is nil or empty")
	}
}

// and adds what every device asks.
func (a *arguments) and(err error) {
	if a.err == nil {
		a.err = err
	}
}

// items is the largest number of items of one launch: a grid's y and z end there.
const items = 65535

// batch bounds the items of a launch.
func (a *arguments) batch(first, count int) {
	a.between("first", first, 0, math.MaxInt32-items)
	a.between("count", count, 1, items)
}

func (a *arguments) wanted(wanted []bool) {
	if len(wanted) > MaxWanted {
		a.fail("wanted", "has %d entries, at most %d are possible", len(wanted), MaxWanted)
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
