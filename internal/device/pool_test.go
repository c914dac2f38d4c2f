package device

import (
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

type fakeMemory struct {
	bytes []byte
	freed *atomic.Int64
}

func (m fakeMemory) Address() uintptr { return 0 }
func (m fakeMemory) Bytes() []byte    { return m.bytes }
func (m fakeMemory) Free() error      { m.freed.Add(1); return nil }

type fakeAllocator struct {
	freed atomic.Int64
	fail  error
}

func (a *fakeAllocator) Allocate(_ Space, size int64) (Memory, error) {
	if a.fail != nil {
		return nil, a.fail
	}
	return fakeMemory{make([]byte, size), &a.freed}, nil
}

func TestPoolKeepsToItsLimitAndNamesTheOwner(t *testing.T) {
	p := NewPool(&fakeAllocator{}, 100)
	first, err := p.Alloc("gate", "picture", OnDevice, 80)
	if err != nil {
		t.Fatal(err)
	}
	_, err = p.Alloc("yard", "detection input", OnDevice, 21)
	var oom *OutOfMemoryError
	if !errors.As(err, &oom) || oom.Owner != "yard" || oom.Used != 80 || oom.Limit != 100 {
		t.Fatalf("got %v", err)
	}
	if !strings.Contains(err.Error(), "yard") || !strings.Contains(err.Error(), "detection input") {
		t.Errorf("error names neither owner nor purpose: %v", err)
	}
	if _, err := p.Alloc("yard", "detection input", Pinned, 20); err != nil {
		t.Errorf("exactly the limit: %v", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if u := p.Usage(); u.Used != 20 || u.Buffers != 1 || u.Owners["gate"] != 0 || u.Owners["yard"] != 20 {
		t.Errorf("ledger %+v", u)
	}
}

func TestPoolBooksNothingWhenTheDeviceRefuses(t *testing.T) {
	cause := errors.New("cuda error 2")
	p := NewPool(&fakeAllocator{fail: cause}, 0)
	if _, err := p.Alloc("gate", "picture", OnDevice, 8); !errors.Is(err, cause) {
		t.Fatalf("got %v", err)
	}
	if u := p.Usage(); u.Used != 0 || u.Buffers != 0 || len(u.Owners) != 0 {
		t.Errorf("ledger %+v", u)
	}
}

func TestBufferClosesOnceAndViewsNever(t *testing.T) {
	a := &fakeAllocator{}
	p := NewPool(a, 0)
	b, err := p.Alloc("gate", "boxes", Pinned, 16)
	if err != nil {
		t.Fatal(err)
	}
	view := b.Slice(4, 8)
	view.Bytes()[0] = 7
	if b.Bytes()[4] != 7 {
		t.Error("a view does not share its buffer's bytes")
	}
	for range 2 {
		if err := errors.Join(view.Close(), b.Close()); err != nil {
			t.Fatal(err)
		}
	}
	if a.freed.Load() != 1 || p.Usage().Used != 0 {
		t.Errorf("freed %d times, ledger %s", a.freed.Load(), p.Usage())
	}
}

func TestPoolIsFlatAfterManyConcurrentUsers(t *testing.T) {
	p := NewPool(&fakeAllocator{}, 640)
	var wait sync.WaitGroup
	for range 32 {
		wait.Go(func() {
			for range 200 {
				b, err := p.Alloc("camera", "x", OnDevice, 64)
				if err != nil {
					continue // the limit allows ten at a time
				}
				if used := p.Usage().Used; used > 640 {
					t.Errorf("%d bytes in use", used)
				}
				_ = b.Close()
			}
		})
	}
	wait.Wait()
	if u := p.Usage(); u.Used != 0 || u.Buffers != 0 || len(u.Owners) != 0 {
		t.Errorf("ledger %+v", u)
	}
}

func TestFit(t *testing.T) {
	for _, c := range []struct {
		w, h, inW, inH int
		want           Fit
	}{
		{768, 576, 416, 416, Fit{ScaleX: 416. / 768, ScaleY: 416. / 768, Left: 0, Top: 52, Width: 416, Height: 312}},
		{480, 576, 416, 416, Fit{ScaleX: 416. / 576, ScaleY: 416. / 576, Left: 34, Top: 0, Width: 347, Height: 416}},
		{1, 5000, 416, 416, Fit{ScaleX: 416. / 5000, ScaleY: 416. / 5000, Left: 207, Top: 0, Width: 1, Height: 416}},
	} {
		if got := NewFit(c.w, c.h, c.inW, c.inH); got != c.want {
			t.Errorf("%dx%d in %dx%d: %+v, want %+v", c.w, c.h, c.inW, c.inH, got, c.want)
		}
	}
}
