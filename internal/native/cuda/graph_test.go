//go:build !gpu

package cuda

import (
	"errors"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"
)

func TestModuleAndLaunch(t *testing.T) {
	scope(t, func() error {
		_, err := LoadPTX("not PTX")
		wants(t, err, 218, "CUDA_ERROR_INVALID_PTX", "no entry in this text")
		m := made[Module](t)(LoadPTX(fillPTX))
		_, err = m.Function("absent")
		wants(t, err, NotFound, "cuModuleGetFunction absent")
		f := made[Function](t)(m.Function("fill"))
		r := newRig(t, 4*1000)
		k := newFill(f, r.device, 5, 1000)
		ok(t, k.Launch(r.Stream))
		k.value = 1 << 30 // the first launch has read its own value
		counting(t, r.download(t), 5)
		ok(t, k.Launch(r.Stream))
		counting(t, r.download(t), 1<<30)
		k.shape.Block[0] = 2048
		refuse(t, k.Launch(r.Stream), InvalidValue, "a shape that no GPU takes")
		k.Close()
		wants(t, k.Launch(r.Stream), InvalidHandle, "after Close")
		ok(t, m.Close())
		refuse(t, f.Launch(r.Stream, Shape{}, unsafe.Pointer(&k.dst)), InvalidHandle, "function used after it was closed")
		r.close(t)
		return nil
	})
}

// structPTX has an entry of one struct, as this program's kernels have.
const structPTX = ".visible .entry whole(\n\t.param .align 8 .b8 whole_param_0[24]\n)\n{\n}\n"

func TestNothingIsAllocated(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector makes sync.Pool drop things")
	}
	scope(t, func() error {
		r := newRig(t, 4*1000)
		var err error
		m, whole := made[Module](t)(LoadPTX(fillPTX)), made[Module](t)(LoadPTX(structPTX))
		k := newFill(made[Function](t)(m.Function("fill")), r.device, 5, 1000)
		f := made[Function](t)(whole.Function("whole"))
		params := make([]byte, 24)
		shape := Shape{Grid: [3]uint32{1, 1, 1}, Block: [3]uint32{1, 1, 1}}
		e := made[Event](t)(NewEvent())
		h := NewHostFunction(func() {}, false)
		ok(t, r.BeginCapture(), k.Launch(r.Stream))
		g := made[Graph](t)(r.EndCapture())
		c := &Context{handle: openContext(t, 0).handle}
		for name, f := range map[string]func() error{
			"Prepared.Launch": func() error { return k.Launch(r.Stream) },
			"Function.Launch": func() error { return f.Launch(r.Stream, shape, unsafe.Pointer(&params[0])) },
			"Graph.Launch":    func() error { return g.Launch(r.Stream) },
			"Copy":            func() error { return r.Copy(r.host, r.device, r.n) },
			"CopyRows":        func() error { return r.CopyRows(r.device, 4, r.device, 4, 4, 4) },
			"Set":             func() error { return r.Set(r.device, 0, r.n) },
			"Record":          func() error { return e.Record(r.Stream) },
			"Wait":            func() error { return r.Wait(e) },
			"Done":            func() error { _, err := e.Done(); return err },
			"Synchronize":     r.Synchronize,
			"Do":              func() error { return c.Do(func() error { return nil }) },
		} {
			if n := testing.AllocsPerRun(100, func() { err = f() }); n != 0 || err != nil {
				t.Errorf("%s allocates %g times, %v", name, n, err)
			}
			ok(t, r.Synchronize())
		}
		// Nothing runs while it is measured: to be called back does allocate, on the driver's thread.
		held := make(chan struct{})
		ok(t, r.Call(NewHostFunction(func() { <-held }, true)))
		if n := testing.AllocsPerRun(100, func() { err = r.Call(h) }); n != 0 || err != nil {
			t.Errorf("Call allocates %g times, %v", n, err)
		}
		close(held)
		ok(t, r.Synchronize())
		k.Close()
		ok(t, g.Close(), e.Close(), m.Close(), whole.Close())
		r.close(t)
		h.Close()
		return nil
	})
}

func TestHostFunctions(t *testing.T) {
	scope(t, func() error {
		r := newRig(t, 64)
		var order []int // written by one thread of the stream, read after Synchronize
		for i := range 100 {
			ok(t, r.Call(NewHostFunction(func() { order = append(order, i) }, true)))
		}
		ok(t, r.Synchronize())
		if len(order) != 100 || !slices.IsSorted(order) {
			t.Errorf("order %v", order)
		}
		before := len(hostFunctions.byID)
		var told atomic.Pointer[error]
		bad := NewHostFunction(func() { panic("so it goes") }, false)
		bad.OnPanic(func(err error) { told.Store(&err) })
		ok(t, r.Call(bad), r.Synchronize())
		if err := bad.Err(); err == nil || !strings.Contains(err.Error(), "so it goes") || told.Load() == nil {
			t.Errorf("panic told as %v", err)
		}
		bad.Close()
		if len(hostFunctions.byID) != before || before != 0 {
			t.Errorf("%d functions before, %d after", before, len(hostFunctions.byID))
		}
		ok(t, r.Call(bad), r.Synchronize()) // forgotten: nothing happens
		var inside error
		ok(t, r.Call(NewHostFunction(func() { inside = r.Set(r.device, 0, 1) }, true)), r.Synchronize())
		refuse(t, inside, NotPermitted, "called from a host function")
		r.close(t)
		return nil
	})
}

func TestCaptureAndReplay(t *testing.T) {
	scope(t, func() error {
		a, b := newRig(t, 4*64), newRig(t, 64)
		m := made[Module](t)(LoadPTX(fillPTX))
		k := newFill(made[Function](t)(m.Function("fill")), a.device, 3, 64)
		fork, join := made[Event](t)(NewEvent()), made[Event](t)(NewEvent())
		var calls atomic.Int32
		h := NewHostFunction(func() { calls.Add(1) }, false)
		ok(t, a.BeginCapture(), k.Launch(a.Stream), fork.Record(a.Stream), b.Wait(fork), b.Set(b.device, 8, 64), b.Call(h), join.Record(b.Stream))
		ok(t, a.Copy(a.host, a.device, a.n), a.Wait(join), a.Copy(b.host, b.device, b.n))
		g := made[Graph](t)(a.EndCapture())
		k.value = 1000 // the graph has its own
		k.Close()
		if calls.Load() != 0 || a.bytes[0] != 0 {
			t.Error("a capture runs nothing")
		}
		for range 3 {
			ok(t, g.Launch(a.Stream), a.Synchronize())
			counting(t, a.bytes, 3)
			clear(a.bytes)
		}
		if calls.Load() != 3 || b.bytes[63] != 8 {
			t.Errorf("%d calls, %d", calls.Load(), b.bytes[63])
		}
		ok(t, g.Close())
		refuse(t, g.Launch(a.Stream), InvalidHandle, "executable graph used after it was closed")
		h.Close()
		ok(t, fork.Close(), join.Close(), m.Close())
		a.close(t)
		b.close(t)
		return nil
	})
}

func TestCaptureRefuses(t *testing.T) {
	scope(t, func() error {
		a, b := newRig(t, 64), newRig(t, 64)
		fork, outside := made[Event](t)(NewEvent()), made[Event](t)(NewEvent())
		end := func(code Result) {
			t.Helper()
			_, err := a.EndCapture()
			wants(t, err, code)
			ok(t, NoCapture(func() error { return nil })) // would wait for ever
		}
		ok(t, a.BeginCapture(), fork.Record(a.Stream), b.Wait(fork), b.Set(b.device, 1, 64))
		end(CaptureUnjoined)
		refuse(t, b.Wait(fork), CapturedEvent, "has ended")
		ok(t, a.BeginCapture())
		refuse(t, a.Synchronize(), CaptureUnsupported, "waits for a stream that is captured")
		end(CaptureInvalidated)
		ok(t, outside.Record(b.Stream), a.BeginCapture())
		refuse(t, a.Wait(outside), CaptureIsolation, "outside of the capture")
		end(CaptureInvalidated)
		ok(t, a.BeginCapture(), fork.Record(a.Stream))
		refuse(t, fork.Synchronize(), CapturedEvent, "last recorded in a capture")
		end(CaptureInvalidated)
		ok(t, a.BeginCapture())
		refuse(t, a.Stream.BeginCapture(), 401, "captured already")
		refuse(t, a.Stream.Close(), CaptureUnsupported, "closed while it is captured")
		standIn.Break()
		wants(t, a.Set(a.device, 0, 64), CaptureInvalidated)
		end(CaptureInvalidated)
		ok(t, a.BeginCapture())
		standIn.Fail("cuGraphInstantiateWithFlags", 2)
		end(OutOfMemory) // and the graph that was recorded is destroyed
		ok(t, fork.Close(), outside.Close())
		a.close(t)
		b.close(t)
		return nil
	})
}

// TestNoCaptureKeepsApart has lanes that capture beside decoders that are created.
func TestNoCaptureKeepsApart(t *testing.T) {
	openDriver(t)
	c := openContext(t, 0)
	lane := func() error {
		return c.Do(func() error {
			r := newRig(t, 64)
			for range 30 {
				if err := r.BeginCapture(); err != nil {
					return err
				}
				err := r.Set(r.device, 1, 64)
				time.Sleep(100 * time.Microsecond)
				g, end := r.EndCapture()
				if err := errors.Join(err, end); err != nil {
					return err
				}
				if err := errors.Join(g.Launch(r.Stream), r.Synchronize(), g.Close()); err != nil {
					return err
				}
			}
			r.close(t)
			return nil
		})
	}
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() { ok(t, lane()) })
	}
	for range 2 {
		wait.Go(func() {
			for range 20 {
				ok(t, c.Do(func() error { return NoCapture(func() error { standIn.Break(); return nil }) }), c.Do(Synchronize))
				runtime.Gosched()
			}
		})
	}
	wait.Wait()
}

func BenchmarkLaunch(b *testing.B) {
	scope(b, func() error {
		r := newRig(b, 4*64)
		m := made[Module](b)(LoadPTX(fillPTX))
		k := newFill(made[Function](b)(m.Function("fill")), r.device, 5, 64)
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			if err := k.Launch(r.Stream); err != nil {
				return err
			}
			if i%64 == 0 {
				ok(b, r.Synchronize())
			}
		}
		r.close(b)
		k.Close()
		return m.Close()
	})
}
