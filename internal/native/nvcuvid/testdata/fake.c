// A stand-in for libnvcuvid: the tests' own little stream format, and a check of what the library's rules
// ask of its callers. Device memory is host memory.
//
// A unit is any number of records: 'S' width/16 height/16 depth surfaces: a sequence header;
// 'P' status: a picture, shown at once; 'B' status: a picture shown after the next one; 'R': the last picture
// shown again. Every picture carries the number of the unit's timestamp.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef int32_t i32;
typedef int64_t i64;
typedef uint32_t u32;
typedef uint64_t u64;
typedef i32 (*Callback)(u64, void*);

static char violation[256];
static int parsers, decoders, flags_seen;
// What the next call shall fail: 1 parser, 2 decoder, 3 map, 4 reconfigure, 5 destroy.
static int fail;

static void wrong(const char* text) { if (!violation[0]) snprintf(violation, sizeof violation, "%s", text); }
static int failing(int what) { int f = fail == what; if (f) fail = 0; return f; }
const char* fake_violation(void) { return violation; }
void fake_reset(void) { violation[0] = 0; fail = flags_seen = 0; }
void fake_fail(i32 what) { fail = what; }
i32 fake_open(void) { return parsers + decoders; }
i32 fake_flags(void) { return flags_seen; }

typedef struct { u32 codec, surfaces, rest[8]; u64 user; Callback sequence, decode, display; } Params;
typedef struct { i32 index, progressive, top, repeat; i64 time; } Display;
typedef struct { Params p; int next, surfaces, held; Display hold, last; } Parser;
// pictures is what each surface holds; a mapped frame shows it in its first bytes.
typedef struct { u64 w, h, maxw, maxh; int surfaces, outputs, mapped; i64 pictures[32], frames[64]; int used[64]; i32 status[32]; } Decoder;

static i64 now; // the timestamp of the picture that is being decoded
static i32 nowStatus;

i32 cuvidCreateVideoParser(Parser** out, Params* p) {
    if (failing(1)) return 2;
    if (!p->sequence || !p->decode || !p->display) wrong("parser without callbacks");
    if (p->rest[2]) wrong("display delay");
    *out = calloc(1, sizeof(Parser)); (*out)->p = *p; parsers++;
    return 0;
}
i32 cuvidDestroyVideoParser(Parser* p) { parsers--; free(p); return failing(5) ? 1 : 0; }

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
    if (failing(2)) return 2;
    if (info[2] < 1 || info[2] > 32 || info[14] > 63 || !info[14]) return 1;
    if (info[7] < info[0] || info[8] < info[1]) wrong("larger than its own maximum");
    if (((i32*)info)[23]) wrong("deinterlacing"); // the 64-bit word 11 is format and mode
    Decoder* d = *out = calloc(1, sizeof(Decoder));
    d->w = info[0]; d->h = info[1]; d->maxw = info[7]; d->maxh = info[8]; d->surfaces = info[2]; d->outputs = info[14];
    decoders++;
    return 0;
}
i32 cuvidReconfigureDecoder(Decoder* d, u32* r) {
    if (failing(4)) return 801;
    if (d->mapped) wrong("reconfigured while mapped");
    if (r[0] > d->maxw || r[1] > d->maxh) { wrong("reconfigured beyond the maximum"); return 1; }
    if ((int)r[4] > d->surfaces) { wrong("reconfigured to more surfaces"); return 1; }
    d->w = r[0]; d->h = r[1];
    return 0;
}
i32 cuvidDestroyDecoder(Decoder* d) {
    if (d->mapped) wrong("destroyed while mapped");
    decoders--; free(d);
    return 0;
}
i32 cuvidDecodePicture(Decoder* d, i32* p) {
    if (p[2] >= d->surfaces) { wrong("surface out of range"); return 1; }
    d->pictures[p[2]] = now; d->status[p[2]] = nowStatus;
    return 0;
}
i32 cuvidGetDecodeStatus(Decoder* d, i32 n, i32* s) { *s = d->status[n]; return 0; }
i32 cuvidMapVideoFrame64(Decoder* d, i32 n, void** p, u32* pitch, i32* proc) {
    if (failing(3)) return 205;
    if (d->mapped == d->outputs) { wrong("too many maps"); return 205; }
    for (int i = 0; i < d->outputs; i++) if (!d->used[i]) {
        d->used[i] = 1; d->frames[i] = d->pictures[n]; *p = &d->frames[i]; break;
    }
    d->mapped++; *pitch = 2048;
    if (!((u64*)proc)[7]) wrong("mapped on the default stream");
    return 0;
}
i32 cuvidUnmapVideoFrame64(Decoder* d, i64* p) {
    i64 i = p - d->frames;
    if (i < 0 || i > 63 || !d->used[i]) { wrong("unmapped what was not mapped"); return 1; }
    d->used[i] = 0; d->mapped--;
    return 0;
}
