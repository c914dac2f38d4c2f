// Lets the kernel files compile as C++ and run on a processor. A block's threads are fibers that take turns where they wait for
// each other, at __syncthreads and __ballot_sync; blocks run one after the other. One call at a time.
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

template <class T> static T __ldg(const T* p) { return *p; }

// __byte_perm picks four of eight bytes by the digits of which.
static unsigned __byte_perm(unsigned low, unsigned high, unsigned which) {
    uint64_t bytes = (uint64_t)high << 32 | low;
    unsigned out = 0;
    for (int i = 0; i < 4; i++) out |= (unsigned)(bytes >> (8 * (which >> (4 * i) & 7)) & 255) << (8 * i);
    return out;
}

// Two 16-bit numbers of a times two bytes of b, plus c.
static unsigned __dp2a_lo(unsigned a, unsigned b, unsigned c) { return (a & 0xffff) * (b & 255) + (a >> 16) * (b >> 8 & 255) + c; }
static unsigned __dp2a_hi(unsigned a, unsigned b, unsigned c) { return __dp2a_lo(a, b >> 16, c); }

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

enum { MAX_THREADS = 1024, STACK = 64 << 10, WARP = 32 };

// What a fiber does: it can go on, waits for the block or its warp, or has ended.
enum State { READY, BLOCK, BALLOT, DONE };

struct Fiber {
    ucontext_t context;
    Dim index;
    State state;
    bool vote;
};

static Fiber fibers[MAX_THREADS];
static ucontext_t scheduler;
static int current;
static char* stacks;
static void (*body)(const void*);
static const void* params;
static unsigned votes[MAX_THREADS / WARP];

static void entry() {
    body(params);
    fibers[current].state = DONE;
}

static void wait(State s) {
    fibers[current].state = s;
    swapcontext(&fibers[current].context, &scheduler);
}

static void resume(int i) {
    current = i;
    threadIdx = fibers[i].index;
    swapcontext(&scheduler, &fibers[i].context);
}

static int count(int first, int last, State s) {
    int n = 0;
    for (int i = first; i < last; i++) n += fibers[i].state == s;
    return n;
}

// release lets those go on that wait.
static void release(int first, int last) {
    for (int i = first; i < last; i++)
        if (fibers[i].state != DONE) fibers[i].state = READY;
}

// block runs one block; false if its threads did not all meet where they wait for each other.
static bool block(int n) {
    for (int i = 0; i < n; i++) {
        Fiber& f = fibers[i];
        getcontext(&f.context);
        f.context.uc_stack.ss_sp = stacks + (size_t)i * STACK;
        f.context.uc_stack.ss_size = STACK;
        f.context.uc_link = &scheduler;
        f.index = Dim{i % blockDim.x, i / blockDim.x % blockDim.y, i / blockDim.x / blockDim.y};
        f.state = READY;
        makecontext(&f.context, entry, 0);
    }
    // On a GPU a barrier that some threads of a block, or a vote that some of a warp, never reach is undefined.
    for (bool even = true;;) {
        for (int i = 0; i < n; i++)
            if (fibers[i].state == READY) resume(i);
        bool voted = false;
        for (int first = 0; first < n; first += WARP) {
            int last = first + WARP < n ? first + WARP : n;
            if (count(first, last, BALLOT) == 0 || count(first, last, BLOCK) > 0) continue;
            even = even && count(first, last, DONE) == 0;
            unsigned bits = 0;
            for (int i = first; i < last; i++) bits |= (unsigned)(fibers[i].state == BALLOT && fibers[i].vote) << (i - first);
            votes[first / WARP] = bits;
            release(first, last);
            voted = true;
        }
        if (voted) continue;
        int done = count(0, n, DONE);
        if (done == n) return even;
        even = even && done == 0 && count(0, n, BALLOT) == 0;
        release(0, n);
    }
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

static void __syncthreads() { shim::wait(shim::BLOCK); }

// __ballot_sync is for whole warps.
static unsigned __ballot_sync(unsigned, bool vote) {
    int own = shim::current;
    shim::fibers[own].vote = vote;
    shim::wait(shim::BALLOT);
    return shim::votes[own / shim::WARP];
}
