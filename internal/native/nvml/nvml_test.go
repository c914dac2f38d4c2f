package nvml

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// standIn is a library with one GPU that has no temperature sensor.
const standIn = `
#include <string.h>
typedef struct { unsigned gpu, memory; } utilization;
typedef struct { unsigned long long total, free, used; } memory;
static int ready;
int nvmlInit_v2(void) { ready = 1; return 0; }
const char *nvmlErrorString(int r) { return r == 6 ? "Not Found" : "Other"; }
int nvmlDeviceGetHandleByUUID(const char *uuid, void **d) {
	if (!ready) return 1;
	if (strcmp(uuid, "GPU-00112233-4455-6677-8899-aabbccddeeff")) return 6;
	*d = (void *)0x1234; return 0;
}
#define GPU if (d != (void *)0x1234) return 2
int nvmlDeviceGetUtilizationRates(void *d, utilization *u) { GPU; u->gpu = 97; u->memory = 31; return 0; }
int nvmlDeviceGetDecoderUtilization(void *d, unsigned *p, unsigned *us) { GPU; *p = 6; *us = 167000; return 0; }
int nvmlDeviceGetMemoryInfo(void *d, memory *m) { GPU; m->total = 80ull << 30; m->free = 70ull << 30; m->used = 10ull << 30; return 0; }
int nvmlDeviceGetClockInfo(void *d, int kind, unsigned *mhz) { GPU; *mhz = kind == 1 ? 1980 : kind == 3 ? 1545 : 1; return 0; }
int nvmlDeviceGetPowerUsage(void *d, unsigned *mw) { GPU; *mw = 458580; return 0; }
int nvmlDeviceGetTemperature(void *d, int sensor, unsigned *c) { GPU; return 3; }
`

func TestSample(t *testing.T) {
	compiler, err := exec.LookPath("cc")
	if err != nil {
		t.Skip("no C compiler for the stand-in library")
	}
	dir := t.TempDir()
	source, library := filepath.Join(dir, "nvml.c"), filepath.Join(dir, "libnvml.so")
	if err := os.WriteFile(source, []byte(standIn), 0o666); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(compiler, "-shared", "-fPIC", "-o", library, source).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := load(library); err != nil {
		t.Fatal(err)
	}
	var failed *Error
	if _, err := Open("GPU-other"); !errors.As(err, &failed) || !strings.Contains(err.Error(), "Not Found (6)") {
		t.Errorf("another GPU: %v", err)
	}
	d, err := Open("GPU-00112233-4455-6677-8899-aabbccddeeff")
	if err != nil {
		t.Fatal(err)
	}
	got, err := d.Sample()
	want := Sample{GPU: 97, MemoryBus: 31, Decoder: 6, MemoryUsed: 10 << 30, MemoryTotal: 80 << 30, ClockSM: 1980, ClockVideo: 1545, Watts: 458.58}
	if err != nil || got != want {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
	if _, err := (Device{}).Sample(); !errors.As(err, &failed) {
		t.Errorf("no device: %v", err)
	}
}

func TestMissingLibraryIsNamed(t *testing.T) {
	if err := load("libmissing-ml.so.9"); err == nil || !strings.Contains(err.Error(), "libmissing-ml.so.9") {
		t.Error(err)
	}
}
