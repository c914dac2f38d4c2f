// NV12 -> RGB 0..1, bilinear: a whole picture letterboxed, or a batch of people cropped.

struct Picture {
    u64 luma, chroma;
    int pitch, width, height;
    // colour: R = (y-black)*scale + v*redV, and so on.
    float black, scale, redV, greenU, greenV, blueU;
};

// tap is one axis of a bilinear sample: two clamped positions, the second's share, and, where what lies
// outside is black, which of them exist.
struct Tap {
    int a, b;
    float part;
    bool hasA, hasB;
};

__device__ static Tap tapAt(float s, int size) {
    s = clampf(s, -2.f, size + 1.f);
    float low = floorf(s);
    int a = (int)low;
    Tap t;
    t.part = s - low;
    t.hasA = a >= 0 && a < size;
    t.hasB = a + 1 >= 0 && a + 1 < size;
    t.a = min(max(a, 0), size - 1);
    t.b = min(max(a + 1, 0), size - 1);
    return t;
}

__device__ static float blend4(float aa, float ab, float ba, float bb, float x, float y) {
    float upper = aa + (ab - aa) * x, lower = ba + (bb - ba) * x;
    return upper + (lower - upper) * y;
}

// plane samples one channel; step is the distance of two pixels in bytes, nothing what lies outside.
__device__ static float plane(const u8* p, int pitch, int step, Tap x, Tap y, bool black, float nothing) {
    const u8 *upper = p + (long long)y.a * pitch, *lower = p + (long long)y.b * pitch;
    float aa = upper[x.a * step], ab = upper[x.b * step], ba = lower[x.a * step], bb = lower[x.b * step];
    if (black) {
        if (!x.hasA || !y.hasA) aa = nothing;
        if (!x.hasB || !y.hasA) ab = nothing;
        if (!x.hasA || !y.hasB) ba = nothing;
        if (!x.hasB || !y.hasB) bb = nothing;
    }
    return blend4(aa, ab, ba, bb, x.part, y.part);
}

// rgb writes the colour at picture coordinates x, y.
__device__ static void rgb(Picture p, float x, float y, bool black, float* out, long long stride) {
    Tap lx = tapAt(x, p.width), ly = tapAt(y, p.height);
    Tap cx = tapAt((x + 0.5f) / 2 - 0.5f, (p.width + 1) / 2), cy = tapAt((y + 0.5f) / 2 - 0.5f, (p.height + 1) / 2);
    const u8* chroma = (const u8*)p.chroma;
    float l = (plane((const u8*)p.luma, p.pitch, 1, lx, ly, black, p.black) - p.black) * p.scale;
    float u = plane(chroma, p.pitch, 2, cx, cy, black, 128.f) - 128.f;
    float v = plane(chroma + 1, p.pitch, 2, cx, cy, black, 128.f) - 128.f;
    out[0] = clampf(l + v * p.redV, 0.f, 255.f) / 255.f;
    out[stride] = clampf(l + u * p.greenU + v * p.greenV, 0.f, 255.f) / 255.f;
    out[2 * stride] = clampf(l + u * p.blueU, 0.f, 255.f) / 255.f;
}

struct Letterbox {
    Picture picture;
    u64 out;
    int outWidth, outHeight, left, top, width, height;
};

extern "C" __global__ void letterbox(Letterbox k) {
    int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
    if (x >= k.outWidth || y >= k.outHeight) return;
    long long stride = (long long)k.outWidth * k.outHeight;
    float* out = (float*)k.out + (long long)y * k.outWidth + x;
    int ix = x - k.left, iy = y - k.top;
    if (ix < 0 || iy < 0 || ix >= k.width || iy >= k.height) {
        out[0] = out[stride] = out[2 * stride] = 0;
        return;
    }
    float sx = (ix + 0.5f) * k.picture.width / k.width - 0.5f, sy = (iy + 0.5f) * k.picture.height / k.height - 0.5f;
    rgb(k.picture, sx, sy, false, out, stride);
}

struct Crop {
    Picture picture;
    Selection selection;
    u64 out;
    Region region;
    int black, first, outWidth, outHeight;
};

// blockIdx.z is the item.
extern "C" __global__ void crop(Crop k) {
    int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
    if (x >= k.outWidth || y >= k.outHeight) return;
    long long stride = (long long)k.outWidth * k.outHeight;
    float* out = (float*)k.out + 3 * stride * blockIdx.z + (long long)y * k.outWidth + x;
    float box[4], r[4];
    if (!person(k.selection, k.first + blockIdx.z, box)) {
        out[0] = out[stride] = out[2 * stride] = 0;
        return;
    }
    regionOf(k.region, box, r);
    float sx = r[0] + (x + 0.5f) * (r[2] - r[0]) / k.outWidth - 0.5f;
    float sy = r[1] + (y + 0.5f) * (r[3] - r[1]) / k.outHeight - 0.5f;
    rgb(k.picture, sx, sy, k.black, out, stride);
}
