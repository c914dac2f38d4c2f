// NV12 pictures -> models' inputs: letterbox and the crops of subjects. The arithmetic is that of
// device/host, in integers, so that both agree bit for bit.
#include "common.cuh"

// Place is where a picture lies: a device.Planes.
struct Place {
    address luma, chroma;
    int64 pitch;
};

// Picture is an NV12 picture. Its colour factors are fixed-point numbers with COLOUR_BITS fraction
// bits, made in Go.
struct Picture {
    address place; // of the Place that says where it lies now; 0: it lies at at
    Place at;
    int64 redOffset, greenOffset, blueOffset;
    int lumaFactor, redV, greenU, greenV, blueU;
    int black; // luma of black
    int width, height;
};

DEVICE Place place_of(const Picture& p) { return p.place ? *at_address<const Place>(p.place) : p.at; }

// Weights of taps have WEIGHT_BITS fraction bits: an 8-bit value times one in x and one in y just fits
// 32 bits.
enum { WEIGHT_BITS = 12, WEIGHT_ONE = 1 << WEIGHT_BITS, COLOUR_BITS = 20, NEUTRAL = 128 };

// Tap: at times a plus at+1 times b, plus rest, which is the share of black.
struct Tap {
    int at;
    uint32 a, b, rest;
};

// new_tap makes the tap at coordinate s of size pixels.
DEVICE Tap new_tap(double s, int size, bool black, uint32 level) {
    if (!(s >= -2)) s = -2; // also not a number
    s = s < size + 1.0 ? s : size + 1.0;
    int at = (int)floor(s);
    int b = (int)rint((s - at) * WEIGHT_ONE);
    int a = WEIGHT_ONE - b;
    if (black) {
        if (at < 0 || at >= size) a = 0;
        if (at + 1 < 0 || at + 1 >= size) b = 0;
    }
    uint32 rest = (uint32)(WEIGHT_ONE - a - b) * level;
    if (at < 0) { // both taps are at the first pixel or before it
        at = 0, a += b, b = 0;
    } else if (at > size - 2 && size > 1) {
        at = size - 2, b += a, a = 0;
    } else if (at > size - 2) {
        at = 0, a += b, b = 0;
    }
    return Tap{at, (uint32)a, (uint32)b, rest};
}

// axis_taps makes the luma and chroma taps of target pixel i of n over lo..hi.
DEVICE void axis_taps(Tap* full, Tap* half, int i, int n, double lo, double hi, int size, bool black, uint32 level) {
    double s = lo + (i + 0.5) * (hi - lo) / n - 0.5;
    *full = new_tap(s, size, black, level);
    *half = new_tap((s + 0.5) / 2 - 0.5, size / 2 + (size & 1), black, NEUTRAL);
}

// blend reads four values, step bytes apart in x; size pixels lie in a row, rows rows in the plane.
DEVICE uint32 blend(const byte* plane, int64 pitch, int step, const Tap& x, const Tap& y, int size, int rows) {
    // A weight of 0 may stand for a pixel that does not exist.
    int64 x0 = (int64)x.at * step, x1 = (int64)(x.at + 1 < size ? x.at + 1 : x.at) * step;
    const byte* upper = plane + y.at * pitch;
    const byte* lower = plane + (y.at + 1 < rows ? y.at + 1 : y.at) * pitch;
    uint32 above = upper[x0] * x.a + upper[x1] * x.b + x.rest;
    uint32 below = lower[x0] * x.a + lower[x1] * x.b + x.rest;
    return above * y.a + below * y.b + (y.rest << WEIGHT_BITS);
}

DEVICE float unit(int64 v) {
    const int64 white = (int64)255 << (2 * WEIGHT_BITS + COLOUR_BITS);
    v = v < 0 ? 0 : v > white ? white : v;
    return (float)v * (float)(1.0 / (double)white);
}

enum { TILE_X = 32, TILE_Y = 8 };

// Taps of a block's columns and rows: made once, for they cost double precision.
struct Tile {
    Tap x[TILE_X], cx[TILE_X], y[TILE_Y], cy[TILE_Y];
};

// aim fills the tile; column and row are the target pixel of its first thread.
DEVICE void aim(Tile* t, const Picture& p, const Box& r, bool black, int column, int row, int width, int height) {
    int i = threadIdx.y * TILE_X + threadIdx.x;
    if (i < TILE_X) {
        axis_taps(&t->x[i], &t->cx[i], column + i, width, r.x1, r.x2, p.width, black, p.black);
    } else if (i - TILE_X < TILE_Y) {
        i -= TILE_X;
        axis_taps(&t->y[i], &t->cy[i], row + i, height, r.y1, r.y2, p.height, black, p.black);
    }
}

// Pixels is a device.Pixels; scale and offset are in the order of red, green, blue.
struct Pixels {
    float redScale, greenScale, blueScale, redOffset, greenOffset, blueOffset;
    float pad;
    int bgr, last, integer;
};

// as_stored is a value as the input holds it.
DEVICE float as_stored(const Pixels& p, float v) { return p.integer ? __int_as_float((int)rintf(v)) : v; }

// store writes pixel x, y of a width x height input that starts at out.
DEVICE void store(const Pixels& p, float* out, int x, int y, int width, int height, float r, float g, float b) {
    int64 plane = p.last ? 1 : (int64)width * height, at = (int64)y * width + x;
    if (p.last) at *= 3;
    out[at + (p.bgr ? 2 * plane : 0)] = as_stored(p, r * p.redScale + p.redOffset);
    out[at + plane] = as_stored(p, g * p.greenScale + p.greenOffset);
    out[at + (p.bgr ? 0 : 2 * plane)] = as_stored(p, b * p.blueScale + p.blueOffset);
}

// sample is this thread's pixel.
DEVICE void sample(const Tile& t, const Picture& p, float* r, float* g, float* b) {
    const Tap &x = t.x[threadIdx.x], &cx = t.cx[threadIdx.x], &y = t.y[threadIdx.y], &cy = t.cy[threadIdx.y];
    const Place at = place_of(p);
    const byte *luma = at_address<const byte>(at.luma), *chroma = at_address<const byte>(at.chroma);
    int halfWidth = p.width / 2 + (p.width & 1), halfHeight = p.height / 2 + (p.height & 1);
    int64 grey = (int64)blend(luma, at.pitch, 1, x, y, p.width, p.height) * p.lumaFactor;
    int64 u = blend(chroma, at.pitch, 2, cx, cy, halfWidth, halfHeight);
    int64 v = blend(chroma + 1, at.pitch, 2, cx, cy, halfWidth, halfHeight);
    *r = unit(grey + v * p.redV + p.redOffset);
    *g = unit(grey + u * p.greenU + v * p.greenV + p.greenOffset);
    *b = unit(grey + u * p.blueU + p.blueOffset);
}

struct LetterboxParams {
    Picture picture;
    Pixels pixels;
    address out;
    int outWidth, outHeight;
    int left, top, width, height; // the picture's place in out
};

// Grid: tiles of out.
KERNEL letterbox(LetterboxParams p) {
    __shared__ Tile tile;
    int column = blockIdx.x * TILE_X - p.left, row = blockIdx.y * TILE_Y - p.top;
    Box whole = {0, 0, (float)p.picture.width, (float)p.picture.height};
    aim(&tile, p.picture, whole, false, column, row, p.width, p.height);
    __syncthreads();
    int x = blockIdx.x * TILE_X + threadIdx.x, y = blockIdx.y * TILE_Y + threadIdx.y;
    if (x >= p.outWidth || y >= p.outHeight) return;
    float r = p.pixels.pad, g = r, b = r;
    if (x >= p.left && y >= p.top && x < p.left + p.width && y < p.top + p.height) sample(tile, p.picture, &r, &g, &b);
    store(p.pixels, at_address<float>(p.out), x, y, p.outWidth, p.outHeight, r, g, b);
}

struct CropParams {
    Picture picture;
    Pixels pixels;
    Subjects subjects;
    address out;
    Region region;
    int first;
    int outWidth, outHeight, reserved;
};

// Grid: tiles of an item, then items.
KERNEL crop(CropParams p) {
    __shared__ Tile tile;
    Box box;
    bool present = subject(p.subjects, p.first + blockIdx.z, &box); // the same for the whole block
    if (present) {
        aim(&tile, p.picture, region_of(p.region, box), p.region.black, blockIdx.x * TILE_X, blockIdx.y * TILE_Y,
            p.outWidth, p.outHeight);
    }
    __syncthreads();
    int x = blockIdx.x * TILE_X + threadIdx.x, y = blockIdx.y * TILE_Y + threadIdx.y;
    if (x >= p.outWidth || y >= p.outHeight) return;
    int64 size = 3 * (int64)p.outWidth * p.outHeight;
    float* out = at_address<float>(p.out) + size * blockIdx.z;
    if (!present) {
        int64 at = ((int64)y * p.outWidth + x) * 3;
        out[at] = out[at + 1] = out[at + 2] = 0; // all together clear the item, in any layout
        return;
    }
    float r, g, b;
    sample(tile, p.picture, &r, &g, &b);
    store(p.pixels, out, x, y, p.outWidth, p.outHeight, r, g, b);
}
