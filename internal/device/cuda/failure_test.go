package cuda

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sightline/internal/device"
)

// TestNothingIsLeftOfAFailedOpen makes every call of New fail, one after the other.
func TestNothingIsLeftOfAFailedOpen(t *testing.T) {
	for _, c := range []struct {
		library, call string
		code          int
		want          string
	}{
		{"cuda", "cuDeviceGetCount", 100, "CUDA_ERROR_NO_DEVICE"},
		{"cuda", "cuDeviceGetName", 101, "cuDeviceGetName"},
		{"cuda", "cuDeviceGetAttribute", 1, "cuDeviceGetAttribute"},
		{"cuda", "cuDevicePrimaryCtxRetain", 2, "CUDA_ERROR_OUT_OF_MEMORY"},
		{"cuda", "cuModuleLoadDataEx", 218, "CUDA_ERROR_INVALID_PTX"},
		{"cuda", "cuModuleGetFunction", 500, "cuModuleGetFunction"},
		{"nvinfer", "createInferRuntime_INTERNAL", 1, "createInferRuntime"},
		{"nvinfer", "createInferRuntime_INTERNAL", 0x238, "createInferRuntime"}, // no object, and yet not nil
	} {
		t.Run(c.call, func(t *testing.T) {
			useStandIns(t)
			libraries[c.library].Fail(c.call, c.code)
			_, err := New(Options{Plans: t.TempDir()})
			if !errors.Is(err, device.ErrUnavailable) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestOrdinalAndCapability(t *testing.T) {
	useStandIns(t)
	if _, err := New(Options{Ordinal: 2}); !errors.Is(err, device.ErrUnavailable) || !strings.Contains(err.Error(), "GPU 2 asked for, this machine has 2") {
		t.Errorf("got %v", err)
	}
}

func TestLoadWithoutTelemetry(t *testing.T) {
	useStandIns(t)
	libraries["nvml"].Fail("nvmlDeviceGetHandleByUUID", 6)
	d, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Load(); !errors.Is(err, device.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}

func TestBadPlans(t *testing.T) {
	folder := t.TempDir()
	d := openDevice(t, folder)
	write := func(m device.ModelFile, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(folder, PlanName(NewPlanID(m.ONNX), m.MaxBatch, "10.6.0", 90)), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct{ name, text, want string }{
		{"cut", "pl", "made to fail|not a plan"},
		{"empty", "", "the plan is empty"},
		{"batch", "plan 3 0\ni images 3 8 8\no out 4\n", `tensor "images" has shape [3 3 8 8], expected the batch 4`},
		{"open", "plan 4 0\ni images 3 -1 8\no out 4\n", `tensor "images" has shape [4 3 -1 8], expected fixed sizes`},
	} {
		m := device.ModelFile{Name: c.name, ONNX: []byte(c.name), MaxBatch: 4}
		write(m, c.text)
		_, err := d.LoadEngine(m)
		if err == nil || !strings.Contains(err.Error(), "load model "+c.name) || !anyIn(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %s", c.name, err, c.want)
		}
	}
	differ := plans(t, folder, "differ", []int{1}, "i images 3 8 8", "o out 4")
	differ.MaxBatch = 2
	write(differ, "plan 2 0\ni images 3 8 8\no out 5\n")
	if _, err := d.LoadEngine(differ); err == nil || !strings.Contains(err.Error(), "its plans differ") {
		t.Errorf("got %v", err)
	}
	missing := device.ModelFile{Name: "missing", ONNX: []byte("missing"), MaxBatch: 1}
	if _, err := d.LoadEngine(missing); !errors.Is(err, ErrNoPlan) || !strings.Contains(err.Error(), "-b1-fp16-trt10.6.0-sm90.plan in "+folder) {
		t.Errorf("got %v", err)
	}
	ready := plans(t, folder, "ready", []int{1}, "i images 3 8 8", "o out 4")
	if list, err := d.MissingPlans([]device.ModelFile{ready, missing}); err != nil || len(list) != 1 || list[0].Name != "missing" {
		t.Errorf("missing %v, %v", list, err)
	}
}

func anyIn(text, choices string) bool {
	for c := range strings.SplitSeq(choices, "|") {
		if strings.Contains(text, c) {
			return true
		}
	}
	return false
}

// TestContextFailures: what TensorRT refuses while a context is made costs nothing but that context.
func TestContextFailures(t *testing.T) {
	folder := t.TempDir()
	d := openDevice(t, folder)
	e, err := d.LoadEngine(plans(t, folder, "model", []int{1, 2}, "i images 3 8 8", "o out 4"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}()
	for _, code := range []int{1, 0x238} {
		libraries["nvinfer"].Fail("createExecutionContext", code)
		if _, err := e.NewContext(device.ContextOptions{Owner: "gate"}); err == nil || !strings.Contains(err.Error(), "context of model for gate") {
			t.Errorf("got %v", err)
		}
	}
	libraries["cuda"].Fail("cuMemAlloc_v2", 2)
	var oom *device.OutOfMemoryError
	if _, err := e.NewContext(device.ContextOptions{Owner: "gate"}); !errors.As(err, &oom) || oom.Owner != "gate" {
		t.Errorf("got %v", err)
	}
	if u := d.Pool().Usage(); u.Used != 0 || d.Cause() != nil {
		t.Errorf("%s, %v", u, d.Cause())
	}
}

// TestFatalFailures: after each of these the device is lost, says why, and still closes in order.
func TestFatalFailures(t *testing.T) {
	for name, fail := range map[string]func(c device.ExecutionContext, s device.Stream) error{
		"illegal address": func(_ device.ExecutionContext, s device.Stream) error {
			libraries["cuda"].Fail("cuStreamSynchronize", 700)
			return s.Synchronize()
		},
		"enqueue": func(c device.ExecutionContext, s device.Stream) error {
			libraries["nvinfer"].Fail("enqueueV3", 1)
			return c.Enqueue(s, 1)
		},
		"host function": func(_ device.ExecutionContext, s device.Stream) error {
			err := errors.Join(s.Do(func() { panic("in the callback") }), s.Synchronize())
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			d := openDevice(t, folder)
			broken[t.Name()] = name == "illegal address"
			e, err := d.LoadEngine(plans(t, folder, "model", []int{1}, "i images 3 8 8", "o out 4"))
			if err != nil {
				t.Fatal(err)
			}
			c, err := e.NewContext(device.ContextOptions{Owner: "gate"})
			if err != nil {
				t.Fatal(err)
			}
			in, err1 := d.Pool().Alloc("gate", "input", device.OnDevice, 3*8*8*4)
			out, err2 := d.Pool().Alloc("gate", "output", device.OnDevice, 4*4)
			s, err3 := d.NewStream("gate")
			if err := errors.Join(err1, err2, err3, c.Bind([]*device.Buffer{in}, []*device.Buffer{out})); err != nil {
				t.Fatal(err)
			}
			if err := fail(c, s); !errors.Is(err, device.ErrLost) {
				t.Errorf("the failing call: %v", err)
			}
			<-d.Lost()
			if cause := d.Cause(); !errors.Is(cause, device.ErrLost) {
				t.Errorf("cause %v", cause)
			}
			if _, err := d.NewStream("late"); !errors.Is(err, device.ErrLost) {
				t.Errorf("a new stream: %v", err)
			}
			freed := libraries["cuda"].Calls("cuMemFree_v2")
			if err := errors.Join(s.Close(), c.Close(), in.Close(), out.Close(), e.Close()); err != nil {
				t.Error(err)
			}
			if n := libraries["cuda"].Calls("cuMemFree_v2") - freed; (n == 0) != broken[t.Name()] {
				t.Errorf("memory was freed %d times", n)
			}
		})
	}
}

// TestCloseNamesWhatIsOpen: a device with something open does not close, and says what it is.
func TestCloseNamesWhatIsOpen(t *testing.T) {
	useStandIns(t)
	d, err := New(Options{Plans: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	s, err := d.NewStream("gate")
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); !errors.Is(err, device.ErrInUse) || !strings.Contains(err.Error(), "1 streams") {
		t.Errorf("got %v", err)
	}
	if err := errors.Join(s.Close(), d.Close()); err != nil {
		t.Error(err)
	}
}

func TestDiagnose(t *testing.T) {
	useStandIns(t)
	folder := t.TempDir()
	models := []device.ModelFile{
		plans(t, folder, "ready", []int{1, 4}, "i images 3 8 8", "o out 4"), {Name: "missing", ONNX: []byte("missing"), MaxBatch: 1},
	}
	found := map[string]Finding{}
	for _, f := range Diagnose(Options{Plans: folder}, models, "gate.yaml") {
		found[f.What] = f
	}
	for what, want := range map[string]string{
		"CUDA driver": "CUDA 13.0, 2 GPUs", "NVDEC": "libnvcuvid", "NVML": "libnvidia-ml", "TensorRT": "10.6.0",
		"GPU":            "stand-in 0, compute capability 9.0, decodes H.264 8 bit, H.265 8 bit, H.265 10 bit",
		"plans of ready": "batch sizes [1 4] in " + folder,
	} {
		if f := found[what]; f.Fix != "" || !strings.Contains(f.Detail, want) {
			t.Errorf("%s: %+v, want %q", what, f, want)
		}
	}
	if f := found["plans of missing"]; f.Fix != "sightline build gate.yaml" || !strings.Contains(f.Detail, "no plan for TensorRT 10.6.0") {
		t.Errorf("plans of missing: %+v", f)
	}
	libraries["cuda"].Fail("cuDeviceGetCount", 100)
	list := Diagnose(Options{Plans: folder}, models, "gate.yaml")
	if f := list[0]; f.What != "CUDA driver" || f.Fix == "" || !strings.Contains(f.Detail, "CUDA_ERROR_NO_DEVICE") {
		t.Errorf("without a device: %+v", f)
	}
	for _, f := range list {
		if strings.HasPrefix(f.What, "plans") || f.What == "GPU" {
			t.Errorf("without a device: %+v", f)
		}
	}
}
