// A detector's raw output -> the best objects of the picture: see device.Select.

enum { maxCandidates = 1024 };

struct Found {
    float box[4];
    float score;
    int cls;
};

struct Select {
    u64 scores, boxes;
    u64 count, keys, found; // scratch: u32, [anchors] u64, [anchors] Found
    Selection out;
    int anchors, classes, width, height, person;
    float left, top, scale, below, iou; // below: the number just below the least score
    u32 wanted[32];                     // a bit a class; more than 1,024 classes are all wanted
};

// descending orders scores as unsigned numbers, the best lowest.
__device__ static u32 descending(float score) {
    u32 b = __float_as_uint(score + 0.f); // the sum makes -0 and 0 one tie
    return b >> 31 ? b : ~(b | 0x80000000u);
}

// A warp looks at one anchor: its best class, its box in the picture.
extern "C" __global__ void select_collect(Select k) {
    int anchor = (blockIdx.x * blockDim.x + threadIdx.x) / 32, lane = threadIdx.x & 31;
    if (anchor >= k.anchors) return;
    const float* row = (const float*)k.scores + (long long)anchor * k.classes;
    float best = k.below;
    int cls = 0x7fffffff;
    for (int c = lane; c < k.classes; c += 32)
        if (row[c] > best) {
            best = row[c];
            cls = c;
        }
    for (int d = 16; d > 0; d /= 2) {
        float other = __shfl_down_sync(0xffffffffu, best, d);
        int otherClass = __shfl_down_sync(0xffffffffu, cls, d);
        if (other > best || (other == best && otherClass < cls)) {
            best = other;
            cls = otherClass;
        }
    }
    if (lane != 0 || cls >= k.classes) return;
    if (cls < 1024 && !(k.wanted[cls / 32] >> (cls & 31) & 1)) return;
    const float* b = (const float*)k.boxes + 4ll * anchor;
    Found f;
    for (int i = 0; i < 4; i++) {
        float v = (b[i] - (i & 1 ? k.top : k.left)) / k.scale;
        if (v != v) return;
        f.box[i] = clampf(v, 0.f, i & 1 ? k.height : k.width);
    }
    if (!(f.box[2] > f.box[0] && f.box[3] > f.box[1])) return;
    f.score = best;
    f.cls = cls;
    ((Found*)k.found)[anchor] = f;
    u32 at = atomicAdd((u32*)k.count, 1u);
    ((u64*)k.keys)[at] = (u64)descending(best) << 32 | (u32)anchor;
}

// sortKeys sorts 2048 keys in shared memory with 1024 threads (bitonic).
__device__ static void sortKeys(u64* keys) {
    for (int size = 2; size <= 2 * maxCandidates; size *= 2)
        for (int d = size / 2; d > 0; d /= 2) {
            int i = 2 * threadIdx.x - (threadIdx.x & (d - 1)), j = i + d;
            bool up = (i & size) == 0;
            u64 a = keys[i], b = keys[j];
            if ((a > b) == up) {
                keys[i] = b;
                keys[j] = a;
            }
            __syncthreads();
        }
}

__device__ static float overlap(const float* a, const float* b) {
    float w = fminf(a[2], b[2]) - fmaxf(a[0], b[0]), h = fminf(a[3], b[3]) - fmaxf(a[1], b[1]);
    if (w <= 0 || h <= 0) return 0;
    float both = w * h;
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both);
}

// One block of 1024 threads: the best 1024 keys in order, non-maximum suppression, the selection. It
// leaves the count at zero for the next launch.
extern "C" __global__ void select_pick(Select k) {
    __shared__ u64 keys[2 * maxCandidates];
    __shared__ Found mine[maxCandidates];
    __shared__ u8 alive[maxCandidates];
    int t = threadIdx.x, found = min(*(u32*)k.count, (u32)k.anchors);
    const u64* all = (const u64*)k.keys;
    keys[t] = ~0ull;
    // The array's first half holds the best so far; a bitonic sort brings another 1024 in.
    for (int first = 0; first < found; first += maxCandidates) {
        keys[maxCandidates + t] = first + t < found ? all[first + t] : ~0ull;
        __syncthreads();
        sortKeys(keys);
    }
    __syncthreads();
    int candidates = min(found, (int)maxCandidates);
    if (t < candidates) mine[t] = ((const Found*)k.found)[(u32)keys[t]];
    alive[t] = t < candidates;
    __syncthreads();

    int *words = (int*)k.out.at, *list = words + 2 + 6 * k.out.objects;
    int kept = 0, people = 0; // the same in every thread
    for (int i = 0; i < candidates && kept < k.out.objects; i++) {
        if (!alive[i]) continue;
        if (t > i && t < candidates && mine[t].cls == mine[i].cls && overlap(mine[i].box, mine[t].box) > k.iou) alive[t] = 0;
        bool isPerson = mine[i].cls == k.person && people < k.out.people;
        if (t == 0) {
            float* o = (float*)(words + 2 + 6 * kept);
            for (int c = 0; c < 4; c++) o[c] = mine[i].box[c];
            o[4] = mine[i].score;
            ((int*)o)[5] = mine[i].cls;
            if (isPerson) list[people] = kept;
        }
        kept++;
        people += isPerson;
        __syncthreads();
    }
    if (t == 0) {
        words[0] = kept;
        words[1] = people;
        *(u32*)k.count = 0;
    }
}
