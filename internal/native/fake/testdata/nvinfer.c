// A stand-in for TensorRT's runtime: objects with vtables as its own, engines from plans that are a text, and
// checks of what its rules ask of callers. It needs the stand-in for libcuda. A plan:
//
//     plan BATCH MEMORY
//     i NAME SIZES...
//     o NAME SIZES...
//
// where SIZES leave the batch out. What an engine computes depends on every input value of the item, and goes
// through the memory for activations, so that two inferences that share it spoil each other.
#include "fake.h"
#include <dlfcn.h>
#include <stddef.h>

#define MAGIC 0x54525421
#define TENSORS 8
typedef struct { i32 n, pad; int64_t d[8]; } Dims;
typedef struct { char name[32]; int input; Dims shape; u64 elements; } Tensor; // elements of one item
enum { RUNTIME, ENGINE, CONTEXT };
static const char* kinds[] = {"runtime", "engine", "execution context"};
// Every object is the public one (vtable, implementation) and its implementation (vtable) in one piece.
typedef struct Object {
    void** public;
    void** impl; // points to methods below: what the C++ header calls the implementation
    void** methods;
    int magic, kind, alive, children;
    struct Object* parent;
    // ENGINE
    int tensors;
    int64_t batch, memory;
    Tensor tensor[TENSORS];
    // CONTEXT
    u64 address[TENSORS], activations;
    int64_t activationSize;
    int entered, running;
} Object;
typedef struct { Object* context; u64 address[TENSORS], activations; } Job;

static Object* live[1 << 16];
static int lives;
static void* logger;
static void* cuda(const char* name) {
    static void* lib;
    if (!lib) lib = dlopen("libcuda.so.1", RTLD_NOW | RTLD_NOLOAD);
    void* f = lib ? dlsym(lib, name) : 0;
    if (!f) abort();
    return f;
}
static Object* of(void* impl) { return (Object*)((char*)impl - offsetof(Object, methods)); }
static void complain(const char* text) { ((void (*)(void*, i32, const char*))(*(void***)logger)[0])(logger, 1, text); }
static u64 failing(const char* call) {
    pthread_mutex_lock(&mutex);
    int i = entry(call);
    table[i].calls++;
    u64 code = table[i].fail;
    table[i].fail = 0;
    pthread_mutex_unlock(&mutex);
    return code;
}
static void broken(const char* call, const char* why) {
    pthread_mutex_lock(&mutex);
    note(call, why);
    pthread_mutex_unlock(&mutex);
}
// check is for every method: the object is there and is what it is used as.
static Object* check(const char* call, void* impl, int kind) {
    Object* o = of(impl);
    if (o->magic != MAGIC || o->kind != kind) broken(call, "not such an object");
    else if (!o->alive) broken(call, "object used after it was closed");
    return o;
}

static void destroyImpl(void* impl) { broken(kinds[of(impl)->kind], "the implementation was deleted, not the object"); }
static void destroy(Object* o) {
    pthread_mutex_lock(&mutex);
    if (o->magic != MAGIC || !o->alive) { note("destructor", "deleted twice"); }
    else {
        if (o->children) note(kinds[o->kind], "deleted before what was made from it");
        if (o->entered || o->running) note(kinds[o->kind], "deleted while in use");
        o->alive = 0;
        if (o->parent) o->parent->children--;
    }
    pthread_mutex_unlock(&mutex);
}
static void* publicTable[2] = {(void*)destroyImpl, (void*)destroy};

static Object* make(int kind, void** methods, Object* parent) {
    Object* o = calloc(1, sizeof(Object));
    o->public = publicTable; o->methods = methods; o->impl = (void**)&o->methods;
    o->magic = MAGIC; o->kind = kind; o->alive = 1; o->parent = parent;
    pthread_mutex_lock(&mutex);
    if (parent) parent->children++;
    if (lives == sizeof live / sizeof *live) abort();
    live[lives++] = o;
    pthread_mutex_unlock(&mutex);
    return o;
}
i32 fake_live(char* out, u64 size) {
    pthread_mutex_lock(&mutex);
    i32 n = 0;
    out[0] = 0;
    for (int i = 0; i < lives; i++) if (live[i]->alive) {
        size_t used = strlen(out);
        snprintf(out + used, size - used, "%s ", kinds[live[i]->kind]);
        n++;
    }
    pthread_mutex_unlock(&mutex);
    return n;
}

static int find(Object* engine, const char* name) {
    for (int i = 0; i < engine->tensors; i++) if (!strcmp(engine->tensor[i].name, name)) return i;
    broken("tensor", name);
    return 0;
}

// compute is one inference, on the stream's thread.
static void compute(void* arg) {
    Job* j = arg;
    Object *c = j->context, *e = c->parent;
    if (__atomic_fetch_add(&c->running, 1, __ATOMIC_SEQ_CST)) broken("inference", "two at once in one context");
    void* (*host)(u64, u64) = cuda("fake_host");
    unsigned char* memory = e->memory ? host(j->activations, e->memory) : 0;
    if (e->memory && !memory) broken("inference", "memory for activations was freed");
    else for (int64_t item = 0; item < e->batch; item++) {
        u64 sum = 1469598103934665603ull;
        for (int i = 0; i < e->tensors; i++) {
            Tensor* t = &e->tensor[i];
            if (!t->input) continue;
            u32* p = host(j->address[i] + 4 * t->elements * item, 4 * t->elements);
            if (!p) { broken("inference", "input outside of any memory"); goto out; }
            for (u64 k = 0; k < t->elements; k++) sum = (sum ^ p[k]) * 1099511628211ull;
        }
        if (memory) { memcpy(memory, &sum, 8); sched_yield(); memcpy(&sum, memory, 8); }
        for (int i = 0; i < e->tensors; i++) {
            Tensor* t = &e->tensor[i];
            if (t->input) continue;
            float* p = host(j->address[i] + 4 * t->elements * item, 4 * t->elements);
            if (!p) { broken("inference", "output outside of any memory"); goto out; }
            u64 x = sum + i;
            for (u64 k = 0; k < t->elements; k++) { x = x * 6364136223846793005ull + 1442695040888963407ull; p[k] = (float)(x >> 40) / (1 << 24); }
        }
    }
out:
    __atomic_fetch_sub(&c->running, 1, __ATOMIC_SEQ_CST);
}

// The methods, by the names of the C++ headers. A false or NULL is a failure, told to the logger.
static _Bool enqueueV3(void* impl, u64 stream) {
    Object* c = check(__func__, impl, CONTEXT);
    if (failing(__func__)) { complain("enqueueV3: made to fail"); return 0; }
    if (__atomic_fetch_add(&c->entered, 1, __ATOMIC_SEQ_CST)) broken(__func__, "two threads in one context");
    Object* e = c->parent;
    Job* j = calloc(1, sizeof *j);
    j->context = c; j->activations = c->activations;
    memcpy(j->address, c->address, sizeof j->address);
    _Bool ok = 1;
    for (int i = 0; i < e->tensors; i++) if (!c->address[i]) { complain("enqueueV3: a tensor has no address"); ok = 0; break; }
    if (e->memory > c->activationSize) { complain("enqueueV3: no memory for activations"); ok = 0; }
    if (ok && ((i32(*)(u64, void (*)(void*), void*))cuda("fake_push"))(stream, compute, j)) { complain("enqueueV3: the stream refused"); ok = 0; }
    __atomic_fetch_sub(&c->entered, 1, __ATOMIC_SEQ_CST);
    return ok;
}
static _Bool setTensorAddress(void* impl, const char* name, u64 p) {
    Object* c = check(__func__, impl, CONTEXT);
    if (p % 256) { complain("setTensorAddress: not aligned to 256 bytes"); return 0; }
    c->address[find(c->parent, name)] = p;
    return 1;
}
static void setDeviceMemoryV2(void* impl, u64 p, int64_t size) {
    Object* c = check(__func__, impl, CONTEXT);
    if (p % 256) broken(__func__, "not aligned to 256 bytes");
    c->activations = p; c->activationSize = size;
}
static void* contextMethods[64] = {[24] = setTensorAddress, [37] = enqueueV3, [49] = setDeviceMemoryV2};

static void* createExecutionContext(void* impl, i32 strategy) {
    Object* e = check(__func__, impl, ENGINE);
    u64 code = failing(__func__);
    if (code) { complain("createExecutionContext: made to fail"); return code == 1 ? 0 : (void*)code; }
    if (strategy != 2) broken(__func__, "memory for activations that the pool does not know");
    ((void (*)(void))cuda("fake_break"))(); // what the real one does to captures
    return make(CONTEXT, contextMethods, e);
}
static Dims getTensorShape(void* impl, const char* name) {
    Object* e = check(__func__, impl, ENGINE);
    return e->tensor[find(e, name)].shape;
}
static i32 getTensorDataType(void* impl, const char* name) { check(__func__, impl, ENGINE); return 0; }
static i32 getTensorIOMode(void* impl, const char* name) {
    Object* e = check(__func__, impl, ENGINE);
    return e->tensor[find(e, name)].input ? 1 : 2;
}
static i32 getNbIOTensors(void* impl) { return check(__func__, impl, ENGINE)->tensors; }
static const char* getIOTensorName(void* impl, i32 i) { return check(__func__, impl, ENGINE)->tensor[i].name; }
static int64_t getDeviceMemorySizeV2(void* impl) { return check(__func__, impl, ENGINE)->memory; }
static void* engineMethods[64] = {
    [5] = createExecutionContext, [19] = getTensorShape, [20] = getTensorDataType, [23] = getTensorIOMode,
    [30] = getNbIOTensors, [31] = getIOTensorName, [52] = getDeviceMemorySizeV2,
};

static void* deserializeCudaEngine(void* impl, const char* blob, u64 size) {
    Object* r = check(__func__, impl, RUNTIME);
    u64 code = failing(__func__);
    if (code) { complain("deserializeCudaEngine: made to fail"); return code == 1 ? 0 : (void*)code; }
    char* text = strndup(blob, size);
    long long batch, memory;
    if (sscanf(text, "plan %lld %lld", &batch, &memory) != 2) { complain("deserializeCudaEngine: not a plan"); return 0; }
    Object* e = make(ENGINE, engineMethods, r);
    e->batch = batch; e->memory = memory;
    char* save;
    strtok_r(text, "\n", &save);
    for (char* line; (line = strtok_r(0, "\n", &save)) && e->tensors < TENSORS;) {
        char* rest;
        Tensor* t = &e->tensor[e->tensors++];
        t->input = *strtok_r(line, " ", &rest) == 'i';
        snprintf(t->name, sizeof t->name, "%s", strtok_r(0, " ", &rest));
        t->shape.n = 1; t->shape.d[0] = batch; t->elements = 1;
        for (char* n; (n = strtok_r(0, " ", &rest));) t->elements *= t->shape.d[t->shape.n++] = atoll(n);
    }
    free(text);
    return e;
}
static void* runtimeMethods[64] = {[3] = deserializeCudaEngine};

static void unknown(void) { broken("vtable", "a method that the stand-in does not have"); }
__attribute__((constructor)) static void fillTables(void) {
    for (int i = 0; i < 64; i++) {
        if (!runtimeMethods[i]) runtimeMethods[i] = unknown;
        if (!engineMethods[i]) engineMethods[i] = unknown;
        if (!contextMethods[i]) contextMethods[i] = unknown;
    }
}

i32 getInferLibVersion(void) { return 100600; }
void* createInferRuntime_INTERNAL(void* l, i32 version) {
    u64 code = failing(__func__);
    if (code) return code == 1 ? 0 : (void*)code;
    if (version != getInferLibVersion()) broken(__func__, "asked for another version");
    logger = l;
    return make(RUNTIME, runtimeMethods, 0);
}
void* createInferBuilder_INTERNAL(void* l, i32 version) { return 0; }
