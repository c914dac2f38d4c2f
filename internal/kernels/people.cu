// What the models say of subjects -> the picture: joints and masks.
#include "common.cuh"

enum { JOINT_VALUES = 3 };

struct KeypointsParams {
    address in, out;
    Subjects subjects;
    Region region;
    int first, joints, inWidth, inHeight;
};

// Grid: items. Threads: joints.
KERNEL keypoints(KeypointsParams p) {
    int item = blockIdx.x, joint = threadIdx.x;
    if (joint >= p.joints) return;
    const float* from = at_address<const float>(p.in) + ((int64)item * p.joints + joint) * JOINT_VALUES;
    float* to = at_address<float>(p.out) + (((int64)p.first + item) * p.joints + joint) * JOINT_VALUES;
    Box box;
    if (!subject(p.subjects, p.first + item, &box)) {
        to[0] = to[1] = to[2] = 0;
        return;
    }
    Box r = region_of(p.region, box);
    to[0] = r.x1 + from[0] * (r.x2 - r.x1) / (float)p.inWidth;
    to[1] = r.y1 + from[1] * (r.y2 - r.y1) / (float)p.inHeight;
    to[2] = from[2];
}

struct UncropParams {
    address in, out;
    Subjects subjects;
    Region region;
    int first, count, each, inWidth, inHeight;
    int reserved;
};

// Grid: subjects from first on. Threads: objects of each.
KERNEL uncrop(UncropParams p) {
    int item = blockIdx.x, object = threadIdx.x, row = p.first + item;
    if (object >= p.each) return;
    float* to = at_address<float>(p.out) + ((int64)row * p.each + object) * RECORD;
    for (int i = 0; i < RECORD; i++) to[i] = 0;
    to[SCORE_WORD] = -1;
    Box box;
    if (item >= p.count || !subject(p.subjects, row, &box)) return;
    const float* from = at_address<const float>(p.in) + (int64)item * (RECORD_HEADER + p.each * RECORD);
    const int* header = (const int*)from;
    if (object < header[0]) {
        from += RECORD_HEADER + object * RECORD;
        Box r = region_of(p.region, box);
        float width = r.x2 - r.x1, height = r.y2 - r.y1;
        Box found = {r.x1 + from[0] * width / (float)p.inWidth, r.y1 + from[1] * height / (float)p.inHeight,
                     r.x1 + from[2] * width / (float)p.inWidth, r.y1 + from[3] * height / (float)p.inHeight};
        Region own = p.region;
        own.aspect = 0;
        Box in = region_of(own, box);
        float x = (found.x1 + found.x2) / 2, y = (found.y1 + found.y2) / 2;
        if (x >= in.x1 && x <= in.x2 && y >= in.y1 && y <= in.y2) {
            to[0] = found.x1, to[1] = found.y1, to[2] = found.x2, to[3] = found.y2;
            to[SCORE_WORD] = from[SCORE_WORD];
            ((int*)to)[CLASS_WORD] = ((const int*)from)[CLASS_WORD];
        }
    }
    if (object == 0 && header[1] > 0) ((uint32*)to)[SCORE_WORD] = 0x7fc00000; // NaN
}

enum {
    MASK_BITS = 1 << 17,
    MASK_HEADER = 8, // words
    MASK_WORDS = MASK_BITS / 32,
    MASK_RECORD = MASK_HEADER + MASK_WORDS, // words
    PACKERS = 256,                          // threads a block, each stores one word
    ROW_TABLE = 1024,                       // rows whose place in the mask is made once a block
    COLUMN_TABLE = PACKERS                  // and columns: a block's bits lie in no more if a column has more than a word
};

struct MasksParams {
    address in, out;
    Subjects subjects;
    Region region;
    Box plane;
    float threshold;
    int everywhere; // the mask covers plane for all subjects
    int first, inWidth, inHeight;
    int width, height; // the picture's
    int reserved;
};

// Between says where a stored row or column lies: part is b's share.
struct Between {
    int a, b;
    float part;
};

// between finds the centre of picture pixel p in a mask of size values over lo..hi.
DEVICE Between between(int p, float lo, float hi, int size) {
    double s = (p + 0.5 - lo) / ((double)hi - lo) * size - 0.5;
    s = s > 0 ? (s < size - 1 ? s : size - 1) : 0; // also not a number
    int a = (int)s;
    return Between{a, a + 1 < size ? a + 1 : a, (float)(s - a)};
}

struct Area {
    int x0, y0, width, height, step, columns, rows;
};

// edges are the whole pixels of lo..hi inside 0..size.
DEVICE void edges(float lo, float hi, int size, int* from, int* to) {
    double low = floor((double)lo), high = ceil((double)hi);
    *from = low > 0 ? (low < size ? (int)low : size) : 0;
    *to = high > 0 ? (high < size ? (int)high : size) : 0;
}

// area_of is empty where the region is not a number or outside the picture.
DEVICE Area area_of(const MasksParams& p, const Box& r) {
    Area none = {0, 0, 0, 0, 1, 0, 0};
    if (r.x1 != r.x1 || r.y1 != r.y1 || r.x2 != r.x2 || r.y2 != r.y2) return none;
    int x0, x1, y0, y1;
    edges(r.x1, r.x2, p.width, &x0, &x1);
    edges(r.y1, r.y2, p.height, &y0, &y1);
    if (x1 <= x0 || y1 <= y0) return none;
    int64 w = x1 - x0, h = y1 - y0, step = 1;
    while (((w + step - 1) / step) * ((h + step - 1) / step) > MASK_BITS) step *= 2;
    return Area{x0, y0, (int)w, (int)h, (int)step, (int)((w + step - 1) / step), (int)((h + step - 1) / step)};
}

// value_of is the mask's value between two rows at a column.
DEVICE float value_of(const float* upper, const float* lower, const Between& x, float part) {
    float ua = upper[x.a], ub = upper[x.b], la = lower[x.a], lb = lower[x.b];
    float a = ua + (ub - ua) * x.part, b = la + (lb - la) * x.part;
    return a + (b - a) * part;
}

// Grid: PACKERS words of a record a block, then items. A warp makes a word at a time, each of its threads a bit: neighbours in a column
// lie in few rows of the mask.
KERNEL pack_masks(MasksParams p) {
    __shared__ Between rows[ROW_TABLE], columns[COLUMN_TABLE];
    uint32* record = at_address<uint32>(p.out) + ((int64)p.first + blockIdx.y) * MASK_RECORD;
    Box box, region = {0, 0, 0, 0}; // which the mask covers
    Area area = {0, 0, 0, 0, 1, 0, 0};
    if (subject(p.subjects, p.first + blockIdx.y, &box)) {
        region = region_of(p.region, box);
        area = area_of(p, region);
        if (p.everywhere) region = p.plane;
    }
    if (blockIdx.x == 0 && threadIdx.x == 0) {
        record[0] = area.x0, record[1] = area.y0, record[2] = area.width, record[3] = area.height;
        record[4] = area.step, record[5] = record[6] = record[7] = 0;
    }
    record += MASK_HEADER + blockIdx.x * PACKERS;
    int used = area.columns * area.rows;
    if ((int)blockIdx.x * PACKERS * 32 >= used) { // the same for the whole block
        record[threadIdx.x] = 0;
        return;
    }
    const float* mask = at_address<const float>(p.in) + (int64)blockIdx.y * p.inWidth * p.inHeight;
    int lane = threadIdx.x % 32, bit = (blockIdx.x * PACKERS + threadIdx.x - lane) * 32 + lane;
    int column = bit / area.rows, row = bit % area.rows;
    uint32 own = 0;
    if (area.rows > 32 && area.rows <= ROW_TABLE) { // the same for the whole block
        int start = blockIdx.x * PACKERS * 32 / area.rows;
        for (int r = threadIdx.x; r < area.rows; r += PACKERS) {
            Between y = between(area.y0 + r * area.step, region.y1, region.y2, p.inHeight);
            rows[r] = Between{y.a * p.inWidth, y.b * p.inWidth, y.part};
        }
        columns[threadIdx.x] = between(area.x0 + (start + (int)threadIdx.x) * area.step, region.x1, region.x2, p.inWidth);
        __syncthreads();
        column -= start;
#pragma unroll 4
        for (int i = 0; i < 32; i++, bit += 32) {
            const Between x = columns[column], y = rows[row];
            uint32 word = __ballot_sync(~0u, bit < used && value_of(mask + y.a, mask + y.b, x, y.part) > p.threshold);
            own = lane == i ? word : own;
            row += 32;
            bool next = row >= area.rows;
            row -= next ? area.rows : 0;
            column += next;
        }
    } else {
        for (int i = 0; i < 32; i++, bit += 32) {
            Between x = between(area.x0 + column * area.step, region.x1, region.x2, p.inWidth);
            Between y = between(area.y0 + row * area.step, region.y1, region.y2, p.inHeight);
            const float *upper = mask + (int64)y.a * p.inWidth, *lower = mask + (int64)y.b * p.inWidth;
            uint32 word = __ballot_sync(~0u, bit < used && value_of(upper, lower, x, y.part) > p.threshold);
            own = lane == i ? word : own;
            for (row += 32; row >= area.rows; column++) row -= area.rows;
        }
    }
    record[threadIdx.x] = own;
}
