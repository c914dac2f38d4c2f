//go:build gpu

package tensorrt

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"sightline/internal/native/cuda"
)

// onGPU loads CUDA and TensorRT and runs f with the context current.
func onGPU(t *testing.T, f func() error) {
	t.Helper()
	if err := Load(""); err != nil {
		t.Fatal(err)
	}
	d, err := cuda.OpenDevice(0)
	if err != nil {
		t.Fatal(err)
	}
	c, err := cuda.NewContext(d)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(c.Do(f), c.Close()); err != nil {
		t.Error(err)
	}
}

// TestPlansOnGPU runs every plan in the folder SIGHTLINE_PLANS twice in one context. Libraries come from
// SIGHTLINE_TENSORRT.
func TestPlansOnGPU(t *testing.T) {
	plans, _ := filepath.Glob(filepath.Join(os.Getenv("SIGHTLINE_PLANS"), "*.plan"))
	if os.Getenv("SIGHTLINE_PLANS") == "" || len(plans) == 0 {
		t.Skip("SIGHTLINE_PLANS names no folder with plans")
	}
	onGPU(t, func() error {
		r, err := NewRuntime()
		if err != nil {
			return err
		}
		if _, err := r.Engine([]byte("this is no plan")); err == nil {
			t.Error("nonsense was loaded")
		} else {
			t.Log("as expected:", err)
		}
		for _, path := range plans {
			if err := runPlan(t, r, path); err != nil {
				t.Errorf("%s: %v", filepath.Base(path), err)
			}
		}
		return r.Close()
	})
}

func runPlan(t *testing.T, r *Runtime, path string) error {
	plan, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	e, err := r.Engine(plan)
	if err != nil {
		return err
	}
	var memory []uintptr
	take := func(n int64) (uintptr, error) {
		p, err := cuda.Alloc(max(n, 256))
		memory = append(memory, p)
		return p, err
	}
	c, err := e.NewContext()
	if err != nil {
		return err
	}
	activations, err := take(e.ContextMemory())
	if err != nil {
		return err
	}
	err = c.SetMemory(activations, max(e.ContextMemory(), 256))
	for _, tensor := range e.Tensors() {
		shape := tensor.Shape
		if tensor.Input && e.Profiles() > 0 && len(shape) > 0 && shape[0] < 0 {
			shape = e.MaxShape(tensor.Name)
			err = errors.Join(err, c.SetInputShape(tensor.Name, shape))
		}
		shape = c.Shape(tensor.Name)
		n := int64(tensor.Type.Size())
		for _, d := range shape {
			n *= d
		}
		p, allocError := take(n)
		err = errors.Join(err, allocError, c.SetAddress(tensor.Name, p))
		t.Log(filepath.Base(path), tensor.Name, tensor.Type, shape)
	}
	s, streamError := cuda.NewStream()
	if err = errors.Join(err, streamError); err != nil {
		return err
	}
	err = errors.Join(c.Enqueue(s), c.Enqueue(s), s.Synchronize(), s.Close())
	if closed := e.Close(); !errors.Is(closed, ErrInUse) {
		t.Errorf("engine closed before its context: %v", closed)
	}
	if size, sizeError := e.WeightsSize(); sizeError == nil {
		t.Log("weights", size)
	}
	err = errors.Join(err, c.Close(), e.Close())
	for _, p := range memory {
		err = errors.Join(err, cuda.Free(p))
	}
	return err
}

// TestBuildOnGPU builds the model in SIGHTLINE_ONNX, cancels a second build and reports how long phases are.
func TestBuildOnGPU(t *testing.T) {
	model, err := os.ReadFile(os.Getenv("SIGHTLINE_ONNX"))
	if err != nil {
		t.Skip("SIGHTLINE_ONNX names no model")
	}
	onGPU(t, func() error {
		if err := LoadParser(""); err != nil {
			return err
		}
		b, err := NewBuilder()
		if err != nil {
			return err
		}
		o := BuildOptions{FP16: true, Batch: Batch{1, 1, 1}, Progress: func(s Step) bool {
			t.Logf("%s (%s) %d/%d", s.Phase, s.Parent, s.Done, s.Steps)
			return true
		}}
		built, err := b.Build(model, o)
		if err != nil {
			return errors.Join(err, b.Close())
		}
		o.Progress = func(s Step) bool { return s.Done < 2 }
		if begun, err := b.Build(model, o); !errors.Is(err, ErrCancelled) || len(begun.TimingCache) == 0 {
			t.Errorf("cancelled build: %v", err)
		}
		r, err := NewRuntime()
		if err != nil {
			return err
		}
		path := filepath.Join(t.TempDir(), "built.plan")
		return errors.Join(os.WriteFile(path, built.Plan, 0o600), runPlan(t, r, path), r.Close(), b.Close())
	})
}
