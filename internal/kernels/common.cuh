// What all kernels share. The files are compiled together, in the order that gen gives, with no headers
// of anybody else and without contraction of a*b+c, so that results are those of the Go kernels.

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

__device__ static float clampf(float v, float low, float high) { return fminf(fmaxf(v, low), high); }

// A Selection, as package device lays it out: counts, objects of six words, indices of people.
struct Selection {
    u64 at;
    int objects, people; // the limits
};

__device__ static bool person(Selection s, int i, float box[4]) {
    const int* words = (const int*)s.at;
    if (i >= min(words[1], s.people)) return false;
    int index = words[2 + 6 * s.objects + i];
    if (index < 0 || index >= s.objects) return false;
    const float* b = (const float*)(words + 2 + 6 * index);
    for (int k = 0; k < 4; k++) box[k] = b[k];
    return true;
}

// Region: see device.Region.
struct Region {
    int square;
    float scale;
};

__device__ static void regionOf(Region r, const float box[4], float out[4]) {
    float cx = (box[0] + box[2]) / 2, cy = (box[1] + box[3]) / 2;
    float w = (box[2] - box[0]) * r.scale / 2, h = (box[3] - box[1]) * r.scale / 2;
    if (r.square) w = h = fmaxf(w, h);
    out[0] = cx - w;
    out[1] = cy - h;
    out[2] = cx + w;
    out[3] = cy + h;
}

__device__ static u16 toHalf(float f) {
    u16 h;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(h) : "f"(f));
    return h;
}

__device__ static float fromHalf(u16 h) {
    float f;
    asm("cvt.f32.f16 %0, %1;" : "=f"(f) : "h"(h));
    return f;
}
