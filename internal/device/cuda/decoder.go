package cuda

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"sightline/internal/device"
	"sightline/internal/media"
	"sightline/internal/native/nvcuvid"
)

// decoder is one camera's NVDEC session. Decode parses and starts the hardware; a goroutine of the decoder's waits until
// each picture is decoded and delivers it. The picture stays where it was decoded: who looks at it maps it, and gives it
// back; see surface.
type decoder struct {
	device  *Device
	options device.DecoderOptions
	stopped sync.WaitGroup

	// using guards the rest. It is held while the library is called, but not while anything but the parser waits for
	// the hardware, for the sink or for changed.
	using   sync.Mutex
	changed *sync.Cond
	video   *nvcuvid.Decoder
	pending []pendingUnit
	seq     uint64
	// free are surfaces that were given back, to be used again.
	free []*surface
	// late is how many more pictures are copied when they are opened, into copied: see surface.evade.
	late   int
	copied *device.Buffer
	// starved is set while the parser waits for pictures to be given back, opened while one is open, left when the decoder
	// was closed meanwhile: it then goes with that picture.
	starved, opened, left bool
	// calling is set during Decode and Flush, filling from when a picture is taken from video until it is
	// delivered.
	calling, filling bool
	flushed, closed  bool
	// failed is why no more pictures come out; the next call returns it.
	failed error
	pause  pause
	// damaged lasts from a picture that the hardware could not decode whole to the next key picture.
	damaged bool
}

// pendingUnit is an access unit whose picture has not come out.
type pendingUnit struct {
	stamp     int64
	pts       time.Duration
	time      time.Time
	timeError time.Duration
	submitted time.Time
	key       bool
}

// maxPending bounds the units that are waited for: those of damaged pictures never come out.
const maxPending = 256

// queued is how many pictures, shown by the parser but not delivered, make a decoder wait with the next unit. The
// driver queues four, but its way to wait for a place takes a processor much of the time.
const queued = 3

// patience is how long a decoder asks whether a picture is decoded before it lets the driver wait, or say what is wrong.
const patience = time.Second

// ahead is how many surfaces a decoder has beyond what the stream needs. When a unit is taken, two pictures before it may
// be shown but not delivered (see queued), and two delivered but not given back: one that waits for the lane, and one
// that the lane looks at.
const ahead = 4

var codecs = map[media.Codec]nvcuvid.Codec{
	media.H264: nvcuvid.H264, media.H265: nvcuvid.HEVC, media.VP9: nvcuvid.VP9, media.AV1: nvcuvid.AV1,
}

// NewDecoder implements device.Device.
func (d *Device) NewDecoder(o device.DecoderOptions) (device.Decoder, error) {
	if err := d.refusal(); err != nil {
		return nil, fmt.Errorf("decoder for %s: %w", o.Owner, err)
	}
	codec, ok := codecs[o.Format.Codec]
	if !ok {
		return nil, fmt.Errorf("decoder for %s: codec %q: expected h264, h265, vp9 or av1", o.Owner, o.Format.Codec)
	}
	c := &decoder{device: d, options: o}
	c.changed = sync.NewCond(&c.using)
	err := d.do(func() (err error) {
		caps, err := d.caps(nvcuvid.Kind{Codec: codec, Chroma: nvcuvid.Chroma420, BitDepth: 8})
		if err != nil {
			return err
		}
		if caps.Supported == 0 {
			return fmt.Errorf("%s does not decode %s", d.name, o.Format.Codec)
		}
		if w, h := o.Format.Width, o.Format.Height; w > int(caps.MaxWidth) || h > int(caps.MaxHeight) {
			return fmt.Errorf("%s decodes %s up to %dx%d, the stream is %dx%d", d.name, o.Format.Codec, caps.MaxWidth, caps.MaxHeight, w, h)
		}
		c.video, err = nvcuvid.NewDecoder(nvcuvid.Config{
			Codec: codec, Outputs: 1, Extra: ahead, Room: c.vacate, Caps: d.caps, LowDelay: o.LowDelay,
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("decoder for %s: %w", o.Owner, err)
	}
	d.decoders.Add(1)
	c.stopped.Go(c.run)
	return c, nil
}

// caps asks the driver once for every kind of stream.
func (d *Device) caps(k nvcuvid.Kind) (nvcuvid.Caps, error) {
	d.asking.Lock()
	defer d.asking.Unlock()
	caps, known := d.decodable[k]
	if known {
		return caps, nil
	}
	caps, err := nvcuvid.QueryCaps(k)
	if err == nil {
		d.decodable[k] = caps
	}
	return caps, err
}

// Decode implements device.Decoder.
func (c *decoder) Decode(au media.AccessUnit) error {
	submitted := time.Now()
	return c.call("decode", func() error {
		stamp := int64(au.PTS)
		if len(c.pending) == maxPending {
			c.pending = c.pending[:copy(c.pending, c.pending[1:])]
		}
		c.pending = append(c.pending, pendingUnit{stamp, au.PTS, au.Time, au.TimeError, submitted, au.Key})
		if au.Discontinuity {
			c.video.Discontinuity()
		}
		return c.video.Decode(au.Data, stamp)
	})
}

// Flush implements device.Decoder.
func (c *decoder) Flush() error {
	return c.call("flush", func() error {
		c.flushed = true
		delivered := func() bool { return !c.filling && c.video.Ready() == 0 }
		return errors.Join(c.video.Flush(), c.until(delivered))
	})
}

// call runs what a caller asks for once the hardware has room, and lets the pictures that come of it be delivered.
func (c *decoder) call(what string, f func() error) error {
	c.using.Lock()
	defer c.using.Unlock()
	err := c.until(c.room)
	if err == nil && c.flushed {
		err = fmt.Errorf("decoder: %w", device.ErrClosed)
	}
	if err == nil {
		c.calling = true
		err = c.device.do(f)
		c.calling = false
		c.changed.Broadcast()
	}
	if err != nil {
		return fmt.Errorf("%s for %s: %w", what, c.options.Owner, err)
	}
	return nil
}

// room says whether the hardware's queue takes another unit at once.
func (c *decoder) room() bool {
	inWork := c.video.Ready()
	if c.filling {
		inWork++
	}
	return inWork < queued
}

// vacate is until for the parser, which waits for surfaces: those that are given back count as well. Whoever looks at
// pictures goes on meanwhile, and needs nothing of the parser for it.
func (c *decoder) vacate(enough func() bool) error {
	if c.opened && !enough() {
		c.late = lateness
	}
	c.starved = true
	err := c.until(enough)
	c.starved = false
	return err
}

// until lets pictures be delivered until enough are. It gives using back meanwhile: also inside the parser,
// which then waits as well.
func (c *decoder) until(enough func() bool) error {
	for {
		switch {
		case c.closed:
			return fmt.Errorf("decoder: %w", device.ErrClosed)
		case c.failed != nil:
			return c.failed
		case enough():
			return nil
		}
		c.changed.Broadcast()
		c.changed.Wait()
	}
}

// run delivers pictures until the decoder is closed or one cannot be delivered.
func (c *decoder) run() {
	c.using.Lock()
	defer c.using.Unlock()
	for c.failed == nil {
		for !c.closed && c.video.Ready() == 0 {
			c.changed.Wait()
		}
		if c.closed {
			return
		}
		c.filling = true
		c.failed = c.deliver()
		c.filling = false
		c.changed.Broadcast()
	}
}

// deliver hands the next picture to the sink, if it wants it, without using while it waits.
func (c *decoder) deliver() error {
	shown, _ := c.video.Next()
	unit := c.take(shown.Timestamp)
	f := c.video.Format()
	c.using.Unlock()
	wanted := c.options.Output.Wants(unit.pts)
	c.using.Lock()
	damage, err := c.await(shown)
	if err != nil {
		return err
	}
	seq := c.seq
	c.seq++
	c.damaged = damage != nvcuvid.NoDamage || c.damaged && !unit.key
	if !wanted {
		c.video.Skip(shown)
		return nil
	}
	p := c.hold(shown)
	p.picture = device.Picture{
		PictureFormat: device.PictureFormat{
			Width: f.Width(), Height: f.Height(), Pitch: (f.Width() + 63) &^ 63,
			Matrix: c.options.Format.Matrix, FullRange: c.options.Format.FullRange,
		},
		Surface: p, Seq: seq, Damaged: c.damaged,
		PTS: unit.pts, Time: unit.time, TimeError: unit.timeError, Submitted: unit.submitted, Decoded: time.Now(),
	}
	c.using.Unlock()
	defer c.using.Lock()
	c.options.Output.Deliver(&p.picture)
	return nil
}

// await waits until a picture is decoded, without using, so that the next units are parsed and queued meanwhile, and
// tells its damage. Map would wait as well, but with using, and the driver's way to wait takes a processor much of the time.
func (c *decoder) await(shown nvcuvid.Picture) (damage nvcuvid.Damage, err error) {
	var more time.Duration
	for n := 0; !c.closed; n++ {
		done := false
		err := c.device.do(func() error {
			if done = c.video.Done(shown) || more > patience; done {
				damage = c.video.Inspect(shown)
			}
			return nil
		})
		if err != nil {
			return damage, err
		}
		if done {
			c.pause.learn(n, more)
			return damage, nil
		}
		length := c.pause.before(n)
		if n > 0 {
			more += length
		}
		c.using.Unlock()
		nap(length)
		c.using.Lock()
	}
	return damage, device.ErrClosed
}

// take finds the access unit of a picture.
func (c *decoder) take(stamp int64) pendingUnit {
	for i, u := range c.pending {
		if u.stamp == stamp {
			c.pending = append(c.pending[:i], c.pending[i+1:]...)
			return u
		}
	}
	now := time.Now()
	return pendingUnit{stamp: stamp, pts: time.Duration(stamp), submitted: now}
}

// Close implements device.Decoder. Where the decoder waits in the sink, it waits until the sink lets it go.
func (c *decoder) Close() error {
	c.using.Lock()
	if c.closed {
		c.using.Unlock()
		return nil
	}
	c.closed = true
	c.changed.Broadcast()
	for c.calling {
		c.changed.Wait()
	}
	c.using.Unlock()
	c.stopped.Wait()
	c.using.Lock()
	defer c.using.Unlock()
	if c.left = c.opened; c.left {
		return nil
	}
	return c.release()
}

func (c *decoder) release() error {
	c.device.decoders.Add(-1)
	return errors.Join(c.device.undo(c.video.Close), c.copied.Close())
}
