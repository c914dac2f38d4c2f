package pipeline

import (
	"errors"
	"io"
	"sync/atomic"
	"testing"
	"time"

	"sightline/internal/device"
)

// surface is a picture in a decoder that counts those it holds.
type surface struct {
	picture device.Picture
	out     *atomic.Int64
}

func (p *surface) Open(device.Stream) (device.Planes, error) { return device.Planes{}, nil }

func (p *surface) Release() error {
	p.out.Add(-1)
	return nil
}

func newTestSlot(lossless bool, fps float64) (*slot, *atomic.Int64, map[string]int) {
	drops := map[string]int{}
	return newSlot(lossless, fps, func(cause string) { drops[cause]++ }), &atomic.Int64{}, drops
}

// decoded is a picture that out counts until it is given back.
func decoded(out *atomic.Int64, pts time.Duration) *device.Picture {
	out.Add(1)
	p := &surface{out: out}
	p.picture = device.Picture{Surface: p, PTS: pts}
	return &p.picture
}

func giveBack(t *testing.T, p *device.Picture) {
	t.Helper()
	if err := p.Release(); err != nil {
		t.Error(err)
	}
}

func TestNewestPictureWins(t *testing.T) {
	s, out, drops := newTestSlot(false, 0)
	for i := range 10 {
		s.Deliver(decoded(out, time.Duration(i)))
	}
	p, err := s.Take()
	if err != nil || p.PTS != 9 || drops[DroppedNewer] != 9 {
		t.Fatalf("took %v, %v, drops %v", p, err, drops)
	}
	giveBack(t, p)
	s.End(nil)
	if _, err := s.Take(); !errors.Is(err, io.EOF) {
		t.Errorf("got %v", err)
	}
	if err := s.Close(); err != nil || out.Load() != 0 {
		t.Errorf("%v, %d pictures are out", err, out.Load())
	}
}

func TestReturnedPictures(t *testing.T) {
	s, out, drops := newTestSlot(false, 0)
	s.Deliver(decoded(out, 1))
	p, _ := s.Take()
	s.Return(p)
	if again, err := s.Take(); again != p || err != nil || len(drops) != 0 {
		t.Fatalf("nothing newer came: took %v, %v, drops %v", again, err, drops)
	}
	s.Deliver(decoded(out, 2))
	s.Return(p)
	if newer, err := s.Take(); err != nil || newer.PTS != 2 || drops[DroppedNewer] != 1 || out.Load() != 1 {
		t.Fatalf("a newer one came: took %v, %v, drops %v, %d are out", newer, err, drops, out.Load())
	} else {
		giveBack(t, newer)
	}
	if err := s.Close(); err != nil || out.Load() != 0 {
		t.Errorf("%v, %d pictures are out", err, out.Load())
	}
}

func TestLosslessDropsNothing(t *testing.T) {
	s, out, drops := newTestSlot(true, 0)
	const n = 500
	go func() {
		for i := range n {
			s.Deliver(decoded(out, time.Duration(i)))
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
		giveBack(t, p)
	}
	if err := s.Close(); err != nil || out.Load() != 0 || len(drops) != 0 {
		t.Errorf("%v, %d, drops %v", err, out.Load(), drops)
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
		s, out, drops := newTestSlot(false, c.limit)
		got := 0
		for i := range c.of {
			if pts := time.Duration(i) * c.camera; s.Wants(pts) {
				s.Deliver(decoded(out, pts))
			}
			if s.waiting != nil {
				p, _ := s.Take()
				giveBack(t, p)
				got++
			}
		}
		if got != c.want || drops[DroppedRate] != c.of-c.want {
			t.Errorf("limit %v of %v: %d passed, want %d, drops %v", c.limit, c.camera, got, c.want, drops)
		}
	}
}

func TestRateLimitSurvivesAJumpBack(t *testing.T) {
	s, out, _ := newTestSlot(false, 10)
	s.Deliver(decoded(out, time.Hour))
	p, _ := s.Take()
	giveBack(t, p)
	if !s.Wants(0) {
		t.Error("nothing passes after the clock was set back")
	}
}

// TestADamagedPictureIsNotThePictureThatWasDue: the next one is wanted in its place.
func TestADamagedPictureIsNotThePictureThatWasDue(t *testing.T) {
	s, out, _ := newTestSlot(false, 1)
	for i, damaged := range []bool{true, false, false} {
		pts := time.Duration(i) * 100 * time.Millisecond
		if wanted := s.Wants(pts); wanted != (i < 2) {
			t.Fatalf("picture %d: wanted %t", i, wanted)
		} else if wanted {
			p := decoded(out, pts)
			p.Damaged = damaged
			s.Deliver(p)
		}
		if i == 1 {
			p, _ := s.Take()
			giveBack(t, p)
		}
	}
}

// TestTheNewestWaitsAboveTheRateLimit: what waits for a slow lane is replaced, or its decoder would be held up; what the lane
// gets keeps to the limit.
func TestTheNewestWaitsAboveTheRateLimit(t *testing.T) {
	s, out, drops := newTestSlot(false, 1)
	deliver := func(i int) {
		if pts := time.Duration(i) * 40 * time.Millisecond; s.Wants(pts) {
			s.Deliver(decoded(out, pts))
		}
	}
	for i := range 100 {
		deliver(i)
		if n := out.Load(); n != 1 {
			t.Fatalf("after picture %d %d are out, want the one that waits", i, n)
		}
	}
	p, err := s.Take()
	if err != nil || p.PTS != 99*40*time.Millisecond || drops[DroppedRate] != 96 || drops[DroppedNewer] != 3 {
		t.Fatalf("took %v, %v, drops %v", p, err, drops)
	}
	giveBack(t, p)
	deliver(99)
	if drops[DroppedRate] != 97 || s.waiting != nil {
		t.Errorf("a picture above the limit with nothing waiting: drops %v, waiting %v", drops, s.waiting)
	}
	if err := s.Close(); err != nil || out.Load() != 0 {
		t.Errorf("%v, %d pictures are out", err, out.Load())
	}
}

// TestEndWakesADecoder: it waits for the lane, which has stopped; what nobody takes goes back.
func TestEndWakesADecoder(t *testing.T) {
	s, out, _ := newTestSlot(true, 0)
	s.Deliver(decoded(out, 1))
	done := make(chan struct{})
	go func() {
		s.Deliver(decoded(out, 2))
		close(done)
	}()
	for out.Load() < 2 {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(20 * time.Millisecond) // for it to wait
	s.End(nil)
	<-done
	if n := out.Load(); n != 1 {
		t.Errorf("%d pictures are out, want the one that waits", n)
	}
	if err := s.Close(); err != nil || out.Load() != 0 {
		t.Errorf("%v, %d pictures are out", err, out.Load())
	}
}

func TestDamagedPictures(t *testing.T) {
	for _, c := range []struct {
		keep bool
		want int
	}{{false, 1}, {true, 0}} {
		s, out, drops := newTestSlot(false, 0)
		s.keepDamaged = c.keep
		p := decoded(out, 1)
		p.Damaged = true
		s.Deliver(p)
		if drops[DroppedDamaged] != c.want || (s.waiting == nil) != (c.want == 1) {
			t.Errorf("keep %t: drops %v, waiting %v", c.keep, drops, s.waiting)
		}
		if err := s.Close(); err != nil || out.Load() != 0 {
			t.Errorf("%v, %d pictures are out", err, out.Load())
		}
	}
}
