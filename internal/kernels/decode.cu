// What models that look at subjects say, and one-stage models of their objects -> joints, masks, classes.
#include "common.cuh"

enum { SEEKERS = 128, COMBINERS = 256, MAX_PROTOTYPES = 1024, CLASSIFIERS = 128, JOINT_VALUES = 3 };

enum { RELATIVE, AXES, HEATMAPS };

struct JointsParams {
    address in, inY, out;
    int form, count, joints, columns, rows, inWidth, inHeight, quarter;
};

// Best is the largest value and its place; -1 while there is none.
struct Best {
    float value;
    int at;
};

DEVICE Best better(const Best& a, const Best& b) {
    if (a.at < 0) return b;
    if (b.at < 0) return a;
    if (b.value > a.value || (b.value == a.value && b.at < a.at)) return b;
    return a;
}

// largest seeks the first largest of n values with a whole block.
DEVICE Best largest(const float* values, int n, Best* table) {
    Best own = {0, -1};
    for (int i = threadIdx.x; i < n; i += SEEKERS) {
        if (values[i] == values[i]) own = better(own, Best{values[i], i});
    }
    __syncthreads(); // the table may still be read
    table[threadIdx.x] = own;
    for (int half = SEEKERS / 2; half > 0; half /= 2) {
        __syncthreads();
        if ((int)threadIdx.x < half) table[threadIdx.x] = better(table[threadIdx.x], table[threadIdx.x + half]);
    }
    __syncthreads();
    return table[0];
}

DEVICE float unit_score(float v) { return max_of(0.f, min_of(v, 1.f)); }

DEVICE float quarter(float before, float after) { return after > before ? .25f : after < before ? -.25f : 0.f; }

// Grid: joints, then items.
KERNEL joints(JointsParams p) {
    __shared__ Best table[SEEKERS];
    int64 row = (int64)blockIdx.y * p.joints + blockIdx.x;
    float* out = at_address<float>(p.out) + row * JOINT_VALUES;
    float width = (float)p.inWidth, height = (float)p.inHeight;
    const float none = __uint_as_float(0x7fc00000u);
    if (p.form == RELATIVE) {
        const float* in = at_address<const float>(p.in) + row * JOINT_VALUES;
        if (threadIdx.x == 0) out[0] = in[1] * width, out[1] = in[0] * height, out[2] = in[2];
        return;
    }
    if (p.form == AXES) {
        Best x = largest(at_address<const float>(p.in) + row * p.columns, p.columns, table);
        Best y = largest(at_address<const float>(p.inY) + row * p.rows, p.rows, table);
        if (threadIdx.x != 0) return;
        if (x.at < 0 || y.at < 0) {
            out[0] = out[1] = 0, out[2] = none;
            return;
        }
        out[0] = (float)x.at * width / (float)p.columns, out[1] = (float)y.at * height / (float)p.rows;
        out[2] = unit_score(min_of(x.value, y.value));
        return;
    }
    const float* map = at_address<const float>(p.in) + row * p.columns * p.rows;
    Best best = largest(map, p.columns * p.rows, table);
    if (threadIdx.x != 0) return;
    if (best.at < 0) {
        out[0] = out[1] = 0, out[2] = none;
        return;
    }
    int x = best.at % p.columns, y = best.at / p.columns;
    float dx = 0, dy = 0;
    if (p.quarter && x > 1 && x < p.columns - 1 && y > 1 && y < p.rows - 1) {
        dx = quarter(map[best.at - 1], map[best.at + 1]);
        dy = quarter(map[best.at - p.columns], map[best.at + p.columns]);
    }
    out[0] = ((float)x + dx) * width / (float)p.columns, out[1] = ((float)y + dy) * height / (float)p.rows;
    out[2] = unit_score(best.value);
}

struct AnchorJointsParams {
    Values values;
    address out;
    Subjects subjects;
    int joints, anchors, yx, logits;
    float unitX, unitY, left, top, scaleX, scaleY;
};

// anchor_of is a subject's anchor; -1 beyond the subjects and outside the values.
DEVICE int anchor_of(const Subjects& s, int i, int anchors) {
    const float* r = record(s, i);
    if (!r) return -1;
    int anchor = ((const int*)r)[ANCHOR_WORD];
    return anchor < anchors ? anchor : -1;
}

// Grid: subjects. Threads: joints.
KERNEL anchor_joints(AnchorJointsParams p) {
    int joint = threadIdx.x;
    if (joint >= p.joints) return;
    float* out = at_address<float>(p.out) + ((int64)blockIdx.x * p.joints + joint) * JOINT_VALUES;
    int anchor = anchor_of(p.subjects, blockIdx.x, p.anchors);
    if (anchor < 0) {
        out[0] = out[1] = out[2] = 0;
        return;
    }
    float x = value(p.values, anchor, joint * JOINT_VALUES + (p.yx ? 1 : 0));
    float y = value(p.values, anchor, joint * JOINT_VALUES + (p.yx ? 0 : 1));
    float score = value(p.values, anchor, joint * JOINT_VALUES + 2);
    out[0] = (x * p.unitX - p.left) / p.scaleX;
    out[1] = (y * p.unitY - p.top) / p.scaleY;
    out[2] = p.logits ? sigmoid(score) : score;
}

struct CombineParams {
    Values coefficients;
    address prototypes, out;
    Subjects subjects;
    int count, width, height, anchors;
    float left, top, scaleX, scaleY;
    float cellsX, cellsY; // cells an input pixel
};

// cells are those that a box's edge and the two next to it fall on.
DEVICE void cells(float lo, float hi, float scale, float before, float perPixel, int size, int* from, int* to) {
    float first = floorf((lo * scale + before) * perPixel - .5f) - 1, last = ceilf((hi * scale + before) * perPixel - .5f) + 1;
    *from = first > 0 ? (first < (float)size ? (int)first : size) : 0; // 0 also where it is not a number
    *to = last < (float)(size - 1) ? (last > -1 ? (int)last : -1) : size - 1;
}

// Grid: COMBINERS cells a block, then subjects.
KERNEL combine(CombineParams p) {
    __shared__ float coefficients[MAX_PROTOTYPES];
    int anchor = anchor_of(p.subjects, blockIdx.y, p.anchors);
    if (anchor < 0) return; // the same for the whole block
    Box box;
    subject(p.subjects, blockIdx.y, &box);
    for (int i = threadIdx.x; i < p.count; i += COMBINERS) coefficients[i] = value(p.coefficients, anchor, i);
    __syncthreads();
    int cell = blockIdx.x * COMBINERS + threadIdx.x, all = p.width * p.height;
    if (cell >= all) return;
    int x = cell % p.width, y = cell / p.width, fromX, toX, fromY, toY;
    cells(box.x1, box.x2, p.scaleX, p.left, p.cellsX, p.width, &fromX, &toX);
    cells(box.y1, box.y2, p.scaleY, p.top, p.cellsY, p.height, &fromY, &toY);
    float sum = 0;
    if (x >= fromX && x <= toX && y >= fromY && y <= toY) {
        const float* plane = at_address<const float>(p.prototypes) + cell;
        for (int i = 0; i < p.count; i++) sum += coefficients[i] * plane[(int64)i * all];
    }
    at_address<float>(p.out)[(int64)blockIdx.y * all + cell] = sum;
}

struct MarginParams {
    address in, out;
    int channels, channel, cells, reserved;
};

// Grid: COMBINERS cells a block, then items.
KERNEL margin(MarginParams p) {
    int cell = blockIdx.x * COMBINERS + threadIdx.x;
    if (cell >= p.cells) return;
    const float* in = at_address<const float>(p.in) + (int64)blockIdx.y * p.channels * p.cells + cell;
    float own = in[(int64)p.channel * p.cells], other = 0;
    bool any = false;
    for (int c = 0; c < p.channels; c++) {
        if (c == p.channel) continue;
        float v = in[(int64)c * p.cells];
        other = any ? max_of(other, v) : v;
        any = true;
    }
    at_address<float>(p.out)[(int64)blockIdx.y * p.cells + cell] = any ? own - other : own;
}

enum { NO_ACTIVATION, SIGMOID, SOFTMAX };

struct ClassifyParams {
    address in, out;
    int classes, activation, first, reserved;
};

// Grid: items.
KERNEL classify(ClassifyParams p) {
    __shared__ Best table[SEEKERS];
    __shared__ double sums[CLASSIFIERS];
    __shared__ uint32 broken;
    const float* in = at_address<const float>(p.in) + (int64)blockIdx.x * p.classes;
    if (threadIdx.x == 0) broken = 0;
    Best best = largest(in, p.classes, table);
    double sum = 0;
    for (int c = threadIdx.x; c < p.classes; c += CLASSIFIERS) {
        if (in[c] != in[c]) atomicOr(&broken, 1u);
        if (p.activation == SOFTMAX) sum += exponential((double)in[c] - (double)best.value);
    }
    sums[threadIdx.x] = sum;
    __syncthreads();
    if (threadIdx.x != 0) return;
    float score = best.value;
    if (p.activation == SIGMOID) score = sigmoid(score);
    if (p.activation == SOFTMAX) {
        double all = 0;
        for (int i = 0; i < CLASSIFIERS; i++) all += sums[i];
        score = (float)(1 / all);
    }
    if (score - score != 0) broken = 1; // infinite numbers make it infinite, or no number
    int64 to = 2 * ((int64)p.first + blockIdx.x);
    at_address<int>(p.out)[to] = broken ? -1 : best.at;
    at_address<float>(p.out)[to + 1] = broken ? __uint_as_float(0x7fc00000u) : score;
}
