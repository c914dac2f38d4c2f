// A stand-in for libcuda that is stricter than the driver. Every stream is a thread, so work is asynchronous
// and host functions come from a thread that Go did not make. Device addresses are biased: the host cannot
// read through them. Handles are numbers that are never used twice.
#include "fake.h"

enum { NONE, CONTEXT, STREAM, EVENT, GRAPH, EXEC, MODULE, FUNCTION, DEVICE_MEMORY, HOST_MEMORY };
static const char* kinds[] = {"", "context", "stream", "event", "graph", "executable graph", "module", "function", "device memory", "pinned memory"};
enum { COPY, ROWS, SET, HOST, RECORD, WAIT, KERNEL, REPLAY, CALL };
#define LANES 16
#define BIAS 0x3000000000000000ull
#define CANARY 64

typedef struct { u64 sx, sy; u32 st, p0; u64 sh, sd, sa, sp, dx, dy; u32 dt, p1; u64 dh, dd, da, dp, w, h; } Rows;
typedef struct {
    int kind;
    u64 dst, src, n, arg; // COPY, SET
    void (*host)(void*);
    Rows rows;
    struct Object* object;  // EVENT, FUNCTION or EXEC
    unsigned char params[1024];
} Op;
typedef struct { Op* at; u64 n, room; } Ops;
typedef struct Object {
    int kind, alive, device;
    struct Object* context;
    // CONTEXT
    int retained, lost;
    // STREAM
    Ops queue;
    u64 finished;
    pthread_t thread;
    // STREAM, EVENT: the capture that it is part of, and how far each lane of that it has seen
    struct Capture* capture;
    int lane;
    u64 clock[LANES];
    // EVENT
    u32 flags;
    u64 recorded, done;
    double at;
    // GRAPH, EXEC
    Ops ops;
    int running, queued;
    // MODULE, FUNCTION
    char* text;
    int sizes[16], parameters;
    // memory
    char* base;
    u64 size;
} Object;
typedef struct Capture { Object* origin; pthread_t thread; int broken, lanes, open; Object* stream[LANES]; Ops ops; } Capture;

static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static Object* objects[1 << 18];
static u64 count = 1;
static Object* primary[2];
static int primary_flags[2];
static Capture* captures[64];
static int initialised;
static __thread Object* current;
static __thread int in_host_function;

#define NOCONTEXT 1
// BEGIN opens every function: it holds the lock until the function returns.
#define BEGIN(flags) \
    __attribute__((cleanup(leave))) int held = 0; \
    { i32 r_ = enter(__func__, flags, &held); if (r_) return r_; }
#define REFUSE(code, why) return note(__func__, why), code

static i32 enter(const char* call, int flags, int* held) {
    pthread_mutex_lock(&mutex);
    *held = 1;
    int i = entry(call);
    table[i].calls++;
    if (in_host_function) { note(call, "called from a host function"); return 800; }
    if (!initialised && strcmp(call, "cuInit")) { note(call, "before cuInit"); return 3; }
    // A real process stays lost. Here the error goes with its context, so that other tests can follow.
    if (current && current->alive && current->lost) return current->lost;
    if (!(flags & NOCONTEXT) && (!current || !current->alive)) { note(call, "no context is current on this thread"); return 201; }
    if (table[i].fail) {
        i32 code = table[i].fail;
        table[i].fail = 0;
        if (current && (code == 700 || (code >= 714 && code <= 719) || code == 999)) current->lost = code;
        return code;
    }
    return 0;
}

static u64 handle(Object* o, int kind) {
    if (count >= sizeof objects / sizeof *objects) abort();
    o->kind = kind; o->alive = 1; o->context = kind == CONTEXT ? o : current;
    objects[count] = o;
    return (u64)kind << 40 | count++;
}
static Object* make(void) { return calloc(1, sizeof(Object)); }
// find checks a handle: alive, of this kind and of the current context.
static Object* find(const char* call, u64 h, int kind) {
    u64 i = h & ((1ull << 40) - 1);
    char why[100];
    if (h >> 40 != (u64)kind || !i || i >= count) snprintf(why, sizeof why, "not a %s", kinds[kind]);
    else if (!objects[i]->alive) snprintf(why, sizeof why, "%s used after it was closed", kinds[kind]);
    else if (objects[i]->context != current) snprintf(why, sizeof why, "%s of another context", kinds[kind]);
    else return objects[i];
    note(call, why);
    return 0;
}
#define FIND(var, h, kind) Object* var = find(__func__, h, kind); if (!var) return 400

static void append(Ops* q, const Op* op) {
    if (q->n == q->room) q->at = realloc(q->at, (q->room = q->room ? 2 * q->room : 16) * sizeof(Op));
    q->at[q->n++] = *op;
}

// memory finds the host address of n bytes inside one living allocation of the kind, or of any if 0.
static char* memory(u64 p, u64 n, int kind) {
    for (u64 i = count - 1; i > 0; i--) {
        Object* o = objects[i];
        if (!o->alive || o->kind < DEVICE_MEMORY || (kind && o->kind != kind)) continue;
        u64 base = (u64)o->base + (o->kind == DEVICE_MEMORY ? BIAS : 0);
        if (p >= base && n <= o->size && p - base <= o->size - n) return o->base + (p - base);
    }
    return 0;
}
// fake_host is how other stand-ins reach device memory: the host address of n bytes, NULL if out of range.
void* fake_host(u64 p, u64 n) {
    pthread_mutex_lock(&mutex);
    void* out = memory(p, n, 0);
    pthread_mutex_unlock(&mutex);
    return out;
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

static u64 extent(u64 pitch, u64 w, u64 h) { return h ? pitch * (h - 1) + w : 0; }

static void lose(Object* s, const char* why) { note("stream", why); s->context->lost = 700; }

// run does one piece of work, with the lock held but while it is in code that is not ours.
static void run(Object* s, Op* op) {
    char *d, *f;
    if (s->context->lost && op->kind != RECORD && op->kind != HOST) return;
    switch (op->kind) {
    case COPY:
        d = memory(op->dst, op->n, 0); f = memory(op->src, op->n, 0);
        if (!d || !f) lose(s, "copy of memory that was freed"); else memmove(d, f, op->n);
        break;
    case ROWS:
        d = memory(op->rows.dd, extent(op->rows.dp, op->rows.w, op->rows.h), 0);
        f = memory(op->rows.sd, extent(op->rows.sp, op->rows.w, op->rows.h), 0);
        if (!d || !f) { lose(s, "copy of rows of memory that was freed"); break; }
        for (u64 y = 0; y < op->rows.h; y++) memcpy(d + y * op->rows.dp, f + y * op->rows.sp, op->rows.w);
        break;
    case SET:
        d = memory(op->dst, op->n, DEVICE_MEMORY);
        if (!d) lose(s, "memory set after it was freed"); else memset(d, op->arg, op->n);
        break;
    case HOST: case CALL:
        pthread_mutex_unlock(&mutex);
        in_host_function = 1;
        op->host((void*)op->arg);
        in_host_function = 0;
        pthread_mutex_lock(&mutex);
        break;
    case RECORD:
        op->object->at = now();
        if (op->arg > op->object->done) op->object->done = op->arg;
        break;
    case WAIT:
        while (op->object->done < op->arg) pthread_cond_wait(&changed, &mutex);
        break;
    case KERNEL:
        if (!strcmp(op->object->text, "fill")) { // fill(u64 dst, u32 value, u32 n)
            u64 dst; u32 value, n;
            memcpy(&dst, op->params, 8); memcpy(&value, op->params + 8, 4); memcpy(&n, op->params + 12, 4);
            u32* p = (u32*)memory(dst, 4ull * n, DEVICE_MEMORY);
            if (!p) { lose(s, "kernel writes outside of its memory"); break; }
            for (u32 i = 0; i < n; i++) p[i] = value + i;
        } else if (!strcmp(op->object->text, "move")) { // move({u64 to, from; i64 units; i32 unit, reserved})
            u64 to, from, units; u32 unit;
            memcpy(&to, op->params, 8); memcpy(&from, op->params + 8, 8); memcpy(&units, op->params + 16, 8); memcpy(&unit, op->params + 24, 4);
            char *d = memory(to, units * unit, 0), *f = memory(from, units * unit, 0);
            if (!d || !f) { lose(s, "kernel moves memory that was freed"); break; }
            memcpy(d, f, units * unit);
        } else if (!strcmp(op->object->text, "moves")) { // moves({u64 table; i32 count, reserved}), entries {u64 to, from, bytes}
            u64 table; u32 copies;
            memcpy(&table, op->params, 8); memcpy(&copies, op->params + 8, 4);
            u64* e = (u64*)memory(table, 24ull * copies, 0);
            if (!e) { lose(s, "kernel reads a table that was freed"); break; }
            for (; copies--; e += 3) {
                if (!e[2]) continue;
                char *d = memory(e[0], e[2], DEVICE_MEMORY), *f = memory(e[1], e[2], DEVICE_MEMORY);
                if (!d || !f) { lose(s, "kernel moves memory that was freed"); break; }
                memcpy(d, f, e[2]);
            }
        }
        break;
    case REPLAY: {
        Object* x = op->object;
        while (x->running) pthread_cond_wait(&changed, &mutex);
        x->running = 1;
        for (u64 i = 0; i < x->ops.n; i++) run(s, &x->ops.at[i]);
        x->running = 0; x->queued--;
        break;
    }
    }
    pthread_cond_broadcast(&changed);
}

static void* work(void* arg) {
    Object* s = arg;
    pthread_mutex_lock(&mutex);
    for (;;) {
        while (s->finished == s->queue.n && s->alive) pthread_cond_wait(&changed, &mutex);
        if (s->finished == s->queue.n) break;
        Op op = s->queue.at[s->finished];
        run(s, &op);
        if (++s->finished == s->queue.n) s->finished = s->queue.n = 0;
        pthread_cond_broadcast(&changed);
    }
    pthread_mutex_unlock(&mutex);
    return 0;
}

// put queues work, or records it.
static i32 put(Object* s, Op* op) {
    if (s->capture) {
        if (s->capture->broken) return 901;
        append(&s->capture->ops, op);
        s->clock[s->lane]++;
        return 0;
    }
    append(&s->queue, op);
    pthread_cond_broadcast(&changed);
    return 0;
}
// fake_push is how other stand-ins queue work.
i32 fake_push(u64 stream, void (*f)(void*), void* arg) {
    BEGIN(0);
    FIND(s, stream, STREAM);
    return put(s, &(Op){.kind = CALL, .host = f, .arg = (u64)arg});
}
// fake_break is what creating a decoder does: it ends every capture on every thread.
void fake_break(void) {
    for (int i = 0; i < 64; i++) if (captures[i]) captures[i]->broken = 1;
}
static int capturing(void) {
    int n = 0;
    for (int i = 0; i < 64; i++) n += captures[i] != 0;
    return n;
}
// fake_live counts what is open: all kinds but functions, which go with their module.
i32 fake_live(char* out, u64 size) {
    pthread_mutex_lock(&mutex);
    i32 n = 0;
    out[0] = 0;
    for (u64 i = 1; i < count; i++) {
        if (!objects[i]->alive || objects[i]->kind == FUNCTION) continue;
        size_t used = strlen(out);
        snprintf(out + used, size - used, "%s ", kinds[objects[i]->kind]);
        n++;
    }
    pthread_mutex_unlock(&mutex);
    return n;
}

// The setting must be in C's environment, not only in Go's.
i32 cuInit(u32 f) {
    BEGIN(NOCONTEXT);
    if (!getenv("CUDA_DEVICE_MAX_CONNECTIONS")) note("cuInit", "CUDA_DEVICE_MAX_CONNECTIONS is not set");
    initialised = 1;
    return f ? 1 : 0;
}
i32 cuDriverGetVersion(i32* v) { BEGIN(NOCONTEXT); *v = 13000; return 0; }
i32 cuGetErrorName(i32 r, const char** s) {
    static const struct { i32 code; const char* name; } names[] = {
        {1, "CUDA_ERROR_INVALID_VALUE"}, {2, "CUDA_ERROR_OUT_OF_MEMORY"}, {100, "CUDA_ERROR_NO_DEVICE"}, {101, "CUDA_ERROR_INVALID_DEVICE"},
        {201, "CUDA_ERROR_INVALID_CONTEXT"}, {218, "CUDA_ERROR_INVALID_PTX"}, {400, "CUDA_ERROR_INVALID_HANDLE"}, {401, "CUDA_ERROR_ILLEGAL_STATE"},
        {500, "CUDA_ERROR_NOT_FOUND"}, {600, "CUDA_ERROR_NOT_READY"}, {700, "CUDA_ERROR_ILLEGAL_ADDRESS"}, {719, "CUDA_ERROR_LAUNCH_FAILED"},
        {800, "CUDA_ERROR_NOT_PERMITTED"}, {900, "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED"}, {901, "CUDA_ERROR_STREAM_CAPTURE_INVALIDATED"},
        {904, "CUDA_ERROR_STREAM_CAPTURE_UNJOINED"}, {905, "CUDA_ERROR_STREAM_CAPTURE_ISOLATION"}, {907, "CUDA_ERROR_CAPTURED_EVENT"},
        {908, "CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD"}};
    pthread_mutex_lock(&mutex);
    table[entry(__func__)].calls++;
    pthread_mutex_unlock(&mutex);
    for (u64 i = 0; i < sizeof names / sizeof *names; i++) if (names[i].code == r) { *s = names[i].name; return 0; }
    return 1;
}
i32 cuDeviceGetCount(i32* n) { BEGIN(NOCONTEXT); *n = 2; return 0; }
i32 cuDeviceGet(i32* d, i32 n) { BEGIN(NOCONTEXT); if (n < 0 || n > 1) return 101; *d = n; return 0; }
i32 cuDeviceGetName(char* s, i32 n, i32 d) { BEGIN(NOCONTEXT); snprintf(s, n, "stand-in %d", d); return 0; }
i32 cuDeviceGetUuid_v2(unsigned char* u, i32 d) { BEGIN(NOCONTEXT); for (int i = 0; i < 16; i++) u[i] = i * 0x11; return 0; }
i32 cuDeviceTotalMem_v2(u64* n, i32 d) { BEGIN(NOCONTEXT); *n = 1 << 30; return 0; }
i32 cuDeviceGetAttribute(i32* v, i32 a, i32 d) { BEGIN(NOCONTEXT); *v = a == 75 ? 9 : a == 16 ? 132 : 0; return 0; }

i32 cuDevicePrimaryCtxSetFlags_v2(i32 d, u32 f) {
    BEGIN(NOCONTEXT);
    if (f != 4) REFUSE(1, "host threads would spin");
    primary_flags[d] = f;
    return 0;
}
i32 cuDevicePrimaryCtxRetain(u64* c, i32 d) {
    BEGIN(NOCONTEXT);
    if (!primary_flags[d]) REFUSE(1, "flags not set");
    if (!primary[d]) { primary[d] = make(); primary[d]->device = d; handle(primary[d], CONTEXT); }
    primary[d]->retained++;
    for (u64 i = 1; i < count; i++) if (objects[i] == primary[d]) *c = (u64)CONTEXT << 40 | i;
    return 0;
}
i32 cuDevicePrimaryCtxRelease_v2(i32 d) {
    pthread_mutex_lock(&mutex);
    __attribute__((cleanup(leave))) int held = 1;
    table[entry(__func__)].calls++;
    Object* c = primary[d];
    if (!c) REFUSE(201, "released more often than retained");
    if (--c->retained) return 0;
    for (u64 i = 1; i < count; i++) {
        Object* o = objects[i];
        if (o->context == c && o->kind == STREAM && !o->alive) while (o->finished != o->queue.n) pthread_cond_wait(&changed, &mutex);
        if (o->context != c || !o->alive || o == c) continue;
        if (o->kind != FUNCTION && !c->lost) note(__func__, kinds[o->kind]);
        o->alive = 0;
    }
    c->alive = 0; primary[d] = 0;
    pthread_cond_broadcast(&changed);
    return 0;
}
i32 cuCtxSetCurrent(u64 h) {
    pthread_mutex_lock(&mutex);
    __attribute__((cleanup(leave))) int held = 1;
    table[entry(__func__)].calls++;
    if (in_host_function) REFUSE(800, "called from a host function");
    u64 i = h & ((1ull << 40) - 1);
    if (h >> 40 != CONTEXT || i >= count || !objects[i]->alive) REFUSE(201, "not an open context");
    current = objects[i];
    return 0;
}
i32 cuCtxSynchronize(void) {
    BEGIN(0);
    if (capturing()) { fake_break(); REFUSE(900, "ends the captures in progress"); }
    for (u64 i = 1; i < count; i++)
        if (objects[i]->kind == STREAM && objects[i]->context == current) while (objects[i]->finished != objects[i]->queue.n) pthread_cond_wait(&changed, &mutex);
    return current->lost;
}

static i32 allocate(u64* p, u64 n, int kind) {
    Object* o = make();
    if (posix_memalign((void**)&o->base, 256, n + CANARY)) abort();
    memset(o->base, 0xA5, n + CANARY);
    o->size = n;
    handle(o, kind);
    *p = (u64)o->base + (kind == DEVICE_MEMORY ? BIAS : 0);
    return 0;
}
static u64 used(void) {
    u64 n = 0;
    for (u64 i = 1; i < count; i++) if (objects[i]->alive && objects[i]->kind == DEVICE_MEMORY && objects[i]->context == current) n += objects[i]->size;
    return n;
}
static int touches(Ops* q, u64 from, Object* o) {
    u64 base = (u64)o->base + (o->kind == DEVICE_MEMORY ? BIAS : 0);
    for (u64 i = from; i < q->n; i++) {
        Op* op = &q->at[i];
        u64 d = op->kind == ROWS ? op->rows.dd : op->dst, s = op->kind == ROWS ? op->rows.sd : op->src;
        int moves = op->kind == KERNEL && !strcmp(op->object->text, "move");
        if (moves) memcpy(&d, op->params, 8), memcpy(&s, op->params + 8, 8);
        if ((op->kind <= SET || moves) && ((d >= base && d < base + o->size) || (s >= base && s < base + o->size))) return 1;
        if (op->kind == REPLAY && touches(&op->object->ops, 0, o)) return 1;
    }
    return 0;
}
static i32 release(const char* call, u64 p, int kind) {
    for (u64 i = count - 1; i > 0; i--) {
        Object* o = objects[i];
        if (o->kind != kind || (u64)o->base + (kind == DEVICE_MEMORY ? BIAS : 0) != p) continue;
        if (!o->alive) { note(call, "freed twice"); return 1; }
        if (o->context != current) { note(call, "memory of another context"); return 400; }
        for (u64 k = 1; k < count; k++)
            if (objects[k]->kind == STREAM && touches(&objects[k]->queue, objects[k]->finished, o)) { note(call, "queued work still uses this memory"); return 1; }
        for (int k = 0; k < CANARY; k++) if ((unsigned char)o->base[o->size + k] != 0xA5) { note(call, "something wrote behind this memory"); break; }
        o->alive = 0;
        memset(o->base, 0xDD, o->size); // never given back to malloc: an address is used once
        return 0;
    }
    note(call, "not an allocation's address");
    return 1;
}
i32 cuMemAlloc_v2(u64* p, u64 n) { BEGIN(0); if (!n) return 1; if (n > (1u << 30) - used()) return 2; return allocate(p, n, DEVICE_MEMORY); }
i32 cuMemFree_v2(u64 p) { BEGIN(0); return release(__func__, p, DEVICE_MEMORY); }
i32 cuMemHostAlloc(u64* p, u64 n, u32 f) { BEGIN(0); if (!n) return 1; return allocate(p, n, HOST_MEMORY); }
i32 cuMemFreeHost(u64 p) { BEGIN(0); return release(__func__, p, HOST_MEMORY); }
i32 cuMemGetInfo_v2(u64* f, u64* t) { BEGIN(0); *t = 1 << 30; *f = *t - used(); return 0; }
i32 cuMemsetD8Async(u64 p, unsigned char v, u64 n, u64 stream) {
    BEGIN(0);
    FIND(s, stream, STREAM);
    if (!memory(p, n, DEVICE_MEMORY)) REFUSE(1, "out of the range of an allocation");
    return put(s, &(Op){.kind = SET, .dst = p, .arg = v, .n = n});
}
i32 cuMemcpyAsync(u64 dst, u64 src, u64 n, u64 stream) {
    BEGIN(0);
    FIND(s, stream, STREAM);
    if (!memory(dst, n, 0)) REFUSE(1, "destination is not inside device or pinned memory");
    if (!memory(src, n, 0)) REFUSE(1, "source is not inside device or pinned memory");
    return put(s, &(Op){.kind = COPY, .dst = dst, .src = src, .n = n});
}
i32 cuMemcpy2DAsync_v2(Rows* c, u64 stream) {
    BEGIN(0);
    FIND(s, stream, STREAM);
    if (c->st != 4 || c->dt != 4 || c->sx || c->sy || c->dx || c->dy || c->sh || c->dh || c->sa || c->da) REFUSE(1, "not a copy between unified addresses");
    if (c->w > c->sp || c->w > c->dp) REFUSE(1, "rows are longer than their pitch");
    if (!memory(c->dd, extent(c->dp, c->w, c->h), 0)) REFUSE(1, "destination is not inside device or pinned memory");
    if (!memory(c->sd, extent(c->sp, c->w, c->h), 0)) REFUSE(1, "source is not inside device or pinned memory");
    return put(s, &(Op){.kind = ROWS, .rows = *c});
}

i32 cuStreamCreate(u64* h, u32 f) {
    BEGIN(0);
    if (f != 1) REFUSE(1, "stream waits for the default stream");
    Object* s = make();
    *h = handle(s, STREAM);
    if (pthread_create(&s->thread, 0, work, s)) abort();
    pthread_detach(s->thread);
    return 0;
}
i32 cuStreamDestroy_v2(u64 h) {
    BEGIN(0);
    FIND(s, h, STREAM);
    if (s->capture) REFUSE(900, "stream closed while it is captured");
    s->alive = 0;
    pthread_cond_broadcast(&changed);
    return 0;
}
i32 cuStreamSynchronize(u64 h) {
    BEGIN(0);
    FIND(s, h, STREAM);
    if (s->capture) { s->capture->broken = 1; REFUSE(900, "waits for a stream that is captured"); }
    while (s->finished != s->queue.n) pthread_cond_wait(&changed, &mutex);
    return s->context->lost;
}
i32 cuStreamWaitEvent(u64 h, u64 eh, u32 f) {
    BEGIN(0);
    FIND(s, h, STREAM);
    FIND(e, eh, EVENT);
    if (f) return 1;
    if (!e->capture) {
        if (s->capture) { s->capture->broken = 1; REFUSE(905, "a captured stream waits for work outside of the capture"); }
        return put(s, &(Op){.kind = WAIT, .object = e, .arg = e->recorded});
    }
    if (!e->capture->open) REFUSE(907, "the event was recorded in a capture that has ended");
    if (s->capture && s->capture != e->capture) REFUSE(905, "two captures would be joined");
    if (!s->capture) {
        s->capture = e->capture; s->lane = s->capture->lanes;
        s->capture->stream[s->capture->lanes++] = s;
        memset(s->clock, 0, sizeof s->clock);
    }
    for (int i = 0; i < LANES; i++) if (e->clock[i] > s->clock[i]) s->clock[i] = e->clock[i];
    return 0;
}

i32 cuEventCreate(u64* h, u32 f) {
    BEGIN(0);
    if (!(f & 1)) REFUSE(1, "a host thread would spin on this event");
    Object* e = make();
    e->flags = f;
    *h = handle(e, EVENT);
    return 0;
}
i32 cuEventDestroy_v2(u64 h) { BEGIN(0); FIND(e, h, EVENT); e->alive = 0; return 0; }
i32 cuEventRecord(u64 eh, u64 h) {
    BEGIN(0);
    FIND(s, h, STREAM);
    FIND(e, eh, EVENT);
    e->capture = s->capture;
    if (s->capture) { memcpy(e->clock, s->clock, sizeof e->clock); return s->capture->broken ? 901 : 0; }
    return put(s, &(Op){.kind = RECORD, .object = e, .arg = ++e->recorded});
}
i32 cuEventSynchronize(u64 h) {
    BEGIN(0);
    FIND(e, h, EVENT);
    if (e->capture) { e->capture->broken = 1; REFUSE(907, "the event was last recorded in a capture"); }
    u64 target = e->recorded;
    while (e->done < target) pthread_cond_wait(&changed, &mutex);
    return e->context->lost;
}
i32 cuEventQuery(u64 h) {
    BEGIN(0);
    FIND(e, h, EVENT);
    if (e->capture) { e->capture->broken = 1; REFUSE(907, "the event was last recorded in a capture"); }
    return e->done < e->recorded ? 600 : 0;
}
// The newer name has the same ABI; drivers keep both.
i32 cuEventElapsedTime(float* ms, u64 h0, u64 h1) {
    BEGIN(0);
    FIND(a, h0, EVENT);
    FIND(b, h1, EVENT);
    if ((a->flags | b->flags) & 2) REFUSE(400, "the event keeps no time");
    if (!a->recorded || !b->recorded) return 400;
    if (a->done < a->recorded || b->done < b->recorded) return 600;
    *ms = b->at - a->at;
    return 0;
}

i32 cuStreamBeginCapture_v2(u64 h, i32 mode) {
    BEGIN(0);
    FIND(s, h, STREAM);
    if (mode != 1) REFUSE(1, "only captures of mode thread local go beside one another");
    if (s->capture) REFUSE(401, "the stream is captured already");
    Capture* c = calloc(1, sizeof(Capture));
    int i = 0;
    while (captures[i]) i++;
    captures[i] = c;
    c->origin = s; c->thread = pthread_self(); c->lanes = 1; c->open = 1; c->stream[0] = s;
    s->capture = c; s->lane = 0;
    memset(s->clock, 0, sizeof s->clock);
    return 0;
}
i32 cuStreamEndCapture(u64 h, u64* out) {
    BEGIN(0);
    *out = 0;
    FIND(s, h, STREAM);
    Capture* c = s->capture;
    if (!c) REFUSE(401, "the stream is not captured");
    if (c->origin != s) REFUSE(903, "the capture was begun in another stream");
    if (!pthread_equal(c->thread, pthread_self())) REFUSE(908, "the capture was begun on another thread");
    i32 r = c->broken ? 901 : 0;
    for (int i = 0; i < c->lanes; i++) {
        if (!r && c->stream[i]->clock[i] > s->clock[i]) r = 904;
        c->stream[i]->capture = 0;
    }
    for (int i = 0; i < 64; i++) if (captures[i] == c) captures[i] = 0;
    c->open = 0; // the record itself stays: events point to it
    if (r) return r;
    Object* g = make();
    g->ops = c->ops;
    *out = handle(g, GRAPH);
    return 0;
}
i32 cuGraphInstantiateWithFlags(u64* x, u64 h, u64 f) {
    BEGIN(0);
    FIND(g, h, GRAPH);
    if (f) return 1;
    Object* e = make();
    for (u64 i = 0; i < g->ops.n; i++) append(&e->ops, &g->ops.at[i]);
    *x = handle(e, EXEC);
    return 0;
}
i32 cuGraphGetNodes(u64 h, u64* nodes, u64* n) { BEGIN(0); FIND(g, h, GRAPH); if (nodes) return 1; *n = g->ops.n; return 0; }
i32 cuGraphDestroy(u64 h) { BEGIN(0); FIND(g, h, GRAPH); g->alive = 0; return 0; }
i32 cuGraphLaunch(u64 x, u64 h) {
    BEGIN(0);
    FIND(s, h, STREAM);
    FIND(e, x, EXEC);
    if (s->capture) REFUSE(900, "a graph launched into a capture");
    e->queued++;
    return put(s, &(Op){.kind = REPLAY, .object = e});
}
i32 cuGraphExecDestroy(u64 x) {
    BEGIN(0);
    FIND(e, x, EXEC);
    if (e->queued) note(__func__, "the graph is still queued");
    e->alive = 0;
    return 0;
}
i32 cuLaunchHostFunc(u64 h, void (*f)(void*), u64 arg) {
    BEGIN(0);
    FIND(s, h, STREAM);
    if (!f) REFUSE(1, "no function");
    return put(s, &(Op){.kind = HOST, .host = f, .arg = arg});
}

i32 cuModuleLoadDataEx(u64* h, const char* text, u32 n, i32* options, u64* values) {
    BEGIN(0);
    if (!strstr(text, ".entry")) {
        for (u32 i = 0; i + 1 < n; i++) if (options[i] == 5 && options[i + 1] == 6) snprintf((char*)values[i], (u64)(u32)values[i + 1], "ptxas stand-in: line 1; no entry in this text");
        return 218;
    }
    Object* m = make();
    m->text = strdup(text);
    *h = handle(m, MODULE);
    return 0;
}
i32 cuModuleUnload(u64 h) {
    BEGIN(0);
    FIND(m, h, MODULE);
    m->alive = 0;
    for (u64 i = 1; i < count; i++) if (objects[i]->kind == FUNCTION && objects[i]->base == (char*)m) objects[i]->alive = 0;
    return 0;
}
// cuModuleGetFunction reads the entry's parameters, whose sizes the launch needs.
i32 cuModuleGetFunction(u64* h, u64 mh, const char* name) {
    BEGIN(0);
    FIND(m, mh, MODULE);
    char want[100];
    snprintf(want, sizeof want, ".entry %s(", name);
    char* p = strstr(m->text, want);
    if (!p) return 500;
    Object* f = make();
    f->text = strdup(name); f->base = (char*)m;
    char* end = strchr(p, ')');
    while ((p = strstr(p, ".param")) && p < end && f->parameters < 16) {
        char* stop = p + strcspn(p, ",)");
        int size = 4;
        for (char* t = p; t < stop; t++) {
            if (!strncmp(t, "64 ", 3)) size = 8;
            if (*t == '[') size = atoi(t + 1);
        }
        f->sizes[f->parameters++] = size;
        p = stop;
    }
    *h = handle(f, FUNCTION);
    return 0;
}
i32 cuLaunchKernel(u64 fh, u32 gx, u32 gy, u32 gz, u32 bx, u32 by, u32 bz, u32 shared, u64 h, void** params, void** extra) {
    BEGIN(0);
    FIND(s, h, STREAM);
    FIND(f, fh, FUNCTION);
    if (!gx || !gy || !gz || !bx || !by || !bz || (u64)bx * by * bz > 1024 || gy > 65535 || gz > 65535 || shared > 232448) REFUSE(1, "a shape that no GPU takes");
    if (extra) REFUSE(1, "extra is not used");
    Op op = {.kind = KERNEL, .object = f};
    int at = 0;
    for (int i = 0; i < f->parameters; i++) {
        if (!params[i]) REFUSE(1, "a parameter is missing");
        if (at + f->sizes[i] > (int)sizeof op.params) REFUSE(1, "parameters too large for the stand-in");
        memcpy(op.params + at, params[i], f->sizes[i]);
        at += f->sizes[i];
    }
    return put(s, &op);
}
