package pipeline

import (
	"errors"
	"io"
	"testing"
	"time"

	"sightline/internal/device"
)

type plainMemory []byte

func (m plainMemory) Address() uintptr { return 0 }
func (m plainMemory) Bytes() []byte    { return m }
func (m plainMemory) Free() error      { return nil }

type plainAllocator struct{}

func (plainAllocator) Allocate(_ device.Space, n int64) (device.Memory, error) {
	return make(plainMemory, n), nil
}

func newTestSlot(lossless bool, fps float64) (*slot, *device.Pool, map[string]int) {
	pool, drops := device.NewPool(plainAllocator{}, 0), map[string]int{}
	return newSlot(pool, "gate", lossless, fps, func(cause string) { drops[cause]++ }), pool, drops
}

func fill(t *testing.T, s *slot, pts time.Duration) *device.Picture {
	t.Helper()
	p, err := s.Acquire(device.PictureFormat{Width: 4, Height: 4, Pitch: 4, Matrix: "bt601"})
	if err != nil {
		t.Fatal(err)
	}
	p.PTS = pts
	return p
}

func TestNewestPictureWins(t *testing.T) {
	s, pool, drops := newTestSlot(false, 0)
	for i := range 10 {
		s.Deliver(fill(t, s, time.Duration(i)))
	}
	p, err := s.Take()
	if err != nil || p.PTS != 9 || drops[DroppedNewer] != 9 {
		t.Fatalf("took %v, %v, drops %v", p, err, drops)
	}
	s.Release(p)
	s.End(nil)
	if _, err := s.Take(); !errors.Is(err, io.EOF) {
		t.Errorf("got %v", err)
	}
	if err := s.Close(); err != nil || pool.Usage().Used != 0 {
		t.Errorf("%v, %s", err, pool.Usage())
	}
}

func TestLosslessDropsNothing(t *testing.T) {
	s, pool, drops := newTestSlot(true, 0)
	const n = 500
	go func() {
		for i := range n {
			p, err := s.Acquire(device.PictureFormat{Width: 4, Height: 4, Pitch: 4})
			if err != nil {
				t.Error(err)
				break
			}
			p.PTS = time.Duration(i)
			s.Deliver(p)
		}
		s.End(nil)
	}()
	for i := 0; ; i++ {
		p, err := s.Take()
		if errors.Is(err, io.EOF) {
			if i != n {
				t.Errorf("%d pictures", i)
			}
			break
		}
		if err != nil || p.PTS != time.Duration(i) {
			t.Fatalf("picture %d: %v, %v", i, p, err)
		}
		s.Release(p)
	}
	if err := s.Close(); err != nil || pool.Usage().Used != 0 || len(drops) != 0 {
		t.Errorf("%v, %s, drops %v", err, pool.Usage(), drops)
	}
}

func TestRateLimit(t *testing.T) {
	for _, c := range []struct {
		limit    float64
		camera   time.Duration
		of, want int
	}{
		{10, 100 * time.Millisecond, 100, 100},
		{5, 100 * time.Millisecond, 100, 50},
		{4, 100 * time.Millisecond, 100, 40},
		{30, 100 * time.Millisecond, 100, 100},
		{0, time.Millisecond, 100, 100},
	} {
		s, _, drops := newTestSlot(false, c.limit)
		got := 0
		for i := range c.of {
			if pts := time.Duration(i) * c.camera; s.Wants(pts) {
				s.Deliver(fill(t, s, pts))
			}
			if s.waiting != nil {
				p, _ := s.Take()
				s.Release(p)
				got++
			}
		}
		if got != c.want || drops[DroppedRate] != c.of-c.want {
			t.Errorf("limit %v of %v: %d passed, want %d, drops %v", c.limit, c.camera, got, c.want, drops)
		}
	}
}

func TestRateLimitSurvivesAJumpBack(t *testing.T) {
	s, _, _ := newTestSlot(false, 10)
	s.Deliver(fill(t, s, time.Hour))
	p, _ := s.Take()
	s.Release(p)
	if !s.Wants(0) {
		t.Error("nothing passes after the clock was set back")
	}
}

// TestADamagedPictureIsNotThePictureThatWasDue: the next one is wanted in its place.
func TestADamagedPictureIsNotThePictureThatWasDue(t *testing.T) {
	s, _, _ := newTestSlot(false, 1)
	for i, damaged := range []bool{true, false, false} {
		pts := time.Duration(i) * 100 * time.Millisecond
		if wanted := s.Wants(pts); wanted != (i < 2) {
			t.Fatalf("picture %d: wanted %t", i, wanted)
		} else if wanted {
			p := fill(t, s, pts)
			p.Damaged = damaged
			s.Deliver(p)
		}
	}
}

func TestFormatChangeReplacesPictures(t *testing.T) {
	s, pool, _ := newTestSlot(false, 0)
	old := fill(t, s, 0)
	p, err := s.Acquire(device.PictureFormat{Width: 8, Height: 8, Pitch: 8})
	if err != nil || p.Buffer.Size() != 96 {
		t.Fatal(p, err)
	}
	s.Release(old)
	s.Release(p)
	if used := pool.Usage().Used; used != 96 {
		t.Errorf("%d bytes held, want those of the new format only", used)
	}
	if err := s.Close(); err != nil || pool.Usage().Used != 0 {
		t.Error(err, pool.Usage())
	}
}

func TestEndWakesADecoder(t *testing.T) {
	s, _, _ := newTestSlot(true, 0)
	for range pictures {
		fill(t, s, 0)
	}
	done := make(chan error)
	go func() {
		_, err := s.Acquire(s.format)
		done <- err
	}()
	s.End(nil)
	if err := <-done; !errors.Is(err, device.ErrClosed) {
		t.Errorf("got %v", err)
	}
}

func TestDamagedPictures(t *testing.T) {
	for _, c := range []struct {
		keep bool
		want int
	}{{false, 1}, {true, 0}} {
		s, pool, drops := newTestSlot(false, 0)
		s.keepDamaged = c.keep
		p := fill(t, s, 1)
		p.Damaged = true
		s.Deliver(p)
		if drops[DroppedDamaged] != c.want || (s.waiting == nil) != (c.want == 1) {
			t.Errorf("keep %t: drops %v, waiting %v", c.keep, drops, s.waiting)
		}
		if err := s.Close(); err != nil || pool.Usage().Used != 0 {
			t.Errorf("%v, %s", err, pool.Usage())
		}
	}
}
