package nvml

import (
	"errors"
	"reflect"
	"strings"
	"sync"
	"testing"

	"sightline/internal/native/fake"
)

// The stand-in is loaded once: the table of functions is the process's.
var standIn = sync.OnceValues(func() (*fake.Library, error) {
	lib, err := fake.Open("nvml", "libfake-ml.so.1")
	if err == nil {
		err = load("libmissing-ml.so.9", "libfake-ml.so.1")
	}
	return lib, err
})

func open(t *testing.T) *fake.Library {
	t.Helper()
	lib, err := standIn()
	if errors.Is(err, fake.ErrNoCompiler) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return lib
}

const uuid = "GPU-00112233-4455-6677-8899-aabbccddeeff"

// TestNVML goes from the first call to the last, and uses every function of the table.
func TestNVML(t *testing.T) {
	lib := open(t)
	if v, err := DriverVersion(); err != nil || v != "580.00.00" {
		t.Errorf("driver %q, %v", v, err)
	}
	if n, err := Devices(); err != nil || n != 2 {
		t.Errorf("%d devices, %v", n, err)
	}
	full := Sample{GPU: 97, MemoryBus: 31, Decoder: 6, MemoryUsed: 10 << 30, MemoryTotal: 80 << 30, ClockSM: 1980, ClockVideo: 1545, Watts: 458.58, Celsius: 61}
	poor := full
	poor.Decoder, poor.Watts, poor.Celsius = 0, 0, 0
	first, err := Open(uuid)
	if err != nil {
		t.Fatal(err)
	}
	second, err := OpenIndex(1)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		d    Device
		want Sample
	}{{first, full}, {second, poor}} {
		if got, err := c.d.Sample(); err != nil || got != c.want {
			t.Errorf("%+v, %v; want %+v", got, err, c.want)
		}
		if name, err := c.d.Name(); err != nil || name != "stand-in" {
			t.Errorf("name %q, %v", name, err)
		}
	}
	lib.Fail("nvmlDeviceGetMemoryInfo", 15)
	got, err := first.Sample()
	var failed *Error
	if !errors.As(err, &failed) || !failed.Result.Lost() || !strings.Contains(err.Error(), "nvmlDeviceGetMemoryInfo: GPU is lost (15)") {
		t.Errorf("lost: %v", err)
	}
	if got.Celsius != 61 || got.MemoryUsed != 0 {
		t.Errorf("figures beside the one that failed: %+v", got)
	}
	if r := lib.Refusals(); r != "" {
		t.Errorf("refused: %s", r)
	}
	testMistakes(t)
	if err := Shutdown(); err != nil {
		t.Error(err)
	}
	if _, err := first.Sample(); err == nil {
		t.Error("a sample after Shutdown")
	}
	if err := check("nvmlInit", api.Init()); err != nil { // for go test -count
		t.Error(err)
	}
	if r := lib.Refusals(); !strings.Contains(r, "after nvmlShutdown") {
		t.Errorf("the stand-in noted %q", r)
	}
	for _, field := range reflect.VisibleFields(reflect.TypeOf(api)) {
		if symbol := field.Tag.Get("dl"); lib.Calls(symbol) == 0 {
			t.Errorf("%s was never called", symbol)
		}
	}
}

func testMistakes(t *testing.T) {
	var failed *Error
	if _, err := Open("GPU-other"); !errors.As(err, &failed) || failed.Result != NotFound || !strings.Contains(err.Error(), "GPU-other: Not Found (6)") {
		t.Errorf("another GPU: %v", err)
	}
	if _, err := OpenIndex(2); !errors.As(err, &failed) || !strings.Contains(err.Error(), "ByIndex 2: Invalid") {
		t.Errorf("third of two: %v", err)
	}
	if _, err := (Device{}).Sample(); !errors.As(err, &failed) {
		t.Errorf("no device: %v", err)
	}
}

func TestMissingLibrariesAreNamed(t *testing.T) {
	err := load("libmissing-a.so.9", "/nowhere/libmissing-b.so.9")
	if err == nil || !strings.Contains(err.Error(), "libmissing-a.so.9") || !strings.Contains(err.Error(), "/nowhere/libmissing-b.so.9") {
		t.Error(err)
	}
}
