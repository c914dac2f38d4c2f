// What comes out of models of people -> picture coordinates.

struct Keypoints {
    u64 in, out;
    Selection selection;
    Region region;
    int first, inWidth, inHeight;
};

// blockIdx.x is the item, threadIdx.x the joint.
extern "C" __global__ void keypoints(Keypoints k) {
    int item = blockIdx.x, joint = threadIdx.x;
    if (joint >= 17) return;
    const float* from = (const float*)k.in + (item * 17 + joint) * 3;
    float* to = (float*)k.out + ((k.first + item) * 17 + joint) * 3;
    float box[4], r[4];
    if (!person(k.selection, k.first + item, box)) {
        to[0] = to[1] = to[2] = 0;
        return;
    }
    regionOf(k.region, box, r);
    to[0] = r[0] + from[0] * (r[2] - r[0]) / k.inWidth;
    to[1] = r[1] + from[1] * (r[3] - r[1]) / k.inHeight;
    to[2] = from[2];
}

enum { maskBits = 1 << 17, maskHeader = 32, maskRecord = maskHeader + maskBits / 8 };

struct PackMasks {
    u64 in, out;
    Selection selection;
    Region region;
    int first, inWidth, inHeight, width, height;
    float threshold;
};

// where says between which two of size mask values over lo..hi the centre of picture pixel p lies.
__device__ static Tap where(int p, float lo, float hi, int size) {
    double s = (p + 0.5 - lo) / ((double)hi - lo) * size - 0.5;
    s = fmax(0., fmin(s, size - 1.));
    Tap t;
    t.a = (int)s;
    t.b = min(t.a + 1, size - 1);
    t.part = (float)(s - t.a);
    return t;
}

// A thread makes one word of 32 bits of item blockIdx.y; those beyond the mask are zero.
extern "C" __global__ void pack_masks(PackMasks k) {
    int word = blockIdx.x * blockDim.x + threadIdx.x, item = blockIdx.y;
    if (word >= maskBits / 32) return;
    u32* record = (u32*)(k.out + (u64)(k.first + item) * maskRecord);
    float box[4], r[4] = {0, 0, 0, 0};
    int x0 = 0, y0 = 0, x1 = 0, y1 = 0;
    if (person(k.selection, k.first + item, box)) {
        regionOf(k.region, box, r);
        if (r[0] == r[0] && r[1] == r[1] && r[2] == r[2] && r[3] == r[3]) {
            x0 = (int)clampf(floorf(r[0]), 0.f, k.width);
            y0 = (int)clampf(floorf(r[1]), 0.f, k.height);
            x1 = (int)clampf(ceilf(r[2]), 0.f, k.width);
            y1 = (int)clampf(ceilf(r[3]), 0.f, k.height);
        }
    }
    bool any = x1 > x0 && y1 > y0;
    int w = any ? x1 - x0 : 0, h = any ? y1 - y0 : 0, step = 1;
    while ((long long)((w + step - 1) / step) * ((h + step - 1) / step) > maskBits) step *= 2;
    if (word < maskHeader / 4) {
        int header[8] = {any ? x0 : 0, any ? y0 : 0, w, h, step, 0, 0, 0};
        record[word] = header[word];
    }
    int columns = (w + step - 1) / step, rows = (h + step - 1) / step;
    const float* mask = (const float*)k.in + (long long)item * k.inWidth * k.inHeight;
    u32 bits = 0;
    int column = -1;
    Tap x;
    for (int i = 0; i < 32; i++) {
        int bit = word * 32 + i;
        if (bit >= columns * rows) break;
        if (bit / rows != column) {
            column = bit / rows;
            x = where(x0 + column * step, r[0], r[2], k.inWidth);
        }
        Tap y = where(y0 + (bit - column * rows) * step, r[1], r[3], k.inHeight);
        const float *upper = mask + (long long)y.a * k.inWidth, *lower = mask + (long long)y.b * k.inWidth;
        float a = upper[x.a] + (upper[x.b] - upper[x.a]) * x.part, b = lower[x.a] + (lower[x.b] - lower[x.a]) * x.part;
        if (a + (b - a) * y.part > k.threshold) bits |= 1u << i;
    }
    record[maskHeader / 4 + word] = bits;
}
