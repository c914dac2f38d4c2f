// NV12 pictures -> models' inputs: letterbox and the crops of subjects. The arithmetic is that of
// device/host, in integers, so that both agree bit for bit.
#include "common.cuh"

// Place is where a picture lies: a device.Planes.
struct Place {
    address luma, chroma;
    int64 pitch;
};

// Picture is an NV12 picture. Its colour factors are fixed-point numbers with COLOUR_BITS fraction
// bits, made in Go. Those of green are what chroma takes away.
struct Picture {
    address place; // of the Place that says where it lies now; 0: it lies at at
    Place at;
    int64 redOffset, greenOffset, blueOffset;
    uint32 lumaFactor, redV, greenU, greenV, blueU;
    int black; // luma of black
    int width, height;
};

DEVICE Place place_of(const Picture& p) {
    Place at = p.at;
    if (p.place) at = *at_address<const Place>(p.place);
    return at;
}

// Weights of taps have WEIGHT_BITS fraction bits: an 8-bit value times one in x and one in y just fits
// 32 bits.
enum { WEIGHT_BITS = 12, WEIGHT_ONE = 1 << WEIGHT_BITS, COLOUR_BITS = 20, NEUTRAL = 128 };

// Tap: what is first bytes away times a plus what is second bytes away times b, plus rest, which is the share of black.
struct Tap {
    uint32 first, second, a, b, rest;
};

// new_tap makes the tap at coordinate s of size pixels that are step bytes apart.
DEVICE Tap new_tap(double s, int size, bool black, uint32 level, uint32 step) {
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
    // A weight of 0 may stand for a pixel that does not exist.
    return Tap{at * step, (at + 1 < size ? at + 1 : at) * step, (uint32)a, (uint32)b, rest};
}

// A block's threads make ROWS pixels each, TILE_Y rows apart: what a column costs is paid once for them.
enum { TILE_X = 32, TILE_Y = 8, ROWS = 4, TILE_ROWS = TILE_Y * ROWS };

// Tile has the taps of a block's columns and rows in both planes, made once, for they cost double precision, and where the planes lie.
struct Tile {
    Tap x[TILE_X], cx[TILE_X], y[TILE_ROWS], cy[TILE_ROWS];
    Place at;
    bool even; // pairs of chroma lie at even addresses
};

// axis_taps makes the luma and chroma taps of target pixel i of n over lo..hi; pixels are step and half bytes apart.
DEVICE void axis_taps(Tap* luma, Tap* chroma, int i, int n, double lo, double hi, int size, bool black, uint32 level, uint32 step, uint32 half) {
    double s = lo + (i + 0.5) * (hi - lo) / n - 0.5;
    *luma = new_tap(s, size, black, level, step);
    *chroma = new_tap((s + 0.5) / 2 - 0.5, size / 2 + (size & 1), black, NEUTRAL, half);
}

// aim fills the tile; column and row are the target pixel of its first thread.
DEVICE void aim(Tile* t, const Picture& p, const Box& r, bool black, int column, int row, int width, int height) {
    int i = threadIdx.y * TILE_X + threadIdx.x;
    if (i < TILE_X) {
        axis_taps(&t->x[i], &t->cx[i], column + i, width, r.x1, r.x2, p.width, black, p.black, 1, 2);
    } else if (i - TILE_X < TILE_ROWS) {
        i -= TILE_X;
        uint32 pitch = (uint32)place_of(p).pitch;
        axis_taps(&t->y[i], &t->cy[i], row + i, height, r.y1, r.y2, p.height, black, p.black, pitch, pitch);
        t->y[i].rest <<= WEIGHT_BITS, t->cy[i].rest <<= WEIGHT_BITS; // rows are weighed last
    } else if (i == TILE_X + TILE_ROWS) {
        t->at = place_of(p);
        t->even = !((t->at.chroma | (address)t->at.pitch) & 1);
    }
}

// weigh puts the four values around a point together.
DEVICE uint32 weigh(uint32 a, uint32 b, uint32 c, uint32 d, const Tap& x, const Tap& y) {
    return (a * x.a + b * x.b + x.rest) * y.a + (c * x.a + d * x.b + x.rest) * y.b + y.rest;
}

// pair is U and, above it, V; EVEN says that they lie at an even address, as in every decoder's picture.
template <bool EVEN> DEVICE uint32 pair(const byte* at) { return EVEN ? *(const unsigned short*)at : at[0] | (uint32)at[1] << 8; }

// unit is v, of which white is 1, within 0 and 1. Rounding keeps order and white itself, so it may come first.
DEVICE float unit(int64 v) {
    const float white = (float)((int64)255 << (2 * WEIGHT_BITS + COLOUR_BITS));
    float f = (float)v;
    f = f < 0 ? 0 : f > white ? white : f;
    return f * (float)(1.0 / (double)white);
}

// sample is the pixel at a column's and a row's taps. Products are of unsigned 32-bit numbers, which a GPU multiplies in one step.
template <bool EVEN>
DEVICE void sample(const Tile& t, const Picture& p, const Tap& x, const Tap& cx, const Tap& y, const Tap& cy, float* r, float* g, float* b) {
    const byte *upper = at_address<const byte>(t.at.luma) + y.first, *lower = at_address<const byte>(t.at.luma) + y.second;
    uint64 luma = weigh(upper[x.first], upper[x.second], lower[x.first], lower[x.second], x, y);
    upper = at_address<const byte>(t.at.chroma) + cy.first, lower = at_address<const byte>(t.at.chroma) + cy.second;
    uint32 i = pair<EVEN>(upper + cx.first), j = pair<EVEN>(upper + cx.second);
    uint32 k = pair<EVEN>(lower + cx.first), l = pair<EVEN>(lower + cx.second);
    uint64 u = weigh(i & 255, j & 255, k & 255, l & 255, cx, cy);
    uint64 v = weigh(i >> 8, j >> 8, k >> 8, l >> 8, cx, cy);
    uint64 grey = luma * p.lumaFactor;
    *r = unit((int64)(grey + v * p.redV) + p.redOffset);
    *g = unit((int64)(grey - (u * p.greenU + v * p.greenV)) + p.greenOffset);
    *b = unit((int64)(grey + u * p.blueU) + p.blueOffset);
}

// Pixels is a device.Pixels; scale and offset are in the order of red, green, blue.
struct Pixels {
    float redScale, greenScale, blueScale, redOffset, greenOffset, blueOffset;
    float pad;
    int bgr, last, integer;
};

// as_stored is a value as the input holds it.
DEVICE float as_stored(const Pixels& p, float v) { return p.integer ? __int_as_float((int)rintf(v)) : v; }

// store writes a pixel whose first colour is out; plane is how far the next one is.
DEVICE void store(const Pixels& p, float* out, int64 plane, float r, float g, float b) {
    out[p.bgr ? 2 * plane : 0] = as_stored(p, r * p.redScale + p.redOffset);
    out[plane] = as_stored(p, g * p.greenScale + p.greenOffset);
    out[p.bgr ? 0 : 2 * plane] = as_stored(p, b * p.blueScale + p.blueOffset);
}

struct LetterboxParams {
    Picture picture;
    Pixels pixels;
    address out;
    int outWidth, outHeight;
    int left, top, width, height; // the picture's place in out
};

template <bool EVEN> DEVICE void letterbox_rows(const LetterboxParams& p, const Tile& tile, int x) {
    bool inside = x >= p.left && x < p.left + p.width;
    const Tap tx = tile.x[threadIdx.x], tcx = tile.cx[threadIdx.x];
    int64 plane = p.pixels.last ? 1 : (int64)p.outWidth * p.outHeight;
#pragma unroll
    for (int i = 0; i < ROWS; i++) {
        int own = i * TILE_Y + threadIdx.y, y = blockIdx.y * TILE_ROWS + own;
        if (y >= p.outHeight) return;
        float r = p.pixels.pad, g = r, b = r;
        if (inside && y >= p.top && y < p.top + p.height) sample<EVEN>(tile, p.picture, tx, tcx, tile.y[own], tile.cy[own], &r, &g, &b);
        store(p.pixels, at_address<float>(p.out) + ((int64)y * p.outWidth + x) * (p.pixels.last ? 3 : 1), plane, r, g, b);
    }
}

// Grid: tiles of out.
KERNEL letterbox(LetterboxParams p) {
    __shared__ Tile tile;
    int column = blockIdx.x * TILE_X - p.left, row = blockIdx.y * TILE_ROWS - p.top;
    Box whole = {0, 0, (float)p.picture.width, (float)p.picture.height};
    aim(&tile, p.picture, whole, false, column, row, p.width, p.height);
    __syncthreads();
    int x = blockIdx.x * TILE_X + threadIdx.x;
    if (x >= p.outWidth) return;
    if (tile.even) {
        letterbox_rows<true>(p, tile, x);
    } else {
        letterbox_rows<false>(p, tile, x);
    }
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

// crop_rows makes a thread's pixels of the item at out; one that is not present is cleared, whatever its layout.
template <bool EVEN> DEVICE void crop_rows(const CropParams& p, const Tile& tile, bool present, int x, float* out) {
    const Tap tx = tile.x[threadIdx.x], tcx = tile.cx[threadIdx.x];
    int64 plane = p.pixels.last ? 1 : (int64)p.outWidth * p.outHeight;
#pragma unroll
    for (int i = 0; i < ROWS; i++) {
        int own = i * TILE_Y + threadIdx.y, y = blockIdx.y * TILE_ROWS + own;
        if (y >= p.outHeight) return;
        float *to = out + ((int64)y * p.outWidth + x) * (p.pixels.last ? 3 : 1), r, g, b;
        if (present) {
            sample<EVEN>(tile, p.picture, tx, tcx, tile.y[own], tile.cy[own], &r, &g, &b);
            store(p.pixels, to, plane, r, g, b);
        } else {
            to[0] = to[plane] = to[2 * plane] = 0;
        }
    }
}

// Grid: tiles of an item, then items.
KERNEL crop(CropParams p) {
    __shared__ Tile tile;
    Box box;
    bool present = subject(p.subjects, p.first + blockIdx.z, &box); // the same for the whole block
    if (present) {
        aim(&tile, p.picture, region_of(p.region, box), p.region.black, blockIdx.x * TILE_X, blockIdx.y * TILE_ROWS,
            p.outWidth, p.outHeight);
    }
    __syncthreads();
    int x = blockIdx.x * TILE_X + threadIdx.x;
    if (x >= p.outWidth) return;
    float* out = at_address<float>(p.out) + 3 * (int64)p.outWidth * p.outHeight * blockIdx.z;
    if (!present) {
        crop_rows<true>(p, tile, false, x, out);
    } else if (tile.even) {
        crop_rows<true>(p, tile, true, x, out);
    } else {
        crop_rows<false>(p, tile, true, x, out);
    }
}
