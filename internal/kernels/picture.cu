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

// Tap: what is first bytes away times a plus what is second bytes away times b, plus rest, which is the share of black. A plane has less
// than 4 GiB.
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

// Column is a tap in x with its weights in one word, as the GPU takes two products and their sum in one step.
struct Column {
    uint32 first, second, weights, rest;
};

DEVICE Column column_of(const Tap& t) { return Column{t.first, t.second, t.a | t.b << 16, t.rest}; }

// down puts what a column makes of the rows above and below a point together.
DEVICE uint32 down(uint32 above, uint32 below, const Tap& y) { return above * y.a + below * y.b + y.rest; }

// luma_pair is a row's two values at a column, a byte each.
DEVICE uint32 luma_pair(const byte* row, const Column& x) { return __byte_perm(__ldg(row + x.first), __ldg(row + x.second), 0x0040); }

// chroma_pair is a row's two values of U at a column and, above them, of V; EVEN says that pairs lie at even addresses, as in every
// decoder's picture.
template <bool EVEN> DEVICE uint32 chroma_pair(const byte* row, const Column& x) {
    const byte *first = row + x.first, *second = row + x.second;
    if (EVEN) return __byte_perm(__ldg((const unsigned short*)first), __ldg((const unsigned short*)second), 0x5140);
    return __ldg(first) | (uint32)__ldg(second) << 8 | (uint32)__ldg(first + 1) << 16 | (uint32)__ldg(second + 1) << 24;
}

// unit is v, of which white is 1, within 0 and 1. Rounding keeps order and white itself, so it may come first.
DEVICE float unit(int64 v) {
    const float white = (float)((int64)255 << (2 * WEIGHT_BITS + COLOUR_BITS));
    float f = (float)v;
    f = f < 0 ? 0 : f > white ? white : f;
    return f * (float)(1.0 / (double)white);
}

// sample is the pixel at a column's and a row's taps. Products are of unsigned 32-bit numbers, which cost less than signed 64-bit ones.
template <bool EVEN>
DEVICE void sample(const Tile& t, const Picture& p, const Column& x, const Column& cx, const Tap& y, const Tap& cy, float* r, float* g, float* b) {
    const byte *luma = at_address<const byte>(t.at.luma), *chroma = at_address<const byte>(t.at.chroma);
    uint32 above = luma_pair(luma + y.first, x), below = luma_pair(luma + y.second, x);
    uint64 grey = (uint64)down(__dp2a_lo(x.weights, above, x.rest), __dp2a_lo(x.weights, below, x.rest), y) * p.lumaFactor;
    above = chroma_pair<EVEN>(chroma + cy.first, cx), below = chroma_pair<EVEN>(chroma + cy.second, cx);
    uint64 u = down(__dp2a_lo(cx.weights, above, cx.rest), __dp2a_lo(cx.weights, below, cx.rest), cy);
    uint64 v = down(__dp2a_hi(cx.weights, above, cx.rest), __dp2a_hi(cx.weights, below, cx.rest), cy);
    *r = unit((int64)(grey + v * p.redV) + p.redOffset);
    *g = unit((int64)(grey - (u * p.greenU + v * p.greenV)) + p.greenOffset);
    *b = unit((int64)(grey + u * p.blueU) + p.blueOffset);
}

// Colours are a thread's pixels. All are read before one is stored: loads behind stores would wait for them.
struct Colours {
    float r[ROWS], g[ROWS], b[ROWS];
};

template <bool EVEN> DEVICE void look_at(const Tile& t, const Picture& p, Colours* c) {
    const Column x = column_of(t.x[threadIdx.x]), cx = column_of(t.cx[threadIdx.x]);
#pragma unroll
    for (int i = 0; i < ROWS; i++) {
        int own = i * TILE_Y + threadIdx.y;
        sample<EVEN>(t, p, x, cx, t.y[own], t.cy[own], &c->r[i], &c->g[i], &c->b[i]);
    }
}

// look makes a thread's pixels; those beyond the picture's place repeat its edge, or are black.
DEVICE void look(const Tile& t, const Picture& p, Colours* c) {
    if (t.even) {
        look_at<true>(t, p, c);
    } else {
        look_at<false>(t, p, c);
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

// Grid: tiles of out.
KERNEL letterbox(LetterboxParams p) {
    __shared__ Tile tile;
    int column = blockIdx.x * TILE_X - p.left, row = blockIdx.y * TILE_ROWS - p.top;
    bool seen = column + TILE_X > 0 && column < p.width && row + TILE_ROWS > 0 && row < p.height; // else the block is all padding
    if (seen) {
        Box whole = {0, 0, (float)p.picture.width, (float)p.picture.height};
        aim(&tile, p.picture, whole, false, column, row, p.width, p.height);
    }
    __syncthreads();
    int x = blockIdx.x * TILE_X + threadIdx.x;
    if (x >= p.outWidth) return;
    Colours c;
    if (seen) look(tile, p.picture, &c);
    int64 plane = p.pixels.last ? 1 : (int64)p.outWidth * p.outHeight;
#pragma unroll
    for (int i = 0; i < ROWS; i++) {
        int y = blockIdx.y * TILE_ROWS + i * TILE_Y + threadIdx.y;
        if (y >= p.outHeight) return;
        bool inside = x >= p.left && x < p.left + p.width && y >= p.top && y < p.top + p.height;
        float pad = p.pixels.pad, r = inside ? c.r[i] : pad, g = inside ? c.g[i] : pad, b = inside ? c.b[i] : pad;
        store(p.pixels, at_address<float>(p.out) + ((int64)y * p.outWidth + x) * (p.pixels.last ? 3 : 1), plane, r, g, b);
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
    Colours c;
    if (present) look(tile, p.picture, &c);
    int64 pixels = (int64)p.outWidth * p.outHeight, plane = p.pixels.last ? 1 : pixels;
    float* out = at_address<float>(p.out) + 3 * pixels * blockIdx.z;
#pragma unroll
    for (int i = 0; i < ROWS; i++) {
        int y = blockIdx.y * TILE_ROWS + i * TILE_Y + threadIdx.y;
        if (y >= p.outHeight) return;
        float* to = out + ((int64)y * p.outWidth + x) * (p.pixels.last ? 3 : 1);
        if (present) {
            store(p.pixels, to, plane, c.r[i], c.g[i], c.b[i]);
        } else {
            to[0] = to[plane] = to[2 * plane] = 0; // an item beyond the subjects is cleared, whatever its layout
        }
    }
}
