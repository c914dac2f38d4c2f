// Copies that are part of a recorded program: between fixed places, and as a table says.
#include "common.cuh"

struct MoveParams {
    address to, from;
    int64 units;
    int unit, reserved; // bytes
};

struct alignas(16) Quad {
    uint64 low, high;
};

// Grid: units. Either address may be of pinned host memory.
KERNEL move(MoveParams p) {
    int64 i = (int64)blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= p.units) return;
    switch (p.unit) {
    case 16: at_address<Quad>(p.to)[i] = at_address<const Quad>(p.from)[i]; break;
    case 4: at_address<uint32>(p.to)[i] = at_address<const uint32>(p.from)[i]; break;
    default: at_address<byte>(p.to)[i] = at_address<const byte>(p.from)[i];
    }
}

struct Entry {
    address to, from;
    int64 bytes;
};

struct MovesParams {
    address table; // of Entries
    int count, reserved;
};

// copy_units copies with all threads of the grid's x.
template <class Unit> DEVICE void copy_units(const Entry& e) {
    int64 units = e.bytes / (int64)sizeof(Unit), step = (int64)gridDim.x * blockDim.x;
    int64 i = (int64)blockIdx.x * blockDim.x + threadIdx.x;
    const Unit* from = at_address<const Unit>(e.from);
    Unit* to = at_address<Unit>(e.to);
    for (; i + 3 * step < units; i += 4 * step) { // four are on their way at once
        Unit a = from[i], b = from[i + step], c = from[i + 2 * step], d = from[i + 3 * step];
        to[i] = a, to[i + step] = b, to[i + 2 * step] = c, to[i + 3 * step] = d;
    }
    for (; i < units; i += step) to[i] = from[i];
}

// Grid: blocks that share a copy, copies at a time.
KERNEL moves(MovesParams p) {
    for (int i = blockIdx.y; i < p.count; i += gridDim.y) {
        const Entry e = at_address<const Entry>(p.table)[i];
        int64 ends = (int64)e.to | (int64)e.from | e.bytes;
        if (!(ends & 15)) {
            copy_units<Quad>(e);
        } else if (!(ends & 3)) {
            copy_units<uint32>(e);
        } else {
            copy_units<byte>(e);
        }
    }
}
