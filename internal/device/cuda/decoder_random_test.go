package cuda

import (
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sightline/internal/device"
	"sightline/internal/media"
)

// queue is a sink that works as a pipeline's slot does: the newest picture waits for the lane.
type queue struct {
	t        *testing.T
	device   *Device
	lossless bool
	wants    func() bool

	mutex   sync.Mutex
	changed *sync.Cond
	waiting *device.Picture
	ended   bool
	// closed says that the decoder may be closed.
	closed atomic.Bool
}

func (q *queue) Wants(time.Duration) bool { return q.wants() }

func (q *queue) Deliver(p *device.Picture) {
	q.mutex.Lock()
	for q.lossless && q.waiting != nil && !q.ended {
		q.changed.Wait()
	}
	old := q.waiting
	if q.waiting = p; q.ended {
		old, q.waiting = p, old
	}
	q.changed.Broadcast()
	q.mutex.Unlock()
	q.giveBack(old)
}

func (q *queue) giveBack(p *device.Picture) {
	if p == nil {
		return
	}
	if err := p.Release(); err != nil {
		q.t.Error(err)
	}
}

// take is nil at the end, or where it shall not wait and there is none.
func (q *queue) take(wait bool) *device.Picture {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	for wait && q.waiting == nil && !q.ended {
		q.changed.Wait()
	}
	p := q.waiting
	q.waiting = nil
	q.changed.Broadcast()
	return p
}

func (q *queue) end() {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	q.ended = true
	q.changed.Broadcast()
}

// lane takes pictures, of which it has two at times, looks at some, and lets others give them back.
func (q *queue) lane(r *rand.Rand, slow time.Duration) {
	s, err := q.device.NewStream("lane")
	if err != nil {
		q.t.Error(err)
		return
	}
	back := make(chan *device.Picture, 1)
	var others sync.WaitGroup
	others.Go(func() {
		for p := range back {
			q.giveBack(p)
		}
	})
	var last *device.Picture
	for {
		p := q.take(last == nil) // who has a picture must not wait for the decoder
		q.giveBack(last)
		if p == nil && last == nil {
			break
		}
		if last = nil; p == nil {
			continue
		}
		switch r.IntN(8) {
		case 0:
			q.giveBack(p)
		case 1:
			last = p // and open it never
		case 2:
			back <- p
		default:
			q.look(s, p, slow)
			if r.IntN(2) == 0 {
				q.giveBack(p)
			} else {
				last = p
				time.Sleep(slow)
			}
		}
	}
	close(back)
	others.Wait()
	if err := s.Close(); err != nil {
		q.t.Error(err)
	}
}

// look reads a picture and wants every pixel to be of the unit it was made from.
func (q *queue) look(s device.Stream, p *device.Picture, slow time.Duration) {
	host, err := q.device.Pool().Alloc("lane", "copy", device.Pinned, p.Size())
	if err != nil {
		q.t.Error(err)
		return
	}
	if err := s.CopyPicture(host, p); err != nil {
		if !errors.Is(err, device.ErrClosed) || !q.closed.Load() {
			q.t.Error(err)
		}
	} else {
		time.Sleep(slow)
		err := errors.Join(s.CopyPicture(host, p), s.Synchronize())
		if v := uniform(host.Bytes()[:p.Pitch*p.Height], p.Pitch, p.Width); err != nil || v != int(p.PTS)&255 {
			q.t.Errorf("%v, the picture of unit %d has the pixels of %d", err, p.PTS, v)
		}
	}
	if err := host.Close(); err != nil {
		q.t.Error(err)
	}
}

// TestDecoderAtRandom: streams of any order, size and damage, lanes of any speed, and a decoder that is closed at any moment.
// No picture is overwritten while it is read, and nothing stays behind.
func TestDecoderAtRandom(t *testing.T) {
	d := openDevice(t, t.TempDir())
	for seed := range uint64(60) {
		decodeAtRandom(t, d, rand.New(rand.NewPCG(seed, 7)))
		if u, n := d.Pool().Usage(), d.decoders.Load(); u.Buffers != 0 || n != 0 {
			t.Errorf("%d buffers and %d decoders are left", u.Buffers, n)
		}
		if t.Failed() {
			t.Fatalf("with seed %d", seed)
		}
	}
}

func decodeAtRandom(t *testing.T, d *Device, r *rand.Rand) {
	const units = 40
	part := r.IntN(3) + 1
	asked := 0
	q := &queue{t: t, device: d, lossless: r.IntN(2) == 0, wants: func() bool { asked++; return asked%part == 0 }}
	q.changed = sync.NewCond(&q.mutex)
	c, err := d.NewDecoder(device.DecoderOptions{Owner: "random", Output: q, LowDelay: r.IntN(2) == 0,
		Format: media.Format{Codec: media.H264, Width: 320, Height: 152, Matrix: "bt601"}})
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	slow := time.Duration(r.IntN(3)) * 300 * time.Microsecond
	choices := rand.New(rand.NewPCG(r.Uint64(), 7))
	running.Go(func() { q.lane(choices, slow) })
	closing := units
	if r.IntN(3) == 0 {
		closing = r.IntN(units)
	}
	stop := func() {
		running.Go(func() { // the decoder may wait in the sink until it ends
			time.Sleep(3 * time.Millisecond)
			q.end()
		})
		q.closed.Store(true)
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	sizes := []string{small, large, "S\x14\x0a\x08\x05", "S\x20\x10\x08\x02"}
	pieces := []string{whole, "P\x01", whole, "R", "P\x01R", "B\x02" + whole, "P\x09"}
	for i := range units {
		if i == closing {
			running.Go(stop)
		}
		data := small + whole
		if i > 0 {
			data = ""
			if r.IntN(12) == 0 {
				data = sizes[r.IntN(len(sizes))] + whole
			}
			for range 1 + r.IntN(3) {
				data += pieces[r.IntN(len(pieces))]
			}
		}
		if err := c.Decode(media.AccessUnit{Data: []byte(data), PTS: time.Duration(i + 1), Key: data[0] == 'S'}); err != nil {
			if closing == units {
				t.Error(err)
			}
			break
		}
	}
	if closing == units {
		if err := c.Flush(); err != nil {
			t.Error(err)
		}
		stop()
	}
	running.Wait()
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}
