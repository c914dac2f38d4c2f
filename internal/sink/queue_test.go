package sink

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"sightline/internal/result"
)

// gate is a backend that stores when the test lets it, if it has a permit channel, and fails as told.
type gate struct {
	permit chan error // nil: always permitted
	// arrived, if set, gets a value when Store begins.
	arrived chan struct{}
	stored  []string
	closed  int
}

func (g *gate) Append(dst []byte, f *result.Frame) []byte {
	return fmt.Appendf(dst, "%s %d", f.Camera, f.Seq)
}

func (g *gate) Store(_ string, record []byte) error {
	if g.arrived != nil {
		g.arrived <- struct{}{}
	}
	if g.permit != nil {
		if err := <-g.permit; err != nil {
			return err
		}
	}
	g.stored = append(g.stored, string(record))
	return nil
}

func (g *gate) Close() error {
	g.closed++
	return nil
}

// logged is a slog destination that may be read while others write.
type logged struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logged) lines() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Split(strings.TrimSuffix(l.b.String(), "\n"), "\n")
}

func write(t *testing.T, s Sink, camera string, from, to uint64) {
	t.Helper()
	for seq := from; seq < to; seq++ {
		if err := s.Write(&result.Frame{Camera: camera, Seq: seq}); err != nil {
			t.Fatalf("frame %d: %v", seq, err)
		}
	}
}

func TestSlowSinkDropsAndReports(t *testing.T) {
	g, log := &gate{permit: make(chan error), arrived: make(chan struct{}, 10)}, &logged{}
	q := NewQueue(g, QueueOptions{Name: "slow", Size: 4, Logger: slog.New(slog.NewTextHandler(log, nil)), interval: time.Hour})
	write(t, q, "a", 0, 1)
	<-g.arrived              // it hangs in frame 0
	write(t, q, "a", 1, 100) // and this comes back all the same
	if s := q.Stats(); s != (Stats{Dropped: 96, Waiting: 4}) {
		t.Errorf("%+v, want 96 dropped and 4 waiting", s)
	}
	close(g.permit)
	if err := q.Close(); err != nil {
		t.Errorf("close: %v; frames dropped are no failure", err)
	}
	if want := []string{"a 0", "a 1", "a 2", "a 3"}; fmt.Sprint(g.stored) != fmt.Sprint(want) {
		t.Errorf("stored %v, want %v", g.stored, want)
	}
	if s := q.Stats(); s != (Stats{Written: 4, Dropped: 96}) {
		t.Errorf("%+v, want 4 written, 96 dropped", s)
	}
	// One line when it began; what came within the hour in one more at the end.
	lines := log.lines()
	if len(lines) < 1 || len(lines) > 2 || !strings.Contains(lines[len(lines)-1], "dropped_total=96") ||
		!strings.Contains(lines[0], `level=WARN msg="sink is too slow" sink=slow`) {
		t.Errorf("log: %q", lines)
	}
}

func TestBlockedSinkLosesNothing(t *testing.T) {
	g := &gate{permit: make(chan error), arrived: make(chan struct{}, 200)}
	q := NewQueue(g, QueueOptions{Size: 2, Block: true})
	done := make(chan struct{})
	go func() {
		defer close(done)
		write(t, q, "a", 0, 100)
	}()
	<-g.arrived
	if s := q.Stats(); s.Written != 0 || s.Waiting > 2 {
		t.Errorf("%+v: the queue is not bounded", s)
	}
	close(g.permit)
	<-done
	if err := q.Close(); err != nil {
		t.Error(err)
	}
	if s := q.Stats(); s != (Stats{Written: 100}) || len(g.stored) != 100 || g.stored[99] != "a 99" {
		t.Errorf("%+v, %d stored, want all 100", s, len(g.stored))
	}
}

func TestCloseReleasesBlockedWriters(t *testing.T) {
	g := &gate{permit: make(chan error), arrived: make(chan struct{}, 10)}
	q := NewQueue(g, QueueOptions{Size: 1, Block: true})
	write(t, q, "a", 0, 1)
	<-g.arrived
	blocked := make(chan error)
	go func() { blocked <- q.Write(&result.Frame{}) }()
	closed := make(chan error)
	go func() { closed <- q.Close() }()
	// Whether it waits already or comes later, it must come back without its frame.
	if err := <-blocked; !errors.Is(err, ErrClosed) {
		t.Errorf("blocked writer got %v, want ErrClosed", err)
	}
	close(g.permit)
	if err := <-closed; err != nil || g.closed != 1 {
		t.Errorf("close: %v, backend closed %d times", err, g.closed)
	}
	if err := q.Close(); err != nil || g.closed != 1 {
		t.Errorf("second close: %v, backend closed %d times", err, g.closed)
	}
	if err := q.Write(&result.Frame{}); !errors.Is(err, ErrClosed) {
		t.Errorf("write after close: %v, want ErrClosed", err)
	}
}

func TestFailuresAreCountedAndTold(t *testing.T) {
	g, log := &gate{permit: make(chan error, 10)}, &logged{}
	for _, err := range []error{nil, syscall.ENOSPC, syscall.ENOSPC, nil} {
		g.permit <- err
	}
	q := NewQueue(g, QueueOptions{Name: "full", Logger: slog.New(slog.NewTextHandler(log, nil)), interval: time.Hour})
	write(t, q, "a", 0, 4)
	err := q.Close()
	if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), `sink "full": 2 frames not written`) {
		t.Errorf("close: %v", err)
	}
	if s := q.Stats(); s != (Stats{Written: 2, Failed: 2}) || fmt.Sprint(g.stored) != "[a 0 a 3]" {
		t.Errorf("%+v, stored %v: after a failure it goes on", s, g.stored)
	}
	lines := log.lines()
	if len(lines) < 1 || len(lines) > 2 || !strings.Contains(lines[len(lines)-1], "failed_total=2") ||
		!strings.Contains(lines[0], `level=ERROR msg="sink cannot write" sink=full`) || !strings.Contains(lines[0], "no space left") {
		t.Errorf("log: %q", lines)
	}
}

func TestManyCamerasAtOnce(t *testing.T) {
	for _, block := range []bool{true, false} {
		g := &gate{}
		q := NewQueue(g, QueueOptions{Size: 8, Block: block})
		var writers sync.WaitGroup
		for c := range 16 {
			writers.Go(func() {
				for seq := range uint64(200) {
					if err := q.Write(&result.Frame{Camera: fmt.Sprint(c), Seq: seq}); err != nil {
						t.Error(err)
					}
				}
			})
		}
		writers.Wait()
		if err := q.Close(); err != nil {
			t.Error(err)
		}
		s := q.Stats()
		if s.Written+s.Dropped != 3200 || int(s.Written) != len(g.stored) || block && s.Dropped != 0 || s.Waiting != 0 {
			t.Errorf("block %v: %+v with %d stored", block, s, len(g.stored))
		}
		last := map[string]int{}
		for _, line := range g.stored {
			var camera string
			var seq int
			if _, err := fmt.Sscan(line, &camera, &seq); err != nil {
				t.Fatal(err)
			}
			if before, ok := last[camera]; ok && seq <= before {
				t.Fatalf("camera %s: frame %d after %d", camera, seq, before)
			}
			last[camera] = seq
		}
	}
}

func TestFrameMayBeReusedAfterWrite(t *testing.T) {
	g := &gate{permit: make(chan error)}
	q := NewQueue(g, QueueOptions{Size: 16})
	f := &result.Frame{Camera: "a"}
	for range 10 {
		if err := q.Write(f); err != nil {
			t.Fatal(err)
		}
		f.Seq++
	}
	close(g.permit)
	if err := q.Close(); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(g.stored, ","); got != "a 0,a 1,a 2,a 3,a 4,a 5,a 6,a 7,a 8,a 9" {
		t.Errorf("stored %s", got)
	}
}

// null takes everything and keeps nothing.
type null struct{ jsonLines }

func (null) Store(string, []byte) error { return nil }
func (null) Close() error               { return nil }

func TestWriteAllocatesNothing(t *testing.T) {
	q := NewQueue(null{}, QueueOptions{Size: 4, Block: true})
	f := &result.Frame{Camera: "a", Objects: make([]result.Object, 10)}
	run := func() {
		if err := q.Write(f); err != nil {
			t.Fatal(err)
		}
	}
	for range 100 {
		run()
	}
	if got := testing.AllocsPerRun(1000, run); got != 0 {
		t.Errorf("%v allocations a frame, want 0", got)
	}
	if err := q.Close(); err != nil {
		t.Error(err)
	}
}
