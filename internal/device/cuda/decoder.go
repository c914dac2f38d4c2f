package cuda

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"sightline/internal/device"
	"sightline/internal/media"
	driver "sightline/internal/native/cuda"
	"sightline/internal/native/nvcuvid"
)

// decoder is one camera's NVDEC session. Decode parses and starts the hardware; a goroutine of the decoder's
// queues the copy of each picture, inside the GPU, from the hardware's surface to the sink's picture, while the
// hardware works on the next one. A picture is delivered while its copy is on its way, which its Ready tells the lane's
// stream; the surface is given back when the next picture is taken, or sooner if the parser needs it.
type decoder struct {
	device  *Device
	options device.DecoderOptions
	stream  driver.Stream
	stopped sync.WaitGroup

	// using guards the rest. It is held while the library is called, but not while anything but the parser waits for
	// the hardware, for a copy, for the sink or for changed.
	using   sync.Mutex
	changed *sync.Cond
	video   *nvcuvid.Decoder
	// surface is what the last copy reads, while mapped.
	surface nvcuvid.Frame
	mapped  bool
	pending []pendingUnit
	seq     uint64
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

// ahead is how many surfaces a decoder has beyond what the stream needs: one that is mapped, and it may have decoded
// two pictures more than it has delivered.
const ahead = 3

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
		if c.stream, err = driver.NewStream(); err != nil {
			return err
		}
		c.video, err = nvcuvid.NewDecoder(nvcuvid.Config{
			Codec: codec, Outputs: 1, Extra: ahead, Room: c.vacate, Caps: d.caps, LowDelay: o.LowDelay, Status: true,
		})
		return err
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("decoder for %s: %w", o.Owner, err), c.release())
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

// vacate is until for the parser, which waits for surfaces: those of pictures that are delivered are given back.
func (c *decoder) vacate(enough func() bool) (failed error) {
	err := c.until(func() bool {
		if !enough() && c.mapped {
			failed = errors.Join(c.stream.Synchronize(), c.unmap())
		}
		return failed != nil || enough()
	})
	return errors.Join(err, failed)
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
	format := device.PictureFormat{
		Width: f.Width(), Height: f.Height(), Pitch: (f.Width() + 63) &^ 63,
		Matrix: c.options.Format.Matrix, FullRange: c.options.Format.FullRange,
	}
	var p *device.Picture
	var err error
	c.using.Unlock()
	wanted := c.options.Output.Wants(unit.pts)
	if wanted {
		p, err = c.options.Output.Acquire(format)
	}
	c.using.Lock()
	if err != nil {
		return err
	}
	err = c.await(shown)
	if c.closed {
		err = device.ErrClosed
	}
	whole := true
	if err == nil {
		err = c.device.do(func() (err error) {
			if wanted {
				whole, err = c.fill(p, shown)
			} else {
				whole = c.video.Skip(shown) == nvcuvid.NoDamage
			}
			return err
		})
		c.changed.Broadcast()
	}
	seq := c.seq
	c.seq++
	c.damaged = !whole || c.damaged && !unit.key
	if !wanted {
		return err
	}
	p.Damaged = c.damaged
	p.Seq, p.PTS, p.Time, p.TimeError = seq, unit.pts, unit.time, unit.timeError
	p.Submitted, p.Decoded = unit.submitted, time.Now()
	c.using.Unlock()
	defer c.using.Lock()
	if err != nil {
		_ = c.device.undo(c.stream.Synchronize) // a copy that began still writes
		c.options.Output.Release(p)
		return err
	}
	c.options.Output.Deliver(p)
	return nil
}

// await waits until a picture is decoded, without using, so that the next units are parsed and queued meanwhile.
// Map would wait as well, but with using, and the driver's way to wait takes a processor much of the time.
func (c *decoder) await(shown nvcuvid.Picture) error {
	var more time.Duration
	for n := 0; ; n++ {
		done := false
		if err := c.device.do(func() error { done = c.closed || c.video.Done(shown); return nil }); err != nil {
			return err
		}
		if done || more > patience {
			c.pause.learn(n, more)
			return nil
		}
		length := c.pause.before(n)
		if n > 0 {
			more += length
		}
		c.using.Unlock()
		nap(length)
		c.using.Lock()
	}
}

// fill queues the copy of a decoded picture and says whether the hardware decoded it whole.
func (c *decoder) fill(p *device.Picture, shown nvcuvid.Picture) (whole bool, err error) {
	if c.mapped {
		c.using.Unlock()
		err = c.stream.Synchronize() // at once, as a rule: the copy began a picture ago
		c.using.Lock()
	}
	if err := errors.Join(err, c.unmap()); err != nil {
		return false, err
	}
	if p.Ready == nil {
		if p.Ready, err = c.device.NewEvent(); err != nil {
			return false, err
		}
	}
	if c.surface, err = c.video.Map(shown, c.stream); err != nil {
		return false, err
	}
	c.mapped = true
	if err := c.copy(p, c.surface); err != nil {
		return false, err
	}
	return c.surface.Damage == nvcuvid.NoDamage, p.Ready.(*event).handle.Record(c.stream)
}

// unmap gives the surface of the last copy back, if that is still to do. The caller has waited for the copy.
func (c *decoder) unmap() error {
	if !c.mapped {
		return nil
	}
	c.mapped = false
	return c.video.Unmap(c.surface)
}

// copy queues the copy of a surface: at once where chroma follows luma in both, which is where heights are even.
func (c *decoder) copy(p *device.Picture, from nvcuvid.Frame) error {
	at, even := p.Buffer.Address(), (p.Width+1)&^1
	if even == p.Width && p.Height%2 == 0 {
		return c.stream.CopyRows(at, p.Pitch, from.Luma, from.Pitch, p.Width, p.Height/2*3)
	}
	err := c.stream.CopyRows(at, p.Pitch, from.Luma, from.Pitch, p.Width, p.Height)
	if err != nil {
		return err
	}
	return c.stream.CopyRows(at+uintptr(p.Pitch*p.Height), p.Pitch, from.Chroma, from.Pitch, even, (p.Height+1)/2)
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
	c.device.decoders.Add(-1)
	return c.release()
}

func (c *decoder) release() error {
	return c.device.undo(func() error {
		var errs []error
		if c.video != nil {
			errs = append(errs, c.stream.Synchronize(), c.unmap(), c.video.Close())
		}
		if c.stream != 0 {
			errs = append(errs, c.stream.Close())
		}
		return errors.Join(errs...)
	})
}
