package cuda

import (
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"sightline/internal/device"
	"sightline/internal/media"
	driver "sightline/internal/native/cuda"
)

// queue is a sink that works as a pipeline's slot does: three pictures, of which the newest waits for the lane.
type queue struct {
	t        *testing.T
	device   *Device
	lossless bool
	wants    func() bool

	mutex   sync.Mutex
	changed *sync.Cond
	format  device.PictureFormat
	free    []*device.Picture
	owned   int
	waiting *device.Picture
	ended   bool
}

func (q *queue) Wants(time.Duration) bool { return q.wants() }

func (q *queue) Acquire(f device.PictureFormat) (*device.Picture, error) {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	for !q.ended {
		if q.format != f {
			q.discard()
			q.format = f
		}
		if n := len(q.free); n > 0 {
			p := q.free[n-1]
			q.free = q.free[:n-1]
			return p, nil
		}
		if q.owned < 3 {
			b, err := q.device.Pool().Alloc("queue", "picture", device.OnDevice, f.Size())
			q.owned++
			return &device.Picture{PictureFormat: f, Buffer: b}, err
		}
		q.changed.Wait()
	}
	return nil, device.ErrClosed
}

func (q *queue) discard() {
	for _, p := range q.free {
		q.close(p)
	}
	q.free = nil
}

func (q *queue) close(p *device.Picture) {
	if err := p.Close(); err != nil {
		q.t.Error(err)
	}
	q.owned--
}

func (q *queue) giveBack(p *device.Picture) {
	if p.PictureFormat != q.format || q.ended {
		q.close(p)
	} else {
		q.free = append(q.free, p)
	}
	q.changed.Broadcast()
}

func (q *queue) Release(p *device.Picture) {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	q.giveBack(p)
}

func (q *queue) Deliver(p *device.Picture) {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	for q.lossless && q.waiting != nil && !q.ended {
		q.changed.Wait()
	}
	if q.waiting != nil {
		q.giveBack(q.waiting)
	}
	q.waiting = p
	q.changed.Broadcast()
}

// take is nil at the end.
func (q *queue) take() *device.Picture {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	for q.waiting == nil && !q.ended {
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
	q.discard()
	q.changed.Broadcast()
}

// look is a lane: it reads every picture on a stream of its own and wants every pixel to be of the unit it was made from.
func (q *queue) look(slow time.Duration) {
	s, err := q.device.NewStream("lane")
	if err != nil {
		q.t.Error(err)
		return
	}
	for p := q.take(); p != nil; p = q.take() {
		host, err := q.device.Pool().Alloc("lane", "copy", device.Pinned, p.Size())
		if err := errors.Join(err, p.Await(s), s.Copy(host, p.Buffer), s.Synchronize()); err != nil {
			q.t.Error(err)
		}
		if v := uniform(host.Bytes()[:p.Pitch*p.Height], p.Pitch, p.Width); v != int(p.PTS)&255 {
			q.t.Errorf("picture of unit %d has the pixels of %d", p.PTS, v)
		}
		time.Sleep(slow)
		q.Release(p)
		if err := host.Close(); err != nil {
			q.t.Error(err)
		}
	}
	if err := s.Close(); err != nil {
		q.t.Error(err)
	}
}

// TestDecoderAtRandom: streams of any order, size and damage, lanes of any speed, and a decoder that is closed at any moment.
// No picture is overwritten while it is read, and nothing stays behind.
func TestDecoderAtRandom(t *testing.T) {
	d := openDevice(t, t.TempDir())
	for seed := range uint64(60) {
		decodeAtRandom(t, d, rand.New(rand.NewPCG(seed, 7)))
		if u := d.Pool().Usage(); u.Buffers != 0 {
			t.Errorf("%d buffers are left", u.Buffers)
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
	running.Go(func() { q.look(slow) })
	closing := units
	if r.IntN(3) == 0 {
		closing = r.IntN(units)
	}
	stop := func() {
		running.Go(func() { // the decoder may wait in the sink until it ends
			time.Sleep(3 * time.Millisecond)
			q.end()
		})
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

// TestDecodeDoesNotWaitForACopy: on a busy GPU a copy takes its time, and units are taken meanwhile.
func TestDecodeDoesNotWaitForACopy(t *testing.T) {
	second := make(chan struct{})
	g := &gallery{t: t, device: openDevice(t, t.TempDir()), keep: true, wants: func(pts time.Duration) bool {
		if pts == 2 {
			close(second)
		}
		return true
	}}
	c := g.decoder(t, device.DecoderOptions{}).(*decoder)
	hold := make(chan struct{})
	busy := driver.NewHostFunction(func() { <-hold }, true)
	if err := c.device.do(func() error { return c.stream.Call(busy) }); err != nil {
		t.Fatal(err)
	}
	taken := make(chan error, 1)
	go func() {
		err := errors.Join(c.Decode(unit(1, small+whole)), c.Decode(unit(2, whole)))
		<-second
		time.Sleep(50 * time.Millisecond) // the second picture now waits for the first one's copy
		taken <- errors.Join(err, c.Decode(unit(3, whole)))
	}()
	select {
	case err := <-taken:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(5 * time.Second):
		t.Error("a unit waits for the copy of a picture before it")
	}
	close(hold)
	if err := errors.Join(c.Flush(), c.Close()); err != nil || len(g.kept) != 3 {
		t.Errorf("%v, %d pictures", err, len(g.kept))
	}
	for _, p := range g.kept {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}
}
