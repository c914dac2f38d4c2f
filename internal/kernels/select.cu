// A detector's raw output -> the best objects of the picture, in five launches that need no count on
// the host: clear, best class an anchor, rank, overlaps, keep.
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

struct SelectParams {
    address scores, boxes, out;
    // Scratch: the counter, a key and a class an anchor that passed, then the candidates in order.
    address count, keys, classes, boxesSorted, scoresSorted, classesSorted, overlaps;
    int anchors, classCount;
    float left, top, scale, width, height;
    float below; // the number just below the least score
    float iou;
    int person;
    int objects, people;
    int keep; // how many are kept at most
    int everyClass;
    uint32 wanted[WANTED_WORDS];
};

KERNEL select_clear(SelectParams p) { *at_address<uint32>(p.count) = 0; }

// descending orders scores as unsigned numbers, the best lowest.
DEVICE uint32 descending(float score) {
    uint32 b = __float_as_uint(score + 0.f); // the sum makes -0 and 0 one tie
    return b >> 31 ? b : ~(b | 0x80000000u);
}

// place maps an anchor's box to the picture and clips it; false if nothing is left.
DEVICE bool place(const SelectParams& p, int anchor, Box* box) {
    const float* b = at_address<const float>(p.boxes) + 4 * (int64)anchor;
    box->x1 = max_of(0.f, min_of((b[0] - p.left) / p.scale, p.width));
    box->y1 = max_of(0.f, min_of((b[1] - p.top) / p.scale, p.height));
    box->x2 = max_of(0.f, min_of((b[2] - p.left) / p.scale, p.width));
    box->y2 = max_of(0.f, min_of((b[3] - p.top) / p.scale, p.height));
    return box->x2 > box->x1 && box->y2 > box->y1; // false for NaN
}

// Grid: ANCHORS anchors a block of ANCHORS*LANES threads.
KERNEL select_best(SelectParams p) {
    __shared__ float scores[LANES * (ANCHORS + 1)]; // one more against bank conflicts
    __shared__ int classes[LANES * (ANCHORS + 1)];
    int lane = threadIdx.x % LANES, own = threadIdx.x / LANES;
    int anchor = blockIdx.x * ANCHORS + own;
    float best = p.below;
    int chosen = -1;
    if (anchor < p.anchors) {
        const float* row = at_address<const float>(p.scores) + (int64)anchor * p.classCount;
        for (int c = lane; c < p.classCount; c += LANES) {
            if (row[c] > best) best = row[c], chosen = c;
        }
    }
    scores[lane * (ANCHORS + 1) + own] = best;
    classes[lane * (ANCHORS + 1) + own] = chosen;
    __syncthreads();
    anchor = blockIdx.x * ANCHORS + threadIdx.x;
    if (threadIdx.x >= ANCHORS || anchor >= p.anchors) return;
    best = p.below, chosen = -1;
    for (int i = 0; i < LANES; i++) {
        float s = scores[i * (ANCHORS + 1) + threadIdx.x];
        int c = classes[i * (ANCHORS + 1) + threadIdx.x];
        if (c >= 0 && (s > best || (s == best && c < chosen))) best = s, chosen = c;
    }
    if (chosen < 0 || !(p.everyClass || p.wanted[chosen / 32] >> (chosen % 32) & 1)) return;
    Box box;
    if (!place(p, anchor, &box)) return;
    // The order of arrival is left to chance; the keys bring it back into order.
    uint32 slot = atomicAdd(at_address<uint32>(p.count), 1u);
    at_address<uint64>(p.keys)[slot] = (uint64)descending(best) << 32 | (uint32)anchor;
    at_address<int>(p.classes)[anchor] = chosen;
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
    int anchor = (int)(uint32)key, chosen = at_address<const int>(p.classes)[anchor];
    Box box;
    place(p, anchor, &box);
    at_address<Box>(p.boxesSorted)[rank] = box;
    at_address<float>(p.scoresSorted)[rank] = at_address<const float>(p.scores)[(int64)anchor * p.classCount + chosen];
    at_address<int>(p.classesSorted)[rank] = chosen;
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
        if (first + b > i && classes[b] == ownClass && overlap(own, boxes[b]) > p.iou) word |= 1u << b;
    }
    at_address<uint32>(p.overlaps)[i * WORDS + blockIdx.x] = word;
}

// select_keep goes through the candidates from the best, 32 at a time, and writes the Selection. One
// block of 32 threads: thread t holds word t of what is dropped.
KERNEL select_keep(SelectParams p) {
    __shared__ uint32 dropped[WORDS], diagonal[32], keptBits, peopleBits;
    __shared__ int classes[32];
    int t = threadIdx.x, count = candidates(p), kept = 0, people = 0;
    const uint32* overlaps = at_address<const uint32>(p.overlaps);
    float* floats = at_address<float>(p.out);
    int* ints = at_address<int>(p.out);
    dropped[t] = 0;
    for (int word = 0; word * 32 < count && kept < p.keep; word++) {
        int own = word * 32 + t;
        if (own < count) {
            diagonal[t] = overlaps[own * WORDS + word];
            classes[t] = at_address<const int>(p.classesSorted)[own];
        }
        __syncthreads();
        if (t == 0) {
            uint32 gone = dropped[word], keeps = 0, persons = 0;
            for (int b = 0, n = kept; b < 32 && word * 32 + b < count && n < p.keep; b++) {
                if (gone >> b & 1) continue;
                gone |= diagonal[b];
                keeps |= 1u << b;
                if (classes[b] == p.person) persons |= 1u << b;
                n++;
            }
            keptBits = keeps, peopleBits = persons;
        }
        __syncthreads();
        uint32 keeps = keptBits, persons = peopleBits, before = (1u << t) - 1;
        if (keeps >> t & 1) {
            int place = kept + __popc(keeps & before);
            Box box = at_address<const Box>(p.boxesSorted)[own];
            float* to = floats + 2 + 6 * place;
            to[0] = box.x1, to[1] = box.y1, to[2] = box.x2, to[3] = box.y2;
            to[4] = at_address<const float>(p.scoresSorted)[own];
            ints[2 + 6 * place + 5] = classes[t];
            int index = people + __popc(persons & before);
            if ((persons >> t & 1) && index < p.people) ints[2 + 6 * (int64)p.objects + index] = place;
        }
        if (t > word && t * 32 < count) {
            uint32 more = 0;
            for (int b = 0; b < 32; b++) {
                if (keeps >> b & 1) more |= overlaps[(word * 32 + b) * WORDS + t];
            }
            dropped[t] |= more;
        }
        kept += __popc(keeps);
        people += __popc(persons);
        __syncthreads();
    }
    if (t == 0) {
        ints[0] = kept;
        ints[1] = people < p.people ? people : p.people;
    }
}
