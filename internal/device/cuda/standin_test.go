package cuda

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sightline/internal/device"
	"sightline/internal/native/fake"
)

// libraries are the stand-ins for NVIDIA's, under their own names: the device finds them as it finds the real
// ones. No kernel but that of copies runs on them (package kernels tests those), and an inference's outputs depend on every
// value of its inputs.
var libraries = map[string]*fake.Library{}

var librariesErr error

func TestMain(m *testing.M) {
	_ = os.Unsetenv("SIGHTLINE_TENSORRT") // the real one
	for name, soname := range map[string]string{
		"cuda": "libcuda.so.1", "nvcuvid": "libnvcuvid.so.1", "nvml": "libnvidia-ml.so.1", "nvinfer": "libnvinfer.so.10",
	} {
		lib, err := fake.Open(name, soname)
		librariesErr = errors.Join(librariesErr, err)
		libraries[name] = lib
	}
	os.Exit(m.Run())
}

// broken are the tests, by name, whose device the driver broke, and abandoned counts what such devices left open.
var broken, abandoned = map[string]bool{}, map[string]int{}

// useStandIns is for every test that opens a device: it must break no rule of the libraries and leave nothing
// of theirs open.
func useStandIns(t *testing.T) {
	t.Helper()
	if errors.Is(librariesErr, fake.ErrNoCompiler) {
		t.Skip(librariesErr)
	}
	if librariesErr != nil {
		t.Fatal(librariesErr)
	}
	t.Cleanup(func() {
		for name, lib := range libraries {
			r := lib.Refusals()
			if broken[t.Name()] && strings.HasPrefix(r, "cuDevicePrimaryCtxRelease_v2: ") {
				r = "" // it names what is left open
			}
			if r != "" {
				t.Errorf("%s: %s", name, r)
			}
			if name == "nvml" {
				continue // it stays open for the whole process
			}
			switch n, what := lib.Live(); {
			case broken[t.Name()]:
				abandoned[name] = n
			case n != abandoned[name]:
				t.Errorf("%s: left open: %.200s", name, what)
			}
		}
	})
}

// plans writes plans of the stand-in's for a model, and returns the model.
func plans(t *testing.T, folder, name string, batches []int, tensors ...string) device.ModelFile {
	t.Helper()
	m := device.ModelFile{Name: name, ONNX: []byte("model " + name), MaxBatch: batches[len(batches)-1]}
	for _, n := range batches {
		text := fmt.Sprintf("plan %d %d\n%s\n", n, 2048*n, strings.Join(tensors, "\n"))
		path := filepath.Join(folder, PlanName(NewPlanID(m.ONNX), n, "10.6.0", 90))
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

// openDevice opens a device on the stand-ins; the test closes it at its end, which must find nothing open.
func openDevice(t *testing.T, folder string) *Device {
	t.Helper()
	useStandIns(t)
	d, err := New(Options{Plans: folder})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}
