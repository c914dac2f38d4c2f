// A stand-in for libnvidia-ml with two GPUs; the second has no decoder, no power meter and no sensor.
#include "fake.h"

typedef struct { u32 gpu, memory; } Utilization;
typedef struct { u64 total, free, used; } Memory;
static int users;
static int gpus[2];

#define BEGIN \
    __attribute__((cleanup(leave))) int held = 0; \
    { i32 r_ = enter(__func__, &held); if (r_) return r_; }
#define GPU BEGIN; if (d != &gpus[0] && d != &gpus[1]) { note(__func__, "not a device"); return 2; }
#define FULL GPU; if (d == &gpus[1]) return 3

static i32 enter(const char* call, int* held) {
    pthread_mutex_lock(&mutex);
    *held = 1;
    int i = entry(call);
    table[i].calls++;
    if (table[i].fail) { i32 code = table[i].fail; table[i].fail = 0; return code; }
    if (!users && strcmp(call, "nvmlInit_v2")) { note(call, "before nvmlInit or after nvmlShutdown"); return 1; }
    return 0;
}
i32 nvmlInit_v2(void) { BEGIN; users++; return 0; }
i32 nvmlShutdown(void) { BEGIN; users--; return 0; }
const char* nvmlErrorString(i32 r) {
    pthread_mutex_lock(&mutex);
    table[entry(__func__)].calls++;
    pthread_mutex_unlock(&mutex);
    return r == 1 ? "Uninitialized" : r == 2 ? "Invalid Argument" : r == 6 ? "Not Found" : r == 15 ? "GPU is lost" : "Unknown Error";
}
i32 nvmlSystemGetDriverVersion(char* s, u32 n) { BEGIN; if (n < 80) return 7; snprintf(s, n, "580.00.00"); return 0; }
i32 nvmlDeviceGetCount_v2(u32* n) { BEGIN; *n = 2; return 0; }
i32 nvmlDeviceGetHandleByIndex_v2(u32 i, void** d) { BEGIN; if (i > 1) return 2; *d = &gpus[i]; return 0; }
i32 nvmlDeviceGetHandleByUUID(const char* uuid, void** d) {
    BEGIN;
    if (strcmp(uuid, "GPU-00112233-4455-6677-8899-aabbccddeeff")) return 6;
    *d = &gpus[0];
    return 0;
}
i32 nvmlDeviceGetName(void* d, char* s, u32 n) { GPU; if (n < 96) return 7; snprintf(s, n, "stand-in"); return 0; }
i32 nvmlDeviceGetUtilizationRates(void* d, Utilization* u) { GPU; u->gpu = 97; u->memory = 31; return 0; }
i32 nvmlDeviceGetDecoderUtilization(void* d, u32* p, u32* us) { FULL; *p = 6; *us = 167000; return 0; }
i32 nvmlDeviceGetMemoryInfo(void* d, Memory* m) { GPU; m->total = 80ull << 30; m->free = 70ull << 30; m->used = 10ull << 30; return 0; }
i32 nvmlDeviceGetClockInfo(void* d, i32 kind, u32* mhz) { GPU; if (kind != 1 && kind != 3) return 2; *mhz = kind == 1 ? 1980 : 1545; return 0; }
i32 nvmlDeviceGetPowerUsage(void* d, u32* mw) { FULL; *mw = 458580; return 0; }
i32 nvmlDeviceGetTemperature(void* d, i32 sensor, u32* c) { FULL; if (sensor) return 2; *c = 61; return 0; }
