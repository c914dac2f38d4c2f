// Lets the kernel files compile as C++ and run on a processor. A block's threads are fibers that take
// turns at __syncthreads; blocks run one after the other. One call at a time.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <ucontext.h>

#define __device__
#define __global__
#define __shared__ static

struct Dim {
    unsigned x, y, z;
};

static Dim threadIdx, blockIdx, blockDim, gridDim;

static unsigned __float_as_uint(float f) {
    unsigned b;
    memcpy(&b, &f, 4);
    return b;
}

static float __uint_as_float(unsigned b) {
    float f;
    memcpy(&f, &b, 4);
    return f;
}

static int __popc(unsigned v) { return __builtin_popcount(v); }

static float __int_as_float(int b) {
    float f;
    memcpy(&f, &b, 4);
    return f;
}

static double __longlong_as_double(long long b) {
    double f;
    memcpy(&f, &b, 8);
    return f;
}

static unsigned atomicOr(unsigned* at, unsigned v) {
    unsigned old = *at;
    *at |= v;
    return old;
}

static unsigned atomicAdd(unsigned* at, unsigned v) {
    unsigned old = *at;
    *at += v;
    return old;
}

namespace shim {

enum { MAX_THREADS = 1024, STACK = 64 << 10 };

struct Fiber {
    ucontext_t context;
    Dim index;
    bool done;
};

static Fiber fibers[MAX_THREADS];
static ucontext_t scheduler;
static int current;
static char* stacks;
static void (*body)(const void*);
static const void* params;

static void entry() {
    body(params);
    fibers[current].done = true;
}

static void resume(int i) {
    current = i;
    threadIdx = fibers[i].index;
    swapcontext(&scheduler, &fibers[i].context);
}

// block runs one block; false if its threads did not meet at the same number of barriers.
static bool block(int n) {
    for (int i = 0; i < n; i++) {
        Fiber& f = fibers[i];
        getcontext(&f.context);
        f.context.uc_stack.ss_sp = stacks + (size_t)i * STACK;
        f.context.uc_stack.ss_size = STACK;
        f.context.uc_link = &scheduler;
        f.index = Dim{i % blockDim.x, i / blockDim.x % blockDim.y, i / blockDim.x / blockDim.y};
        f.done = false;
        makecontext(&f.context, entry, 0);
    }
    bool even = true;
    for (int left = n; left > 0;) {
        int waiting = left, ended = 0;
        for (int i = 0; i < n; i++) {
            if (fibers[i].done) continue;
            resume(i);
            ended += fibers[i].done;
        }
        // On a GPU a barrier that some threads of a block never reach is undefined.
        if (ended > 0 && ended < waiting) even = false;
        left -= ended;
    }
    return even;
}

// launch returns 0, or 1 for an uneven barrier, or 2 for a launch that a GPU would refuse.
static int launch(void (*kernel)(const void*), const void* p, const unsigned* grid, const unsigned* threads) {
    gridDim = Dim{grid[0], grid[1], grid[2]};
    blockDim = Dim{threads[0], threads[1], threads[2]};
    int64_t n = (int64_t)threads[0] * threads[1] * threads[2];
    if (n < 1 || n > MAX_THREADS || !grid[0] || !grid[1] || !grid[2] || grid[1] > 65535 || grid[2] > 65535) return 2;
    if (!stacks) stacks = (char*)malloc((size_t)MAX_THREADS * STACK);
    body = kernel;
    params = p;
    bool even = true;
    for (unsigned z = 0; z < grid[2]; z++)
        for (unsigned y = 0; y < grid[1]; y++)
            for (unsigned x = 0; x < grid[0]; x++) {
                blockIdx = Dim{x, y, z};
                even = block((int)n) && even;
            }
    return even ? 0 : 1;
}

} // namespace shim

static void __syncthreads() { swapcontext(&shim::fibers[shim::current].context, &shim::scheduler); }
