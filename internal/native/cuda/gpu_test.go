//go:build gpu

package cuda

import (
	"bytes"
	"errors"
	"os"
	"slices"
	"sync/atomic"
	"testing"
	"time"
)

// These tests run on a real GPU: go test -tags gpu ./internal/native/cuda. Without a driver they fail,
// because whoever asks for them has one.
func onGPU(t *testing.T, f func() error) {
	t.Helper()
	if err := Load(); err != nil {
		t.Fatal(err)
	}
	c := made[*Context](t)(NewContext(made[Device](t)(OpenDevice(0))))
	err := c.Do(f)
	if err := errors.Join(err, c.Close()); err != nil {
		t.Fatal(err)
	}
}

func ok(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func TestGPUDevice(t *testing.T) {
	onGPU(t, func() error {
		d := made[Device](t)(OpenDevice(0))
		free, total, err := MemInfo()
		ok(t, err)
		memory := made[uint64](t)(d.TotalMemory())
		sm := made[int](t)(d.ComputeCapability())
		t.Logf("%s %s, capability %d, %d multiprocessors, driver %d, %d of %d MiB free", made[string](t)(d.Name()),
			made[string](t)(d.UUID()), sm, made[int](t)(d.Attribute(MultiprocessorCount)), made[int](t)(DriverVersion()), free>>20, total>>20)
		if sm < 75 || free > total || memory < total {
			t.Errorf("capability %d, %d free of %d, device has %d", sm, free, total, memory)
		}
		_, err = OpenDevice(9999)
		wants(t, err, InvalidDevice, "CUDA_ERROR_INVALID_DEVICE")
		_, err = Alloc(1 << 50)
		wants(t, err, OutOfMemory, "CUDA_ERROR_OUT_OF_MEMORY")
		return nil
	})
}

func TestGPUCopies(t *testing.T) {
	onGPU(t, func() error {
		r := newRig(t, 1<<20)
		if b := r.download(t); !bytes.Equal(b, make([]byte, r.n)) {
			t.Error("device memory is not clear")
		}
		for i := range r.bytes {
			r.bytes[i] = byte(i * 7 >> 3)
		}
		want := bytes.Clone(r.bytes)
		other := made[uintptr](t)(Alloc(r.n))
		ok(t, r.Copy(r.device, r.host, r.n), r.Copy(other, r.device, r.n), r.Set(r.device, 0xEE, r.n))
		if b := r.download(t); b[0] != 0xEE || b[r.n-1] != 0xEE {
			t.Error("Set")
		}
		ok(t, r.CopyRows(r.device, 1000, other, 1024, 1000, 1000))
		b := r.download(t)
		for y := range 1000 {
			if !bytes.Equal(b[1000*y:1000*y+1000], want[1024*y:1024*y+1000]) {
				t.Fatalf("row %d", y)
			}
		}
		if b[1000*1000] != 0xEE {
			t.Error("CopyRows wrote behind its rows")
		}
		ok(t, Free(other))
		r.close(t)
		return nil
	})
}

func TestGPUEvents(t *testing.T) {
	onGPU(t, func() error {
		r, s := newRig(t, 256<<20), newRig(t, 4)
		start, end := made[Event](t)(NewTimedEvent()), made[Event](t)(NewTimedEvent())
		plain := made[Event](t)(NewEvent())
		ok(t, plain.Synchronize(), start.Record(r.Stream))
		for range 20 {
			ok(t, r.Set(r.device, 1, r.n))
		}
		ok(t, end.Record(r.Stream), s.Wait(end), plain.Record(s.Stream), plain.Synchronize())
		if done, err := end.Done(); !done || err != nil {
			t.Errorf("s waited, yet done is %t, %v", done, err)
		}
		ms, err := end.Since(start)
		if err != nil || ms < 0.1 || ms > 1000 {
			t.Errorf("%g ms for 5 GiB, %v", ms, err)
		}
		t.Logf("5 GiB set in %.3f ms", ms)
		_, err = end.Since(plain)
		wants(t, err, InvalidHandle)
		ok(t, start.Close(), end.Close(), plain.Close())
		r.close(t)
		s.close(t)
		return nil
	})
}

func TestGPUModule(t *testing.T) {
	onGPU(t, func() error {
		const n = 100_003
		_, err := LoadPTX(".version 7.0\n.target sm_75\n.address_size 64\nnonsense\n")
		wants(t, err, 218, "CUDA_ERROR_INVALID_PTX", "line 4")
		m := made[Module](t)(LoadPTX(fillPTX))
		_, err = m.Function("absent")
		wants(t, err, NotFound)
		r := newRig(t, 4*n)
		k := newFill(made[Function](t)(m.Function("fill")), r.device, 5, n)
		ok(t, k.Launch(r.Stream))
		k.value = 1 << 30
		counting(t, r.download(t), 5)
		ok(t, k.Launch(r.Stream))
		counting(t, r.download(t), 1<<30)
		var failed error
		allocations := testing.AllocsPerRun(100, func() {
			if err := k.Launch(r.Stream); err != nil {
				failed = err
			}
		})
		ok(t, failed)
		if allocations != 0 {
			t.Errorf("%g allocations a launch", allocations)
		}
		k.Close()
		r.close(t)
		return m.Close()
	})
}

func TestGPUHostFunctions(t *testing.T) {
	onGPU(t, func() error {
		r := newRig(t, 4)
		var order []int
		for i := range 1000 {
			ok(t, r.Call(NewHostFunction(func() { order = append(order, i) }, true)))
		}
		bad := NewHostFunction(func() { panic("so it goes") }, false)
		ok(t, r.Call(bad), r.Synchronize())
		if len(order) != 1000 || !slices.IsSorted(order) || bad.Err() == nil {
			t.Errorf("%d functions ran, in order %t, panic %v", len(order), slices.IsSorted(order), bad.Err())
		}
		bad.Close()
		r.close(t)
		return nil
	})
}

func TestGPUGraph(t *testing.T) {
	onGPU(t, func() error {
		const n = 4096
		a, b := newRig(t, 4*n), newRig(t, 4*n)
		m := made[Module](t)(LoadPTX(fillPTX))
		f := made[Function](t)(m.Function("fill"))
		k, l := newFill(f, a.device, 3, n), newFill(f, b.device, 1000, n)
		fork, join := made[Event](t)(NewEvent()), made[Event](t)(NewEvent())
		var calls atomic.Int32
		h := NewHostFunction(func() { calls.Add(1) }, false)
		ok(t, k.Launch(a.Stream), a.Synchronize(), a.Set(a.device, 0, a.n), a.Synchronize()) // once for real
		ok(t, a.BeginCapture(), fork.Record(a.Stream), b.Wait(fork), k.Launch(a.Stream), l.Launch(b.Stream), b.Call(h))
		ok(t, b.Copy(b.host, b.device, b.n), join.Record(b.Stream), a.Copy(a.host, a.device, a.n), a.Wait(join))
		g := made[Graph](t)(a.EndCapture())
		k.Close()
		l.Close()
		ok(t, a.Synchronize())
		if calls.Load() != 0 || a.bytes[0] != 0 {
			t.Error("a capture ran something")
		}
		for range 100 {
			clear(a.bytes)
			clear(b.bytes)
			ok(t, g.Launch(a.Stream), a.Synchronize())
			counting(t, a.bytes, 3)
			counting(t, b.bytes, 1000)
		}
		if calls.Load() != 100 {
			t.Errorf("%d host calls of 100", calls.Load())
		}
		ok(t, g.Close(), a.BeginCapture(), fork.Record(a.Stream), b.Wait(fork), b.Set(b.device, 1, b.n))
		_, err := a.EndCapture()
		wants(t, err, CaptureUnjoined, "CUDA_ERROR_STREAM_CAPTURE_UNJOINED")
		h.Close()
		ok(t, fork.Close(), join.Close(), m.Close())
		a.close(t)
		b.close(t)
		return nil
	})
}

// TestGPUMemoryComesBack opens and closes everything a hundred times. An outer context would keep the primary
// one alive, so free memory is read in the first thing done in each.
func TestGPUMemoryComesBack(t *testing.T) {
	var first, last uint64
	files := func() int {
		entries, err := os.ReadDir("/proc/self/fd")
		ok(t, err)
		return len(entries)
	}
	var open int
	start := time.Now()
	for i := range 101 {
		onGPU(t, func() error {
			free, _, err := MemInfo()
			ok(t, err)
			if i == 1 { // the first cycle loads what stays with the process
				first, open = free, files()
			}
			last = free
			r := newRig(t, 8<<20)
			m := made[Module](t)(LoadPTX(fillPTX))
			k := newFill(made[Function](t)(m.Function("fill")), r.device, 1, 1000)
			e := made[Event](t)(NewEvent())
			ok(t, r.BeginCapture(), k.Launch(r.Stream), e.Record(r.Stream))
			g := made[Graph](t)(r.EndCapture())
			ok(t, g.Launch(r.Stream), r.Synchronize(), g.Close(), e.Close(), m.Close())
			k.Close()
			r.close(t)
			if i == 100 && files() > open+2 {
				t.Errorf("%d files open after the first cycle, %d after the last", open, files())
			}
			return nil
		})
	}
	t.Logf("100 cycles in %v, %d MiB free before, %d after", time.Since(start).Round(time.Millisecond), first>>20, last>>20)
	if last+(2<<20) < first {
		t.Errorf("%d bytes of device memory have not come back", first-last)
	}
}
