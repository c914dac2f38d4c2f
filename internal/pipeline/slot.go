package pipeline

import (
	"errors"
	"io"
	"sync"
	"time"

	"sightline/internal/device"
)

// pictures is how many pictures a slot owns: one being filled, one waiting, one in work.
const pictures = 3

// slot joins a decoder to a lane and bounds what lies between them to one picture. It implements
// device.PictureSink.
//
// Live, the newest picture wins: one that waits is replaced and counted as dropped, so that latency
// cannot grow. Lossless, the decoder waits for the lane and nothing is dropped.
type slot struct {
	pool     *device.Pool
	owner    string
	lossless bool
	// keepDamaged says that pictures which the decoder guessed parts of are passed on.
	keepDamaged bool
	// interval is the least time between two pictures that are passed on; 0 means all.
	interval time.Duration
	dropped  func(cause string)

	mutex   sync.Mutex
	changed *sync.Cond
	format  device.PictureFormat
	owned   int
	free    []*device.Picture
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

func newSlot(pool *device.Pool, owner string, lossless bool, maxFPS float64, dropped func(string)) *slot {
	s := &slot{pool: pool, owner: owner, lossless: lossless, dropped: dropped}
	if maxFPS > 0 {
		s.interval = time.Duration(float64(time.Second) / maxFPS)
	}
	s.changed = sync.NewCond(&s.mutex)
	return s
}

// Wants applies the frame rate limit, to spare the decoder what is not looked at.
func (s *slot) Wants(pts time.Duration) bool {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.tooSoon(pts) {
		s.dropped(DroppedRate)
		return false
	}
	return true
}

// Acquire gives the decoder a picture to fill. When the format changes, pictures of the old one are
// replaced as they come back.
func (s *slot) Acquire(f device.PictureFormat) (*device.Picture, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for {
		if s.ended {
			return nil, device.ErrClosed
		}
		if s.format != f {
			if err := s.discardFree(); err != nil {
				return nil, err
			}
			s.format = f
		}
		if n := len(s.free); n > 0 {
			p := s.free[n-1]
			s.free = s.free[:n-1]
			return p, nil
		}
		if s.owned < pictures {
			buffer, err := s.pool.Alloc(s.owner, "decoded picture", device.OnDevice, f.Size())
			if err != nil {
				return nil, err
			}
			s.owned++
			return &device.Picture{PictureFormat: f, Buffer: buffer}, nil
		}
		s.changed.Wait()
	}
}

func (s *slot) discardFree() error {
	var errs []error
	for _, p := range s.free {
		errs = append(errs, p.Close())
		s.owned--
	}
	s.free = s.free[:0]
	return errors.Join(errs...)
}

// Deliver passes a picture on to the lane.
func (s *slot) Deliver(p *device.Picture) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if p.Damaged && !s.keepDamaged {
		s.dropped(DroppedDamaged)
		s.giveBack(p)
		return
	}
	s.passed(p.PTS)
	for s.lossless && s.waiting != nil && !s.ended {
		s.changed.Wait()
	}
	if s.ended {
		s.giveBack(p)
		return
	}
	if s.waiting != nil {
		s.dropped(DroppedNewer)
		s.giveBack(s.waiting)
	}
	s.waiting = p
	s.changed.Broadcast()
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

// Release takes back a picture that the decoder or the lane has done with.
func (s *slot) Release(p *device.Picture) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.giveBack(p)
}

func (s *slot) giveBack(p *device.Picture) {
	if p.PictureFormat != s.format || s.ended {
		_ = p.Close()
		s.owned--
	} else {
		s.free = append(s.free, p)
	}
	s.changed.Broadcast()
}

// Take returns the waiting picture; the lane gives it back with Release. It returns io.EOF when the
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

// End says that no more pictures come. A waiting picture can still be taken.
func (s *slot) End(err error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.ended {
		return
	}
	s.ended, s.err = true, err
	_ = s.discardFree()
	s.changed.Broadcast()
}

// Close gives all memory back; the decoder is closed and the lane has stopped.
func (s *slot) Close() error {
	s.End(device.ErrClosed)
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.waiting != nil {
		_ = s.waiting.Close()
		s.waiting = nil
		s.owned--
	}
	return s.discardFree()
}
