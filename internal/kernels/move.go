package kernels

import "sightline/internal/device"

type moveParams struct {
	To, From       uint64
	Units          int64
	Unit, Reserved int32
}

const movers = 256

// Move plans a copy between buffers of one size, on the device or pinned. Inside a graph it spares the way to a copy
// engine and back that the driver's own copies take.
func Move(to, from *device.Buffer) ([]Launch, error) {
	a := arguments{kernel: "move"}
	a.buffer("to", to)
	a.buffer("from", from)
	if a.err == nil && to.Size() != from.Size() {
		a.fail("from", "has %d bytes, to has %d", from.Size(), to.Size())
	}
	if a.err != nil {
		return nil, a.err
	}
	unit := 16
	for (address(to)|address(from)|uint64(to.Size()))%uint64(unit) != 0 {
		unit /= 4
	}
	units := to.Size() / int64(unit)
	return []Launch{newLaunch("move", [3]uint32{blocks(int(units), movers), 1, 1}, [3]uint32{movers, 1, 1}, &moveParams{
		To: address(to), From: address(from), Units: units, Unit: int32(unit),
	})}, nil
}

type movesParams struct {
	Table           uint64
	Count, Reserved int32
}

// Moves plans device.Kernels.Moves. What a copy's size is the plan does not know: so many blocks share each. Most tables are
// empty but for their beginning, so more blocks than fill a GPU would only look at empty entries.
func Moves(k device.Moves) ([]Launch, error) {
	const sharing, together = 64, 16
	a := arguments{kernel: "moves"}
	a.between("count", k.Count, 1, items)
	a.and(k.Check())
	if a.err != nil {
		return nil, a.err
	}
	return []Launch{newLaunch("moves", [3]uint32{sharing, uint32(min(k.Count, together)), 1}, [3]uint32{movers, 1, 1}, &movesParams{
		Table: address(k.Table), Count: int32(k.Count),
	})}, nil
}
