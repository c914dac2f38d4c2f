// Copies that are part of a recorded program.
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
