package tensorrt

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"sightline/internal/native/dl"
)

// engineOf is an engine of a fake, with a context or without.
func engineOf(slots map[int]any) *Engine {
	if slots[52] == nil {
		slots[52] = func(i *impl) int64 { return 1 << 10 }
	}
	f := fake(table(slots))
	return &Engine{object: &f.object, impl: &f.impl, m: methods[engineMethods](&f.impl), runtime: &Runtime{open: 1}}
}

func contextOf(slots map[int]any) (*Context, *fakeObject) {
	f := fake(table(slots))
	e := engineOf(map[int]any{})
	e.open = 1
	return &Context{object: &f.object, impl: &f.impl, m: methods[contextMethods](&f.impl), engine: e}, f
}

func TestContextCalls(t *testing.T) {
	as(t, 100600)
	SetLogger(func(Severity, string) {})
	var this *impl
	var gotName string
	var gotDims dims
	var gotAddress, gotStream, gotMemory uint64
	c, f := contextOf(map[int]any{
		21: func(i *impl, name *byte, d *dims) bool {
			this, gotName, gotDims = i, dl.String(name), *d
			return true
		},
		22: func(result *dims, i *impl, name *byte) *dims { // the hidden result pointer comes first
			*result = dims{N: 2, D: [8]int64{1, 85}}
			return result
		},
		24: func(i *impl, name *byte, p uint64) uint64 {
			gotAddress = p
			say(1, "no such tensor")
			return 0xdeadbe00 // false: only the lowest byte counts
		},
		37: func(i *impl, s uint64) bool { gotStream = s; return true },
		49: func(i *impl, p uint64, size int64) { gotMemory = p + uint64(size) },
	})
	if err := c.SetInputShape("images", []int64{16, 3, 640, 640}); err != nil {
		t.Error(err)
	}
	if this != &f.impl || gotName != "images" || gotDims != (dims{N: 4, D: [8]int64{16, 3, 640, 640}}) {
		t.Errorf("setInputShape got this %p, %q, %v", this, gotName, gotDims)
	}
	if err := c.SetInputShape("images", make([]int64, 9)); err == nil {
		t.Error("nine dimensions were taken")
	}
	if shape := c.Shape("out"); !slices.Equal(shape, []int64{1, 85}) {
		t.Errorf("shape %v", shape)
	}
	err := c.SetAddress("out", 0x7f0123456700)
	if err == nil || gotAddress != 0x7f0123456700 || err.Error() != "tensorrt: setTensorAddress out: no such tensor" {
		t.Errorf("setTensorAddress(%#x): %v, want an error", gotAddress, err)
	}
	if err := c.Enqueue(77); err != nil || gotStream != 77 {
		t.Errorf("enqueue: %v, stream %d", err, gotStream)
	}
	if err := c.SetMemory(0x1000, 1<<10); err != nil || gotMemory != 0x1400 {
		t.Errorf("memory: %v, %#x", err, gotMemory)
	}
	for _, bad := range [][2]uintptr{{0x1000, 1<<10 - 1}, {0x1001, 1 << 10}} {
		if err := c.SetMemory(bad[0], int64(bad[1])); err == nil {
			t.Errorf("memory of %d bytes at %#x was taken", bad[1], bad[0])
		}
	}
}

func TestContextDetectsConcurrentUse(t *testing.T) {
	entered, leave := make(chan bool), make(chan bool)
	c, f := contextOf(map[int]any{37: func(i *impl, s uint64) bool {
		entered <- true
		<-leave
		return true
	}})
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := c.Enqueue(1); err != nil {
			t.Error(err)
		}
	})
	<-entered
	if err := c.Enqueue(1); !errors.Is(err, ErrBusy) {
		t.Errorf("second enqueue: %v", err)
	}
	if err := c.Close(); !errors.Is(err, ErrBusy) || f.destruction() != 0 {
		t.Errorf("close while busy: %v", err)
	}
	leave <- true
	wg.Wait()
	for range 2 {
		if err := c.Close(); err != nil || f.destruction() != 1 {
			t.Errorf("close: %v, destroyed %d times", err, f.destruction())
		}
	}
	if err := c.Enqueue(1); !errors.Is(err, ErrClosed) {
		t.Errorf("enqueue after close: %v", err)
	}
}

func TestEngineTensors(t *testing.T) {
	as(t, 100600)
	name := append([]byte("images"), 0)
	slots := map[int]any{
		10: func(i *impl) int32 { return 3 },
		19: func(result *dims, i *impl, name *byte) *dims { *result = dims{N: -1}; return result },
		20: func(i *impl, name *byte) int32 { return int32(Float16) },
		23: func(i *impl, name *byte) int32 { return 1 },
		29: func(result *dims, i *impl, name *byte, profile, selector int32) *dims {
			*result = dims{N: 1, D: [8]int64{int64(10*profile + selector)}}
			return result
		},
		30: func(i *impl) int32 { return 1 },
		31: func(i *impl, index int32) *byte { return &name[0] },
		33: func(i *impl) int32 { return 0 },
		52: func(i *impl) int64 { return 1 << 40 },
		57: func(i *impl, stat int32) int64 { return 1<<33 + int64(stat) },
	}
	e := engineOf(slots)
	want := []Tensor{{Name: "images", Input: true, Type: Float16}}
	if got := e.Tensors(); !reflect.DeepEqual(got, want) {
		t.Errorf("tensors %+v, want %+v", got, want)
	}
	if got := e.MaxShape("images"); !slices.Equal(got, []int64{2}) {
		t.Errorf("largest shape %v", got)
	}
	if e.ContextMemory() != 1<<40 || e.Profiles() != 3 || e.AuxStreams() != 0 {
		t.Errorf("memory %d, %d profiles, %d streams", e.ContextMemory(), e.Profiles(), e.AuxStreams())
	}
	if _, err := e.WeightsSize(); !errors.Is(err, ErrVersion) || !strings.Contains(err.Error(), "10.6.0") {
		t.Errorf("weights with 10.6: %v", err)
	}
	version.Store(101501)
	if n, err := engineOf(slots).WeightsSize(); err != nil || n != 1<<33 {
		t.Errorf("weights with 10.15: %d, %v", n, err)
	}
}
