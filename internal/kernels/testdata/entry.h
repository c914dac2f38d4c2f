// RUNNABLE makes kernel NAME callable as cpu_NAME(parameters, grid, block).
#define RUNNABLE(NAME, PARAMS)                                                                            \
    static void call_##NAME(const void* p) { NAME(*(const PARAMS*)p); }                                   \
    extern "C" __attribute__((visibility("default"))) int cpu_##NAME(const void* p, const unsigned* grid, \
                                                                     const unsigned* block) {             \
        return shim::launch(call_##NAME, p, grid, block);                                                 \
    }                                                                                                     \
    extern "C" __attribute__((visibility("default"))) int size_##NAME() { return sizeof(PARAMS); }
