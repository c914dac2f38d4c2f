//go:build !gpu

package cuda

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"
	"unsafe"
)

func TestDevice(t *testing.T) {
	openDriver(t)
	if v := made[int](t)(DriverVersion()); v != 13000 {
		t.Errorf("driver %d", v)
	}
	if n := made[int](t)(Devices()); n != 2 {
		t.Errorf("%d devices", n)
	}
	d := made[Device](t)(OpenDevice(1))
	if name := made[string](t)(d.Name()); name != "stand-in 1" {
		t.Errorf("name %q", name)
	}
	if uuid := made[string](t)(d.UUID()); uuid != "GPU-00112233-4455-6677-8899-aabbccddeeff" {
		t.Errorf("UUID %q", uuid)
	}
	if n := made[uint64](t)(d.TotalMemory()); n != 1<<30 {
		t.Errorf("%d bytes", n)
	}
	if sm := made[int](t)(d.ComputeCapability()); sm != 90 {
		t.Errorf("capability %d", sm)
	}
	if n := made[int](t)(d.Attribute(MultiprocessorCount)); n != 132 {
		t.Errorf("%d multiprocessors", n)
	}
	_, err := OpenDevice(2)
	wants(t, err, InvalidDevice, "cuDeviceGet 2: CUDA_ERROR_INVALID_DEVICE (101)")
}

func TestContexts(t *testing.T) {
	openDriver(t)
	first, again, second := openContext(t, 0), openContext(t, 0), openContext(t, 1)
	var r *rig
	ok(t, first.Do(func() error { r = newRig(t, 64); return nil }))
	ok(t, again.Do(r.Synchronize)) // the primary context is one
	ok(t, first.Do(func() error { return second.Do(func() error { return nil }) }))
	refuse(t, second.Do(r.Synchronize), InvalidHandle, "stream of another context")
	refuse(t, second.Do(func() error { return Free(r.device) }), InvalidHandle, "memory of another context")
	failed := errors.New("mine")
	if err := first.Do(func() error { return failed }); err != failed {
		t.Errorf("Do returns %v", err)
	}
	ok(t, first.Do(Synchronize), first.Do(func() error { r.close(t); return nil }))
	gone := Context{handle: 1}
	refuse(t, gone.Do(func() error { t.Error("ran in a context that is not there"); return nil }), InvalidContext, "not an open context")
	standIn.Fail("cuDevicePrimaryCtxRetain", 2)
	_, err := NewContext(0)
	wants(t, err, OutOfMemory)
}

func TestMemory(t *testing.T) {
	scope(t, func() error {
		free, total, err := MemInfo()
		ok(t, err)
		p := made[uintptr](t)(Alloc(1 << 20))
		if now, _, err := MemInfo(); err != nil || free-now != 1<<20 || total != 1<<30 {
			t.Errorf("%d of %d free before, %d with a MiB in use, %v", free, total, now, err)
		}
		_, err = Alloc(2 << 30)
		wants(t, err, OutOfMemory, "cuMemAlloc: CUDA_ERROR_OUT_OF_MEMORY (2)")
		_, err = Alloc(0)
		wants(t, err, InvalidValue)
		standIn.Fail("cuMemsetD8Async", 1)
		_, err = Alloc(16) // gives back what it could not clear
		wants(t, err, InvalidValue, "cuMemsetD8Async")
		refuse(t, Free(p+1), InvalidValue, "not an allocation's address")
		ok(t, Free(p))
		refuse(t, Free(p), InvalidValue, "freed twice")
		h, b, err := AllocHost(100)
		ok(t, err)
		if !bytes.Equal(b, make([]byte, 100)) {
			t.Error("pinned memory is not clear")
		}
		ok(t, FreeHost(h))
		refuse(t, FreeHost(h), InvalidValue, "freed twice")
		_, _, err = AllocHost(0)
		wants(t, err, InvalidValue)
		h, b, err = AllocHost(8)
		ok(t, err)
		unsafe.Slice(&b[0], 9)[8] = 1
		ok(t, FreeHost(h))
		refused(t, "something wrote behind this memory")
		return nil
	})
}

func TestCopies(t *testing.T) {
	scope(t, func() error {
		r := newRig(t, 64)
		if b := r.download(t); !bytes.Equal(b, make([]byte, 64)) {
			t.Error("device memory is not clear")
		}
		for i := range r.bytes {
			r.bytes[i] = byte(i)
		}
		other := made[uintptr](t)(Alloc(64))
		ok(t, r.Copy(other, r.host, 64), r.Copy(r.device+32, other, 32), r.Set(r.device, 9, 4))
		want := append(bytes.Repeat([]byte{9}, 4), make([]byte, 28)...)
		for i := range 32 {
			want = append(want, byte(i))
		}
		if b := r.download(t); !bytes.Equal(b, want) {
			t.Errorf("% x, want % x", b, want)
		}
		// Three rows of 4 bytes from 16 apart to 5 apart; the last rows end with their allocations.
		ok(t, r.Set(r.device, 0, 64), r.CopyRows(r.device+50, 5, other+28, 16, 4, 3))
		if b := r.download(t)[50:]; !bytes.Equal(b, []byte{28, 29, 30, 31, 0, 44, 45, 46, 47, 0, 60, 61, 62, 63}) {
			t.Errorf("rows: % d", b)
		}
		ok(t, r.CopyRows(r.host, 8, other+28, 16, 4, 2), r.Synchronize())
		if b := r.bytes[:12]; !bytes.Equal(b, []byte{28, 29, 30, 31, 0, 0, 0, 0, 44, 45, 46, 47}) {
			t.Errorf("rows to pinned memory: % d", b)
		}
		mine := make([]byte, 64)
		refuse(t, r.Copy(r.device, uintptr(unsafe.Pointer(&mine[0])), 64), InvalidValue, "source is not inside device or pinned")
		refuse(t, r.Copy(r.device+1, r.host, 64), InvalidValue, "destination is not inside")
		refuse(t, r.Set(r.device+1, 0, 64), InvalidValue, "out of the range")
		refuse(t, r.CopyRows(r.device, 4, other, 16, 5, 2), InvalidValue, "longer than their pitch")
		refuse(t, r.CopyRows(r.device, 16, other, 17, 16, 4), InvalidValue, "source is not inside")
		ok(t, Free(other))
		refuse(t, r.Copy(r.device, other, 64), InvalidValue, "source is not inside")
		r.close(t)
		refuse(t, r.Synchronize(), InvalidHandle, "stream used after it was closed")
		refuse(t, r.Stream.Close(), InvalidHandle, "stream used after it was closed")
		return nil
	})
}

func TestFreeUnderQueuedWork(t *testing.T) {
	scope(t, func() error {
		r := newRig(t, 64)
		release := make(chan struct{})
		ok(t, r.Call(NewHostFunction(func() { <-release }, true)), r.Copy(r.host, r.device, 64))
		refuse(t, Free(r.device), InvalidValue, "queued work still uses this memory")
		refuse(t, FreeHost(r.host), InvalidValue, "queued work still uses this memory")
		close(release)
		r.close(t)
		return nil
	})
}

func TestEvents(t *testing.T) {
	scope(t, func() error {
		a, b := newRig(t, 64), newRig(t, 64)
		start, end, plain := made[Event](t)(NewTimedEvent()), made[Event](t)(NewTimedEvent()), made[Event](t)(NewEvent())
		ok(t, plain.Synchronize(), b.Wait(plain)) // never recorded counts as done
		_, err := end.Since(start)
		wants(t, err, InvalidHandle)
		release := make(chan struct{})
		ok(t, start.Record(a.Stream), a.Call(NewHostFunction(func() { <-release }, true)), a.Set(a.device, 7, 64), end.Record(a.Stream))
		ok(t, b.Wait(end), b.Copy(b.host, a.device, 64)) // b reads what a writes
		if done, err := end.Done(); done || err != nil {
			t.Errorf("done %t, %v while the stream is held", done, err)
		}
		ok(t, start.Synchronize())
		_, err = end.Since(start)
		wants(t, err, NotReady)
		time.AfterFunc(5*time.Millisecond, func() { close(release) })
		ok(t, end.Synchronize())
		if done, err := end.Done(); !done || err != nil {
			t.Errorf("done %t, %v", done, err)
		}
		if ms, err := end.Since(start); err != nil || ms < 4 {
			t.Errorf("%g ms, %v", ms, err)
		}
		ok(t, b.Synchronize())
		if b.bytes[63] != 7 {
			t.Error("b did not wait for a")
		}
		_, err = end.Since(plain)
		refuse(t, err, InvalidHandle, "keeps no time")
		ok(t, start.Close(), end.Close(), plain.Close())
		_, err = plain.Done()
		refuse(t, err, InvalidHandle, "event used after it was closed")
		refuse(t, plain.Close(), InvalidHandle, "event used after it was closed")
		a.close(t)
		b.close(t)
		return nil
	})
}

func TestStickyErrorStays(t *testing.T) {
	openDriver(t)
	c := openContext(t, 0)
	ok(t, c.Do(func() error {
		r := newRig(t, 64)
		standIn.Fail("cuMemcpyAsync", 719)
		err := r.Copy(r.host, r.device, 64)
		wants(t, err, 719, "CUDA_ERROR_LAUNCH_FAILED")
		for _, err := range []error{err, r.Synchronize(), r.Stream.Close(), Free(r.device)} {
			var failed *Error
			if !errors.As(err, &failed) || !failed.Sticky() {
				t.Errorf("%v, want a sticky error", err)
			}
		}
		return nil
	}))
}

func TestUnknownCodeHasAText(t *testing.T) {
	openDriver(t)
	if err := Check("cuX", 12345); err == nil || !strings.Contains(err.Error(), "cuX: CUDA error (12345)") {
		t.Error(err)
	}
}
