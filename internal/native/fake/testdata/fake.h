// What every stand-in does: one lock, a count of calls, notes of what was refused, failures made to order.
#define _GNU_SOURCE
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef int32_t i32;
typedef uint32_t u32;
typedef uint64_t u64;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static char notes[1 << 14];
static struct { char name[64]; i32 calls, fail; } table[256];

// note keeps one line about a broken rule.
static void note(const char* call, const char* what) {
    size_t n = strlen(notes);
    snprintf(notes + n, sizeof notes - n, "%s: %s\n", call, what);
}

// entry finds the record of a call, and makes it.
static int entry(const char* call) {
    int i = 0;
    while (table[i].name[0] && strcmp(table[i].name, call)) i++;
    if (!table[i].name[0]) snprintf(table[i].name, sizeof table[i].name, "%s", call);
    return i;
}

// fake_refusals hands out the notes and forgets them.
void fake_refusals(char* out, u64 n) {
    pthread_mutex_lock(&mutex);
    snprintf(out, n, "%s", notes);
    notes[0] = 0;
    pthread_mutex_unlock(&mutex);
}

i32 fake_calls(const char* call) {
    pthread_mutex_lock(&mutex);
    i32 n = table[entry(call)].calls;
    pthread_mutex_unlock(&mutex);
    return n;
}

// fake_fail makes the next call of that name fail with a code, and do nothing.
void fake_fail(const char* call, i32 code) {
    pthread_mutex_lock(&mutex);
    table[entry(call)].fail = code;
    pthread_mutex_unlock(&mutex);
}

static inline void leave(int* held) { if (*held) pthread_mutex_unlock(&mutex); }
