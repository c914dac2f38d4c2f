// Appearance vectors: float16, length 1.

// total adds up a block's 256 values; all threads get the sum.
__device__ static double total(double v) {
    __shared__ double part[8];
    for (int d = 16; d > 0; d /= 2) v += __shfl_down_sync(0xffffffffu, v, d);
    __syncthreads(); // part may still be read from the call before
    if ((threadIdx.x & 31) == 0) part[threadIdx.x / 32] = v;
    __syncthreads();
    v = 0;
    for (int i = 0; i < 8; i++) v += part[i];
    return v;
}

struct Normalize {
    u64 in, out; // float32 [count,length], float16 [.,length]
    int length, first;
};

// A block of 256 threads a vector.
extern "C" __global__ void normalize(Normalize k) {
    const float* from = (const float*)k.in + (long long)blockIdx.x * k.length;
    u16* to = (u16*)k.out + (long long)(k.first + blockIdx.x) * k.length;
    double sum = 0;
    for (int i = threadIdx.x; i < k.length; i += blockDim.x) sum += (double)from[i] * from[i];
    sum = total(sum);
    double scale = sum != 0 ? 1 / sqrt(sum) : 0;
    for (int i = threadIdx.x; i < k.length; i += blockDim.x) to[i] = toHalf((float)(from[i] * scale));
}

struct Cosine {
    u64 a, b, out;
    int rows, columns, length;
};

// A warp a pair.
extern "C" __global__ void cosine(Cosine k) {
    int pair = (blockIdx.x * blockDim.x + threadIdx.x) / 32, lane = threadIdx.x & 31;
    if (pair >= k.rows * k.columns) return;
    const u16* a = (const u16*)k.a + (long long)(pair / k.columns) * k.length;
    const u16* b = (const u16*)k.b + (long long)(pair % k.columns) * k.length;
    float sum = 0;
    for (int i = lane; i < k.length; i += 32) sum += fromHalf(a[i]) * fromHalf(b[i]);
    for (int d = 16; d > 0; d /= 2) sum += __shfl_down_sync(0xffffffffu, sum, d);
    if (lane == 0) ((float*)k.out)[pair] = sum;
}

struct Blend {
    u64 seen, slots, gallery;
    int rows, length, remembered;
    float keep;
};

// One block of 256 threads, because rows take their turn.
extern "C" __global__ void blend(Blend k) {
    for (int row = 0; row < k.rows; row++) {
        int slot = ((const int*)k.slots)[row];
        bool fresh = slot < 0;
        if (fresh) slot = -2 - slot;
        if (slot < 0 || slot >= k.remembered) continue;
        u16* to = (u16*)k.gallery + (long long)slot * k.length;
        const u16* from = (const u16*)k.seen + (long long)row * k.length;
        if (fresh) {
            for (int i = threadIdx.x; i < k.length; i += blockDim.x) to[i] = from[i];
            __syncthreads();
            continue;
        }
        double sum = 0;
        for (int i = threadIdx.x; i < k.length; i += blockDim.x) {
            float v = k.keep * fromHalf(to[i]) + (1 - k.keep) * fromHalf(from[i]);
            sum += (double)v * v;
        }
        sum = total(sum);
        double scale = sum != 0 ? 1 / sqrt(sum) : 0;
        for (int i = threadIdx.x; i < k.length; i += blockDim.x) {
            float v = k.keep * fromHalf(to[i]) + (1 - k.keep) * fromHalf(from[i]);
            to[i] = toHalf((float)(v * scale));
        }
        __syncthreads();
    }
}
