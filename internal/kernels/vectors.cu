// Appearance vectors: normalise, compare, remember.
#include "common.cuh"

// half_of rounds to the nearest float16, ties to even; what is too large becomes infinite.
DEVICE half_bits half_of(float f) {
    uint32 b = __float_as_uint(f), sign = b >> 16 & 0x8000;
    b &= 0x7fffffff;
    if (b > 0x7f800000) return (half_bits)(sign | 0x7e00 | (b >> 13 & 0x3ff)); // NaN stays one
    if (b >= 0x47800000) return (half_bits)(sign | 0x7c00);
    if (b < 0x38800000) { // subnormal: the sum's last place is 2^-24, so the addition rounds
        return (half_bits)(sign | (__float_as_uint(__uint_as_float(b) + 0.5f) - 0x3f000000));
    }
    b += 0xfff + (b >> 13 & 1); // a carry out of the mantissa raises the exponent, as it should
    return (half_bits)(sign | ((b - (112u << 23)) >> 13));
}

// float_of is exact.
DEVICE float float_of(half_bits h) {
    uint32 b = (uint32)(h & 0x7fff) << 13;
    if ((h & 0x7c00) == 0x7c00) {
        b |= 0x7f800000;
    } else {
        b = __float_as_uint(__uint_as_float(b) * 0x1p112f); // subnormals come out right too
    }
    return __uint_as_float(b | (uint32)(h & 0x8000) << 16);
}

enum { THREADS = 128 };

// scale_of sums all threads' squares, in a fixed order, and returns 1/length; 0 for a zero vector.
// Squares of float32 neither overflow nor vanish in double.
DEVICE double scale_of(double* sums, double own) {
    sums[threadIdx.x] = own;
    __syncthreads();
    for (int n = THREADS / 2; n > 0; n /= 2) {
        if ((int)threadIdx.x < n) sums[threadIdx.x] += sums[threadIdx.x + n];
        __syncthreads();
    }
    double sum = sums[0];
    __syncthreads(); // before the next use of sums
    return sum != 0 ? 1 / sqrt(sum) : 0;
}

struct NormalizeParams {
    address in, out;
    int length, first;
};

// Grid: items.
KERNEL normalize(NormalizeParams p) {
    __shared__ double sums[THREADS];
    const float* in = at_address<const float>(p.in) + (int64)blockIdx.x * p.length;
    half_bits* out = at_address<half_bits>(p.out) + ((int64)p.first + blockIdx.x) * p.length;
    double own = 0;
    for (int i = threadIdx.x; i < p.length; i += THREADS) own += (double)in[i] * in[i];
    double scale = scale_of(sums, own);
    for (int i = threadIdx.x; i < p.length; i += THREADS) out[i] = half_of((float)(in[i] * scale));
}

enum { SIDE = 16, DEPTH = 64 };

struct CosineParams {
    address a, b, out;
    int rows, columns, length;
    int reserved;
};

// Grid: SIDE x SIDE products a block. The order of additions is that of device/host: four sums by
// index modulo 4, what is left over of the length to the first.
KERNEL cosine(CosineParams p) {
    __shared__ float a[SIDE][DEPTH + 1], b[SIDE][DEPTH + 1];
    int row = blockIdx.y * SIDE + threadIdx.y, column = blockIdx.x * SIDE + threadIdx.x;
    float sums[4] = {0, 0, 0, 0};
    for (int base = 0; base < p.length; base += DEPTH) {
        int n = p.length - base < DEPTH ? p.length - base : DEPTH;
        for (int i = threadIdx.x; i < n; i += SIDE) {
            int other = blockIdx.x * SIDE + threadIdx.y;
            a[threadIdx.y][i] = row < p.rows ? float_of(at_address<const half_bits>(p.a)[(int64)row * p.length + base + i]) : 0;
            b[threadIdx.y][i] = other < p.columns ? float_of(at_address<const half_bits>(p.b)[(int64)other * p.length + base + i]) : 0;
        }
        __syncthreads();
        int i = 0;
        for (; i + 4 <= n; i += 4) {
            for (int j = 0; j < 4; j++) sums[j] += a[threadIdx.y][i + j] * b[threadIdx.x][i + j];
        }
        for (; i < n; i++) sums[0] += a[threadIdx.y][i] * b[threadIdx.x][i]; // only at the very end: DEPTH is a multiple of 4
        __syncthreads();
    }
    if (row < p.rows && column < p.columns) {
        at_address<float>(p.out)[(int64)row * p.columns + column] = (sums[0] + sums[1]) + (sums[2] + sums[3]);
    }
}

struct BlendParams {
    address seen, slots, gallery;
    int rows, length;
    int remembered; // rows of the gallery
    float keep, fresh;
    int reserved;
};

// slot_of decodes an entry of slots; -1 if there is nothing to do.
DEVICE int slot_of(int code, int remembered, bool* copied) {
    *copied = code < 0;
    int slot = code < 0 ? -2 - code : code;
    return slot >= 0 && slot < remembered ? slot : -1;
}

// Grid: rows. The block of the first row with a slot does all rows with it, in order, so that no two
// blocks write the same gallery row.
KERNEL blend(BlendParams p) {
    __shared__ double sums[THREADS];
    const int* slots = at_address<const int>(p.slots);
    int own = blockIdx.x;
    bool copied;
    int slot = slot_of(slots[own], p.remembered, &copied);
    if (slot < 0) return; // the same for the whole block, as are the conditions below
    for (int i = 0; i < own; i++) {
        bool ignored;
        if (slot_of(slots[i], p.remembered, &ignored) == slot) return;
    }
    half_bits* to = at_address<half_bits>(p.gallery) + (int64)slot * p.length;
    for (int i = own; i < p.rows; i++) {
        if (slot_of(slots[i], p.remembered, &copied) != slot) continue;
        const half_bits* from = at_address<const half_bits>(p.seen) + (int64)i * p.length;
        // A thread reads and writes its own values only: no order with other threads is needed.
        if (copied) {
            for (int j = threadIdx.x; j < p.length; j += THREADS) to[j] = from[j];
            continue;
        }
        double sum = 0;
        for (int j = threadIdx.x; j < p.length; j += THREADS) {
            float mixed = p.keep * float_of(to[j]) + p.fresh * float_of(from[j]);
            sum += (double)mixed * mixed;
        }
        double scale = scale_of(sums, sum);
        for (int j = threadIdx.x; j < p.length; j += THREADS) {
            float mixed = p.keep * float_of(to[j]) + p.fresh * float_of(from[j]);
            to[j] = half_of((float)(mixed * scale));
        }
    }
}
