package pipeline

import (
	"io"
	"sync"
	"time"

	"sightline/internal/device"
)

// slot joins a decoder to a lane and bounds what lies between them to one picture. It implements
// device.PictureSink. The picture stays in the decoder; one that nobody looks at is given back.
//
// Live, the newest picture wins: one that waits is replaced and counted as dropped, so that latency
// cannot grow. Lossless, the decoder waits for the lane and nothing is dropped.
type slot struct {
	lossless bool
	// keepDamaged says that pictures which the decoder guessed parts of are passed on.
	keepDamaged bool
	// interval is the least time between two pictures that are passed on; 0 means all.
	interval time.Duration
	dropped  func(cause string)

	mutex   sync.Mutex
	changed *sync.Cond
	waiting *device.Picture
	due     time.Duration
	started bool
	// ended is set when no more pictures come; err says why, nil for the end of the stream.
	ended bool
	err   error
}

// Causes of drops, as the metrics name them.
const (
	// DroppedNewer: a newer picture came before the lane took this one.
	DroppedNewer = "newer"
	// DroppedRate: above the camera's frame rate limit.
	DroppedRate = "rate"
	// DroppedDamaged: the decoder guessed parts of it; see device.Picture.
	DroppedDamaged = "damaged"
)

func newSlot(lossless bool, maxFPS float64, dropped func(string)) *slot {
	s := &slot{lossless: lossless, dropped: dropped}
	if maxFPS > 0 {
		s.interval = time.Duration(float64(time.Second) / maxFPS)
	}
	s.changed = sync.NewCond(&s.mutex)
	return s
}

// Wants applies the frame rate limit, to spare the decoder what is not looked at. A live picture that waits is still replaced
// by a newer one: kept for long, it would hold its decoder up.
func (s *slot) Wants(pts time.Duration) bool {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.tooSoon(pts) && (s.lossless || s.waiting == nil) {
		s.dropped(DroppedRate)
		return false
	}
	return true
}

// Deliver passes a picture on to the lane.
func (s *slot) Deliver(p *device.Picture) {
	if old := s.put(p); old != nil {
		_ = old.Release() // not with the lock: the decoder has one of its own
	}
}

// put lets p wait for the lane, and returns the picture that nobody looks at, if there is one.
func (s *slot) put(p *device.Picture) (old *device.Picture) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if p.Damaged && !s.keepDamaged {
		s.dropped(DroppedDamaged)
		return p
	}
	cause := DroppedNewer
	switch soon := s.tooSoon(p.PTS); {
	case !soon:
		s.passed(p.PTS)
	case s.waiting == nil: // the lane has just taken the one that this would have replaced
		s.dropped(DroppedRate)
		return p
	default:
		cause = DroppedRate
	}
	for s.lossless && s.waiting != nil && !s.ended {
		s.changed.Wait()
	}
	if s.ended {
		return p
	}
	if old, s.waiting = s.waiting, p; old != nil {
		s.dropped(cause)
	}
	s.changed.Broadcast()
	return old
}

// tooSoon says that a picture is above the frame rate limit. Half a millisecond of slack keeps a limit that equals
// the camera's own rate from dropping pictures by rounding.
func (s *slot) tooSoon(pts time.Duration) bool {
	const slack = 500 * time.Microsecond
	return s.interval > 0 && s.started && pts+slack < s.due && s.due-pts <= s.interval
}

// passed sets when the next picture is due.
func (s *slot) passed(pts time.Duration) {
	if !s.started || pts > s.due+s.interval || s.due-pts > s.interval {
		s.due = pts // first picture, a gap, or a jump back
	}
	s.started = true
	s.due += s.interval
}

// Take returns the waiting picture, which the lane gives back. It returns io.EOF when the
// stream has ended and everything was taken, or the error it ended with.
func (s *slot) Take() (*device.Picture, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for s.waiting == nil && !s.ended {
		s.changed.Wait()
	}
	switch {
	case s.waiting != nil:
		p := s.waiting
		s.waiting = nil
		s.changed.Broadcast()
		return p, nil
	case s.err != nil:
		return nil, s.err
	}
	return nil, io.EOF
}

// Return puts a live picture back that was taken and not looked at, unless a newer one waits by now.
func (s *slot) Return(p *device.Picture) {
	s.mutex.Lock()
	newer := s.waiting != nil
	if newer {
		s.dropped(DroppedNewer)
	} else {
		s.waiting = p
	}
	s.mutex.Unlock()
	if newer {
		_ = p.Release()
	}
}

// End says that no more pictures come. A waiting picture can still be taken.
func (s *slot) End(err error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.ended {
		return
	}
	s.ended, s.err = true, err
	s.changed.Broadcast()
}

// Close gives back what waits; the lane has stopped.
func (s *slot) Close() error {
	s.End(device.ErrClosed)
	s.mutex.Lock()
	p := s.waiting
	s.waiting = nil
	s.mutex.Unlock()
	if p == nil {
		return nil
	}
	return p.Release()
}
