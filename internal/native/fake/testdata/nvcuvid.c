// A stand-in for libnvcuvid: the tests' own little stream format, and a check of what the library's rules
// ask of its callers. Where the stand-in for libcuda is open, surfaces lie in its memory and are written in
// stream order; else they are a few bytes of host memory.
//
// A unit is any number of records: 'S' width/16 height/16 depth surfaces: a sequence header;
// 'P' status: a picture, shown at once; 'B' status: a picture shown after the next one; 'R': the last picture
// shown again. Every picture carries the number of the unit's timestamp, whose lowest byte is that of every pixel.
#include "fake.h"
#include <dlfcn.h>

typedef int64_t i64;
typedef i32 (*Callback)(u64, void*);

static int parsers, decoders, flags_seen;

static void* cuda(const char* name) {
    void* lib = dlopen("libcuda.so.1", RTLD_NOW | RTLD_NOLOAD);
    return lib ? dlsym(lib, name) : 0;
}
static void wrong(const char* text) {
    pthread_mutex_lock(&mutex);
    note("nvcuvid", text);
    pthread_mutex_unlock(&mutex);
}
// failing counts the call and gives the code that it shall fail with, or 0.
static i32 failing(const char* call) {
    pthread_mutex_lock(&mutex);
    int i = entry(call), code = table[i].fail;
    table[i].calls++; table[i].fail = 0;
    pthread_mutex_unlock(&mutex);
    return code;
}
i32 fake_live(char* out, u64 size) { snprintf(out, size, "%d parsers, %d decoders", parsers, decoders); return parsers + decoders; }
// fake_flags are the flags of all packets so far.
i32 fake_flags(void) { int f = flags_seen; flags_seen = 0; return f; }

typedef struct { u32 codec, surfaces, rest[8]; u64 user; Callback sequence, decode, display; } Params;
#define PITCH 2048
typedef struct { i32 index, progressive, top, repeat; i64 time; } Display;
typedef struct { Params p; int next, surfaces, held; Display hold, last; } Parser;
// pictures is what each surface holds; a mapped frame shows it in its first bytes. Of each output: whether it is used, by
// which surface, and whether its stream has yet to come to it.
typedef struct {
    u64 w, h, maxw, maxh, memory[64];
    int surfaces, outputs, mapped, used[64], from[64], coming[64];
    i64 pictures[32], frames[64];
    i32 status[32];
} Decoder;

static i64 now; // the timestamp of the picture that is being decoded
static i32 nowStatus;

i32 cuvidCreateVideoParser(Parser** out, Params* p) {
    i32 code = failing(__func__);
    if (code) return code;
    if (!p->sequence || !p->decode || !p->display) wrong("parser without callbacks");
    if (p->rest[2]) wrong("display delay");
    *out = calloc(1, sizeof(Parser)); (*out)->p = *p; parsers++;
    return 0;
}
i32 cuvidDestroyVideoParser(Parser* p) { parsers--; free(p); return failing(__func__); }

static void show(Parser* p, Display* d) { p->p.display(p->p.user, d); }
static void release(Parser* p) { if (p->held) { p->held = 0; show(p, &p->hold); } }
static int picture(Parser* p, i64 time, i32 status, int hold) {
    if (!p->surfaces) return 0;
    i32 pic[1070] = {120, 68, p->next};
    Display d = {p->next, 1, 0, 0, time};
    now = time; nowStatus = status;
    p->next = (p->next + 1) % p->surfaces;
    if (!p->p.decode(p->p.user, pic)) return 0;
    p->last = d;
    if (hold) { p->hold = d; p->held = 1; return 1; }
    show(p, &d);
    release(p);
    return 1;
}
i32 cuvidParseVideoData(Parser* p, u64* packet) {
    u64 flags = packet[0];
    flags_seen |= flags;
    unsigned char *b = (unsigned char*)packet[2], *end = b + packet[1];
    if (flags & 1) { release(p); return 0; }
    if ((flags & 10) != 10) wrong("unit without timestamp or end of picture");
    for (; b < end; ) switch (*b++) {
    case 'S': {
        unsigned char f[64] = {0};
        i32* w = (i32*)f;
        int width = b[0] * 16, height = b[1] * 16;
        w[0] = p->p.codec; f[12] = 1; f[13] = f[14] = b[2] - 8; f[15] = b[3];
        w[4] = width; w[5] = height; w[8] = width; w[9] = height - 8; w[10] = 1; f[56] = 8;
        i32 surfaces = p->p.sequence(p->p.user, f);
        if (surfaces) { p->surfaces = surfaces; p->next = p->next % surfaces; }
        if (surfaces && surfaces < b[3]) wrong("fewer surfaces than needed");
        b += 4;
        break;
    }
    case 'P': picture(p, packet[3], *b++, 0); break;
    case 'B': picture(p, packet[3], *b++, 1); break;
    case 'R': show(p, &p->last); break;
    case 'D': { Display d = {77, 1, 0, 0, 0}; show(p, &d); break; }
    default: return 1;
    }
    return 0;
}
i32 cuvidGetDecoderCaps(unsigned char* c) {
    u32* w = (u32*)c;
    int known = w[0] == 4 || w[0] == 8;
    c[24] = known && w[1] == 1 && (w[2] == 0 || w[0] == 8);
    c[25] = 7; c[26] = 1;
    w[7] = 2048; w[8] = 2048; w[9] = 8192; c[40] = 48; c[42] = 16;
    return 0;
}
i32 cuvidCreateDecoder(Decoder** out, u64* info) {
    i32 code = failing(__func__);
    if (code) return code;
    if (info[2] < 1 || info[2] > 32 || info[14] > 63 || !info[14]) return 1;
    if (info[7] < info[0] || info[8] < info[1]) wrong("larger than its own maximum");
    if (((i32*)info)[23]) wrong("deinterlacing"); // the 64-bit word 11 is format and mode
    Decoder* d = *out = calloc(1, sizeof(Decoder));
    d->w = info[0]; d->h = info[1]; d->maxw = info[7]; d->maxh = info[8]; d->surfaces = info[2]; d->outputs = info[14];
    i32 (*allocate)(u64*, u64) = cuda("cuMemAlloc_v2");
    for (int i = 0; allocate && i < d->outputs; i++) if ((code = allocate(&d->memory[i], PITCH * (d->maxh + 1) * 3 / 2))) return code;
    void (*end)(void) = cuda("fake_break");
    if (end) end(); // what the real one does to captures
    decoders++;
    return 0;
}
i32 cuvidReconfigureDecoder(Decoder* d, u32* r) {
    i32 code = failing(__func__);
    if (code) return code;
    if (d->mapped) wrong("reconfigured while mapped");
    if (r[0] > d->maxw || r[1] > d->maxh) { wrong("reconfigured beyond the maximum"); return 1; }
    if ((int)r[4] > d->surfaces) { wrong("reconfigured to more surfaces"); return 1; }
    d->w = r[0]; d->h = r[1];
    return 0;
}
i32 cuvidDestroyDecoder(Decoder* d) {
    if (d->mapped) wrong("destroyed while mapped");
    i32 (*release)(u64) = cuda("cuMemFree_v2");
    for (int i = 0; i < d->outputs; i++) if (d->memory[i] && release(d->memory[i])) wrong("surface still in use");
    decoders--; free(d);
    return 0;
}
i32 cuvidDecodePicture(Decoder* d, i32* p) {
    if (p[2] >= d->surfaces) { wrong("surface out of range"); return 1; }
    for (int i = 0; i < d->outputs; i++) if (d->used[i] && d->from[i] == p[2]) wrong("decoded into a mapped surface");
    d->pictures[p[2]] = now; d->status[p[2]] = nowStatus;
    return 0;
}
// A picture of status 1, in progress, is decoded when it is asked for again.
i32 cuvidGetDecodeStatus(Decoder* d, i32 n, i32* s) {
    *s = d->status[n];
    if (*s == 1) d->status[n] = 2;
    return 0;
}

typedef struct { u64 at, size; int value, *coming; } Fill;
static void put(Fill* f) {
    void* (*host)(u64, u64) = cuda("fake_host");
    void* p = host(f->at, f->size);
    if (p) memset(p, f->value, f->size); else wrong("surface gone before it was written");
}
static void fill(void* arg) {
    Fill* f = arg;
    put(f);
    __atomic_store_n(f->coming, 0, __ATOMIC_RELEASE);
    free(f);
}
i32 cuvidMapVideoFrame64(Decoder* d, i32 n, void** p, u32* pitch, i32* proc) {
    i32 code = failing(__func__);
    if (code) return code;
    if (d->status[n] == 1) wrong("mapped while the hardware was at it");
    if (d->mapped == d->outputs) { wrong("too many maps"); return 205; }
    for (int i = 0; i < d->outputs; i++) if (!d->used[i]) {
        d->used[i] = 1; d->from[i] = n; d->frames[i] = d->pictures[n]; *p = &d->frames[i];
        if (d->memory[i]) {
            Fill* f = malloc(sizeof *f);
            *f = (Fill){d->memory[i], PITCH * d->h * 3 / 2, (int)d->pictures[n], &d->coming[i]};
            __atomic_store_n(f->coming, 1, __ATOMIC_RELAXED);
            i32 (*push)(u64, void (*)(void*), void*) = cuda("fake_push");
            if ((code = push(((u64*)proc)[7], fill, f))) return code;
            *p = (void*)d->memory[i];
        }
        break;
    }
    d->mapped++; *pitch = PITCH;
    if (!((u64*)proc)[7]) wrong("mapped on the default stream");
    return 0;
}
i32 cuvidUnmapVideoFrame64(Decoder* d, i64* p) {
    i64 i = p - d->frames;
    for (int k = 0; k < d->outputs; k++) if (d->memory[k] && d->memory[k] == (u64)p) i = k;
    if (i < 0 || i > 63 || !d->used[i]) { wrong("unmapped what was not mapped"); return 1; }
    if (__atomic_load_n(&d->coming[i], __ATOMIC_ACQUIRE)) wrong("unmapped before its stream came to it");
    else if (d->memory[i]) put(&(Fill){d->memory[i], PITCH * d->h * 3 / 2, 0xee}); // for who still reads it
    d->used[i] = 0; d->mapped--;
    return 0;
}
