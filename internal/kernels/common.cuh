// What the kernel files share: types, numbers that behave as in Go, the Selection and the Region of
// package device. Nothing here needs a toolkit header. NVRTC compiles with -fmad=false, so that every
// float operation rounds as it does in Go.
#pragma once

typedef unsigned char byte;
typedef unsigned short half_bits; // a float16
typedef unsigned int uint32;
typedef unsigned long long uint64;
typedef long long int64;
typedef uint64 address; // of device memory, in a parameter struct

#define DEVICE __device__ static inline
#define KERNEL extern "C" __global__ void

template <class T> DEVICE T* at_address(address a) { return (T*)a; }

// max_of and min_of are Go's: a NaN wins, and zeros have an order.
template <class T> DEVICE T max_of(T a, T b) {
    if (a != a || b != b) return a + b;
    if (a == b) return a == 0 ? a + b : a;
    return a > b ? a : b;
}

template <class T> DEVICE T min_of(T a, T b) {
    if (a != a || b != b) return a + b;
    if (a == b) return a == 0 ? -(-a + -b) : a;
    return a < b ? a : b;
}

// Selected is where a device.Selection lies, and its limits. The counts are read on the device, for
// a captured graph has none of its own.
struct Selected {
    address selection;
    int objects, people;
};

struct Box {
    float x1, y1, x2, y2;
};

// person fetches the i-th person's box; false beyond the people.
DEVICE bool person(const Selected& s, int i, Box* box) {
    const int* ints = at_address<const int>(s.selection);
    int people = ints[1] < s.people ? ints[1] : s.people;
    if (i >= people) return false;
    int index = ints[2 + 6 * (int64)s.objects + i];
    if (index < 0 || index >= s.objects) return false;
    const float* b = at_address<const float>(s.selection) + 2 + 6 * (int64)index;
    *box = Box{b[0], b[1], b[2], b[3]};
    return true;
}

// Region is a device.Region.
struct Region {
    float scale;
    int square, black;
};

DEVICE Box region_of(const Region& r, const Box& b) {
    float cx = (b.x1 + b.x2) / 2, cy = (b.y1 + b.y2) / 2;
    float w = (b.x2 - b.x1) * r.scale / 2, h = (b.y2 - b.y1) * r.scale / 2;
    if (r.square) {
        w = max_of(w, h);
        h = w;
    }
    return Box{cx - w, cy - h, cx + w, cy + h};
}
