package host

import (
	"errors"
	"slices"
	"testing"
	"time"

	"sightline/internal/device"
)

func TestStreamIsAsynchronousAndOrdered(t *testing.T) {
	s := newStream("gate")
	defer s.Close()
	release := make(chan struct{})
	var order []int
	_ = s.Do(func() { <-release })
	for i := range 100 {
		_ = s.Do(func() { order = append(order, i) })
	}
	close(release) // reached only because Do did not wait
	if err := s.Synchronize(); err != nil || len(order) != 100 || !slices.IsSorted(order) {
		t.Fatalf("%v, order %v", err, order)
	}
}

func TestForkAndJoinReplay(t *testing.T) {
	a, b := newStream("gate"), newStream("gate")
	defer a.Close()
	defer b.Close()
	fork, join := newEvent(), newEvent()
	var log []string
	add := func(s string) func() { return func() { log = append(log, s) } }
	_ = a.BeginCapture()
	_ = a.Do(add("a1"))
	_ = a.Record(fork)
	_ = b.Wait(fork)
	_ = b.Do(func() { time.Sleep(time.Millisecond); log = append(log, "b") })
	_ = b.Record(join)
	_ = a.Wait(join)
	_ = a.Do(add("a2"))
	g, err := a.EndCapture()
	if err != nil || len(log) != 0 {
		t.Fatalf("%v, ran %v during capture", err, log)
	}
	for range 20 { // all queued at once: each wait must mean its own launch
		if err := a.Launch(g); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.Synchronize(); err != nil || len(log) != 60 {
		t.Fatalf("%v, %v", err, log)
	}
	for i := 0; i < 60; i += 3 {
		if !slices.Equal(log[i:i+3], []string{"a1", "b", "a2"}) {
			t.Fatalf("launch %d ran as %v", i/3, log[i:i+3])
		}
	}
}

func TestUnjoinedCaptureIsRefused(t *testing.T) {
	a, b := newStream("gate"), newStream("side")
	defer a.Close()
	defer b.Close()
	e := newEvent()
	_ = a.BeginCapture()
	_ = a.Record(e)
	_ = b.Wait(e)
	_ = b.Do(func() {})
	if _, err := a.EndCapture(); !errors.Is(err, device.ErrUnjoined) {
		t.Fatalf("got %v", err)
	}
	ran := false
	_ = b.Do(func() { ran = true })
	if err := b.Synchronize(); err != nil || !ran {
		t.Fatal("the stream stayed captured")
	}
}

func TestFailureReachesTheWaiter(t *testing.T) {
	a, b := newStream("gate"), newStream("gate")
	defer a.Close()
	defer b.Close()
	e, broken := newEvent(), errors.New("broken")
	_ = a.push(item{work: func() error { return broken }})
	_ = a.Record(e)
	_ = b.Wait(e)
	if err := b.Synchronize(); !errors.Is(err, broken) {
		t.Fatalf("got %v", err)
	}
	if err := e.Synchronize(); !errors.Is(err, broken) {
		t.Fatalf("got %v", err)
	}
}

func TestClosedStreamRefusesWork(t *testing.T) {
	s := newStream("gate")
	_ = s.Close()
	_ = s.Close()
	if err := s.Do(func() {}); !errors.Is(err, device.ErrClosed) {
		t.Fatalf("got %v", err)
	}
}

func TestCopyThroughThePool(t *testing.T) {
	pool := device.NewPool(allocator{}, 0)
	from, err := pool.Alloc("gate", "in", device.Pinned, 8)
	if err != nil {
		t.Fatal(err)
	}
	mid, err := pool.Alloc("gate", "device", device.OnDevice, 8)
	if err != nil {
		t.Fatal(err)
	}
	floatsOf(from)[1] = 2.5
	s := newStream("gate")
	_ = s.Copy(mid, from)
	if err := errors.Join(s.Synchronize(), s.Copy(mid, from.Slice(0, 4))); err == nil {
		t.Error("a copy between different sizes was taken")
	}
	if floatsOf(mid)[1] != 2.5 || mid.Address()%256 != 0 {
		t.Error("copy or alignment is wrong")
	}
	if err := errors.Join(s.Close(), device.CloseAll(from, mid)); err != nil || pool.Usage().Used != 0 {
		t.Error(err, pool.Usage())
	}
}
