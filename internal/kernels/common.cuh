// What the kernel files share: types, numbers that behave as in Go, the records and the Region of
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

// exponential is e to the x, in operations that round the same everywhere; off by less than 1e-15 of itself.
DEVICE double exponential(double x) {
    if (x != x) return x;
    x = x < -708 ? -708 : x > 709 ? 709 : x;
    double k = rint(x * 1.4426950408889634), r = x - k * 0.6931471805599453, sum = 1;
    for (int i = 13; i > 0; i--) sum = 1 + sum * r / i;
    return sum * __longlong_as_double(((int64)k + 1023) << 52);
}

DEVICE float sigmoid(float x) { return (float)(1 / (1 + exponential(-(double)x))); }

// Values are a device.Values: address 0 where there are none.
struct Values {
    address at;
    int anchor, item;
};

DEVICE float value(const Values& v, int anchor, int item) {
    return at_address<const float>(v.at)[(int64)anchor * v.anchor + (int64)item * v.item];
}

struct Box {
    float x1, y1, x2, y2;
};

// Words of a device.Selection and of a list of subjects.
enum { RECORD_HEADER = 4, RECORD = 8, SCORE_WORD = 4, CLASS_WORD = 5, OBJECT_ANCHOR_WORD = 6, INDEX_WORD = 4, ANCHOR_WORD = 5 };

// Subjects is where a list of subjects lies, and its limit. The count is read on the device, for a captured
// graph has none of its own.
struct Subjects {
    address list;
    int limit, reserved;
};

// record is the i-th subject; null beyond them.
DEVICE const float* record(const Subjects& s, int i) {
    int count = *at_address<const int>(s.list);
    if (i >= (count < s.limit ? count : s.limit)) return 0;
    return at_address<const float>(s.list) + RECORD_HEADER + RECORD * (int64)i;
}

// subject fetches the i-th subject's box; false beyond them.
DEVICE bool subject(const Subjects& s, int i, Box* box) {
    const float* r = record(s, i);
    if (!r) return false;
    *box = Box{r[0], r[1], r[2], r[3]};
    return true;
}

// Region is a device.Region.
struct Region {
    float aspect, scale;
    int black, reserved;
};

DEVICE Box region_of(const Region& r, const Box& b) {
    float cx = (b.x1 + b.x2) / 2, cy = (b.y1 + b.y2) / 2;
    float w = (b.x2 - b.x1) * r.scale / 2, h = (b.y2 - b.y1) * r.scale / 2;
    if (r.aspect > 0) {
        w = max_of(w, h * r.aspect);
        h = w / r.aspect;
    }
    return Box{cx - w, cy - h, cx + w, cy + h};
}
