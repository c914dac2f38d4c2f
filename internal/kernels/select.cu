// A detector's raw output -> the best objects of the picture, in five launches that need no count on
// the host: clear, best class an anchor, rank, overlaps, keep. And the choice of those that other models see.
#include "common.cuh"

enum {
    MAX_CANDIDATES = 1024, // device.MaxCandidates
    WORDS = MAX_CANDIDATES / 32,
    WANTED_WORDS = 64, // 32 classes each
    ANCHORS = 32,      // a block of select_best
    LANES = 8,         // threads an anchor: eight floats are one memory sector
    RANKERS = 256,     // threads a block of select_rank
    ROWS = 64          // a block of select_overlap
};

// Forms of boxes, as in device.BoxForm.
enum { CORNERS, CENTRE, GRID, DISTANCES, CORNERS_YX };

struct Level {
    int first, columns;
    float stride;
    int reserved;
};

struct SelectParams {
    Values scores, objectness, labels, boxes;
    address out;
    // Scratch: the counters, a key and a class an anchor that passed, then the candidates in order.
    address count, keys, classes, boxesSorted, scoresSorted, classesSorted, anchorsSorted, overlaps;
    int anchors, classCount;
    int form, bins;
    float unitX, unitY, shift;
    int activation; // what makes probabilities of scores: 1 sigmoid, 2 softmax over classes and a background
    int pairs, suppression, across; // across: a level's anchors are neighbours in memory
    int levelCount;
    int labelType; // as in device.ElementType
    float left, top, scaleX, scaleY, width, height;
    float below; // the number just below the least score
    float iou;
    int objects;
    int keep; // how many are kept at most
    int everyClass;
    Level level0, level1, level2, level3, level4, level5;
    uint32 wanted[WANTED_WORDS];
};

// What of a box counts when objects suppress each other: what lies in the picture, nothing (they do not), or all of it.
enum { CLIPPED, NONE, UNCLIPPED };

// The counters: candidates, and numbers that are none.
KERNEL select_clear(SelectParams p) { at_address<uint32>(p.count)[threadIdx.x] = 0; }

// descending orders scores as unsigned numbers, the best lowest.
DEVICE uint32 descending(float score) {
    uint32 b = __float_as_uint(score + 0.f); // the sum makes -0 and 0 one tie
    return b >> 31 ? b : ~(b | 0x80000000u);
}

// ascending is the score that descending was made of.
DEVICE float ascending(uint32 key) { return __uint_as_float(key >> 31 ? key : ~key & 0x7fffffffu); }

DEVICE Level level_of(const SelectParams& p, int anchor) {
    Level l = p.level0;
    if (p.levelCount > 1 && anchor >= p.level1.first) l = p.level1;
    if (p.levelCount > 2 && anchor >= p.level2.first) l = p.level2;
    if (p.levelCount > 3 && anchor >= p.level3.first) l = p.level3;
    if (p.levelCount > 4 && anchor >= p.level4.first) l = p.level4;
    if (p.levelCount > 5 && anchor >= p.level5.first) l = p.level5;
    return l;
}

// expectation is that of the softmax over the bins of one side.
DEVICE float expectation(const SelectParams& p, int anchor, int side) {
    double most = value(p.boxes, anchor, side * p.bins), sum = 0, weighted = 0;
    for (int i = 1; i < p.bins; i++) most = max_of(most, (double)value(p.boxes, anchor, side * p.bins + i));
    for (int i = 0; i < p.bins; i++) {
        double e = exponential((double)value(p.boxes, anchor, side * p.bins + i) - most);
        sum += e, weighted += e * i;
    }
    return (float)(weighted / sum);
}

DEVICE Box corners_of(float cx, float cy, float w, float h) {
    return Box{cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2};
}

// raw_box is an anchor's box in input pixels.
DEVICE Box raw_box(const SelectParams& p, int anchor) {
    if (p.form == DISTANCES) {
        Level l = level_of(p, anchor);
        int cell = anchor - l.first;
        float x = ((float)(cell % l.columns) + p.shift) * l.stride, y = ((float)(cell / l.columns) + p.shift) * l.stride;
        return Box{x - expectation(p, anchor, 0) * l.stride, y - expectation(p, anchor, 1) * l.stride,
                   x + expectation(p, anchor, 2) * l.stride, y + expectation(p, anchor, 3) * l.stride};
    }
    float a = value(p.boxes, anchor, 0), b = value(p.boxes, anchor, 1);
    float c = value(p.boxes, anchor, 2), d = value(p.boxes, anchor, 3);
    if (p.form == GRID) {
        Level l = level_of(p, anchor);
        int cell = anchor - l.first;
        return corners_of((a + (float)(cell % l.columns)) * l.stride, (b + (float)(cell / l.columns)) * l.stride,
                          (float)exponential(c) * l.stride, (float)exponential(d) * l.stride);
    }
    if (p.form == CORNERS_YX) return Box{b * p.unitX, a * p.unitY, d * p.unitX, c * p.unitY};
    a = a * p.unitX, b = b * p.unitY, c = c * p.unitX, d = d * p.unitY;
    return p.form == CENTRE ? corners_of(a, b, c, d) : Box{a, b, c, d};
}

DEVICE void no_number(const SelectParams& p) { atomicAdd(at_address<uint32>(p.count) + 1, 1u); }

// place maps an anchor's box to the picture.
DEVICE Box place(const SelectParams& p, int anchor) {
    Box b = raw_box(p, anchor);
    return Box{(b.x1 - p.left) / p.scaleX, (b.y1 - p.top) / p.scaleY, (b.x2 - p.left) / p.scaleX, (b.y2 - p.top) / p.scaleY};
}

// clip is what of a box lies in the picture.
DEVICE Box clip(const SelectParams& p, const Box& b) {
    return Box{max_of(0.f, min_of(b.x1, p.width)), max_of(0.f, min_of(b.y1, p.height)), max_of(0.f, min_of(b.x2, p.width)), max_of(0.f, min_of(b.y2, p.height))};
}

DEVICE bool is_wanted(const SelectParams& p, int c) { return p.everyClass || p.wanted[c / 32] >> (c % 32) & 1; }

// share is what the softmax over an anchor's classes and its background makes of the best class's score.
DEVICE float share(const SelectParams& p, int anchor, float score) {
    float none = value(p.scores, anchor, p.classCount), most = none > score ? none : score;
    double sum = 0;
    for (int c = 0; c <= p.classCount; c++) sum += exponential((double)value(p.scores, anchor, c) - (double)most);
    return (float)(exponential((double)score - (double)most) / sum);
}

// offer makes a candidate of an anchor and its class, if it is good enough. key orders equal scores.
DEVICE void offer(const SelectParams& p, int anchor, int chosen, int key, float score) {
    if (p.activation == 1) score = sigmoid(score);
    if (p.activation == 2) {
        score = share(p, anchor, score);
        if (score != score) no_number(p);
    }
    if (p.objectness.at) {
        float o = value(p.objectness, anchor, 0);
        score = score * (p.activation ? sigmoid(o) : o);
    }
    if (!(score > p.below) || !is_wanted(p, chosen)) return;
    Box box = clip(p, place(p, anchor));
    if (!(box.x2 > box.x1 && box.y2 > box.y1)) { // also where one is NaN
        if (box.x1 != box.x1 || box.y1 != box.y1 || box.x2 != box.x2 || box.y2 != box.y2) no_number(p);
        return;
    }
    // The order of arrival is left to chance; the keys bring it back into order.
    uint32 slot = atomicAdd(at_address<uint32>(p.count), 1u);
    at_address<uint64>(p.keys)[slot] = (uint64)descending(score) << 32 | (uint32)key;
    if (!p.pairs) at_address<int>(p.classes)[key] = chosen;
}

enum { FLOAT32, INT32, INT64 };

// label_of is the class that an anchor tells; -1 if there is no such class.
DEVICE int label_of(const SelectParams& p, int anchor) {
    int64 at = (int64)anchor * p.labels.anchor, label;
    if (p.labelType == FLOAT32) {
        float v = at_address<const float>(p.labels.at)[at];
        if (v != v) no_number(p);
        return v >= 0 && v < (float)p.classCount ? (int)v : -1;
    }
    label = p.labelType == INT32 ? at_address<const int>(p.labels.at)[at] : at_address<const int64>(p.labels.at)[at];
    return label >= 0 && label < p.classCount ? (int)label : -1;
}

// Grid: ANCHORS anchors a block of ANCHORS*LANES threads.
KERNEL select_best(SelectParams p) {
    __shared__ float scores[LANES * (ANCHORS + 1)]; // one more against bank conflicts
    __shared__ int classes[LANES * (ANCHORS + 1)];
    int lane = threadIdx.x % LANES, own = threadIdx.x / LANES;
    if (p.across) lane = threadIdx.x / ANCHORS, own = threadIdx.x % ANCHORS;
    int anchor = blockIdx.x * ANCHORS + own;
    float best = p.below;
    int chosen = -1;
    if (anchor < p.anchors) {
        int columns = p.labels.at ? 1 : p.classCount;
        for (int c = lane; c < columns; c += LANES) {
            float v = value(p.scores, anchor, c);
            if (v != v) no_number(p);
            if (p.pairs) {
                offer(p, anchor, c, anchor * p.classCount + c, v);
            } else if (chosen < 0 ? v == v : v > best) {
                best = v, chosen = c;
            }
        }
        if (lane == 0 && p.objectness.at && value(p.objectness, anchor, 0) != value(p.objectness, anchor, 0)) no_number(p);
    }
    if (p.pairs) return; // the same for all
    scores[lane * (ANCHORS + 1) + own] = best;
    classes[lane * (ANCHORS + 1) + own] = chosen;
    __syncthreads();
    anchor = blockIdx.x * ANCHORS + threadIdx.x;
    if (threadIdx.x >= ANCHORS || anchor >= p.anchors) return;
    chosen = -1;
    for (int i = 0; i < LANES; i++) {
        float s = scores[i * (ANCHORS + 1) + threadIdx.x];
        int c = classes[i * (ANCHORS + 1) + threadIdx.x];
        if (c >= 0 && (chosen < 0 || s > best || (s == best && c < chosen))) best = s, chosen = c;
    }
    if (chosen < 0) return;
    if (p.labels.at) {
        chosen = label_of(p, anchor);
        if (chosen < 0) return;
    }
    offer(p, anchor, chosen, anchor, best);
}

// select_rank counts, for every key, the smaller ones: that is its place. Keys differ, so places do.
// Grid: RANKERS keys a block; blocks beyond the count have nothing to do.
KERNEL select_rank(SelectParams p) {
    __shared__ uint64 tile[RANKERS];
    int count = (int)*at_address<const uint32>(p.count);
    int first = blockIdx.x * RANKERS;
    if (first >= count) return;
    const uint64* keys = at_address<const uint64>(p.keys);
    int own = first + threadIdx.x;
    uint64 key = own < count ? keys[own] : 0;
    int rank = 0;
    for (int base = 0; base < count; base += RANKERS) {
        int other = base + threadIdx.x;
        tile[threadIdx.x] = other < count ? keys[other] : ~(uint64)0;
        __syncthreads();
        for (int i = 0; i < RANKERS; i++) rank += tile[i] < key;
        __syncthreads();
    }
    if (own >= count || rank >= MAX_CANDIDATES) return;
    int anchor = (int)(uint32)key, chosen;
    if (p.pairs) {
        chosen = anchor % p.classCount, anchor /= p.classCount;
    } else {
        chosen = at_address<const int>(p.classes)[anchor];
    }
    Box box = place(p, anchor);
    at_address<Box>(p.boxesSorted)[rank] = p.suppression == UNCLIPPED ? box : clip(p, box);
    at_address<float>(p.scoresSorted)[rank] = ascending((uint32)(key >> 32));
    at_address<int>(p.classesSorted)[rank] = chosen;
    at_address<int>(p.anchorsSorted)[rank] = anchor;
}

// overlap is the intersection over union.
DEVICE float overlap(const Box& a, const Box& b) {
    float width = (a.x2 < b.x2 ? a.x2 : b.x2) - (a.x1 > b.x1 ? a.x1 : b.x1);
    float height = (a.y2 < b.y2 ? a.y2 : b.y2) - (a.y1 > b.y1 ? a.y1 : b.y1);
    if (width <= 0 || height <= 0) return 0;
    float both = width * height;
    return both / ((a.x2 - a.x1) * (a.y2 - a.y1) + (b.x2 - b.x1) * (b.y2 - b.y1) - both);
}

DEVICE int candidates(const SelectParams& p) {
    int count = (int)*at_address<const uint32>(p.count);
    return count < MAX_CANDIDATES ? count : MAX_CANDIDATES;
}

// select_overlap sets bit j of row i if candidate i, being kept, drops candidate j > i. Words left of
// the diagonal are neither written nor read. Grid: words, then blocks of ROWS rows.
KERNEL select_overlap(SelectParams p) {
    __shared__ Box boxes[32];
    __shared__ int classes[32];
    int count = candidates(p), first = blockIdx.x * 32, i = blockIdx.y * ROWS + threadIdx.x;
    if (first >= count || (int)blockIdx.y * ROWS >= first + 32) return; // the same for the whole block
    const Box* sorted = at_address<const Box>(p.boxesSorted);
    const int* sortedClasses = at_address<const int>(p.classesSorted);
    if (threadIdx.x < 32 && first + (int)threadIdx.x < count) {
        boxes[threadIdx.x] = sorted[first + threadIdx.x];
        classes[threadIdx.x] = sortedClasses[first + threadIdx.x];
    }
    __syncthreads();
    if (i >= count || i >= first + 32) return;
    Box own = sorted[i];
    int ownClass = sortedClasses[i];
    uint32 word = 0;
    for (int b = 0; b < 32 && first + b < count; b++) {
        if (p.suppression != NONE && first + b > i && classes[b] == ownClass && overlap(own, boxes[b]) > p.iou) word |= 1u << b;
    }
    at_address<uint32>(p.overlaps)[i * WORDS + blockIdx.x] = word;
}

// select_keep goes through the candidates from the best, 32 at a time, and writes the Selection. One
// block of 32 threads: thread t holds word t of what is dropped.
KERNEL select_keep(SelectParams p) {
    __shared__ uint32 dropped[WORDS], diagonal[32], keptBits;
    int t = threadIdx.x, count = candidates(p), kept = 0;
    const uint32* overlaps = at_address<const uint32>(p.overlaps);
    float* floats = at_address<float>(p.out);
    int* ints = at_address<int>(p.out);
    dropped[t] = 0;
    for (int word = 0; word * 32 < count && kept < p.keep; word++) {
        int own = word * 32 + t;
        if (own < count) diagonal[t] = overlaps[own * WORDS + word];
        __syncthreads();
        if (t == 0) {
            uint32 gone = dropped[word], keeps = 0;
            for (int b = 0, n = kept; b < 32 && word * 32 + b < count && n < p.keep; b++) {
                if (gone >> b & 1) continue;
                gone |= diagonal[b];
                keeps |= 1u << b;
                n++;
            }
            keptBits = keeps;
        }
        __syncthreads();
        uint32 keeps = keptBits, before = (1u << t) - 1;
        if (keeps >> t & 1) {
            int64 to = RECORD_HEADER + RECORD * (int64)(kept + __popc(keeps & before));
            Box box = clip(p, at_address<const Box>(p.boxesSorted)[own]);
            floats[to] = box.x1, floats[to + 1] = box.y1, floats[to + 2] = box.x2, floats[to + 3] = box.y2;
            floats[to + SCORE_WORD] = at_address<const float>(p.scoresSorted)[own];
            ints[to + CLASS_WORD] = at_address<const int>(p.classesSorted)[own];
            ints[to + OBJECT_ANCHOR_WORD] = at_address<const int>(p.anchorsSorted)[own];
            ints[to + OBJECT_ANCHOR_WORD + 1] = 0;
        }
        if (t > word && t * 32 < count) {
            uint32 more = 0;
            for (int b = 0; b < 32; b++) {
                if (keeps >> b & 1) more |= overlaps[(word * 32 + b) * WORDS + t];
            }
            dropped[t] |= more;
        }
        kept += __popc(keeps);
        __syncthreads();
    }
    if (t == 0) {
        ints[0] = kept;
        ints[1] = at_address<const int>(p.count)[1];
        ints[2] = ints[3] = 0;
    }
}

enum { CHOOSERS = 1024 }; // threads of choose, one an object

struct ChooseParams {
    address selection, out;
    int objects, limit;
    float minWidth, minHeight;
    int everyClass, reserved;
    uint32 wanted[WANTED_WORDS];
};

// One block.
KERNEL choose(ChooseParams p) {
    __shared__ uint32 passed[CHOOSERS / 32];
    int t = threadIdx.x, count = *at_address<const int>(p.selection);
    count = count < p.objects ? count : p.objects;
    if (t < CHOOSERS / 32) passed[t] = 0;
    __syncthreads();
    const float* from = at_address<const float>(p.selection) + RECORD_HEADER + RECORD * (int64)t;
    const int* ints = at_address<const int>(p.selection) + RECORD_HEADER + RECORD * (int64)t;
    bool passes = false;
    if (t < count) {
        int c = ints[CLASS_WORD];
        passes = (p.everyClass || (c >= 0 && c < 32 * WANTED_WORDS && p.wanted[c / 32] >> (c % 32) & 1)) &&
                 from[2] - from[0] >= p.minWidth && from[3] - from[1] >= p.minHeight;
        if (passes) atomicOr(&passed[t / 32], 1u << (t % 32));
    }
    __syncthreads();
    int place = __popc(passed[t / 32] & ((1u << (t % 32)) - 1)), all = 0;
    for (int w = 0; w < CHOOSERS / 32; w++) {
        int n = __popc(passed[w]);
        if (w < t / 32) place += n;
        all += n;
    }
    if (passes && place < p.limit) {
        float* to = at_address<float>(p.out) + RECORD_HEADER + RECORD * (int64)place;
        int* toInts = at_address<int>(p.out) + RECORD_HEADER + RECORD * (int64)place;
        to[0] = from[0], to[1] = from[1], to[2] = from[2], to[3] = from[3];
        toInts[INDEX_WORD] = t, toInts[ANCHOR_WORD] = ints[OBJECT_ANCHOR_WORD];
        toInts[ANCHOR_WORD + 1] = toInts[ANCHOR_WORD + 2] = 0;
    }
    if (t == 0) {
        int* head = at_address<int>(p.out);
        head[0] = all < p.limit ? all : p.limit;
        head[1] = head[2] = head[3] = 0;
    }
}
