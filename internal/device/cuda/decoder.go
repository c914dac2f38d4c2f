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

// decoder is one camera's NVDEC session. Pictures come out on the goroutine that calls Decode and Flush:
// each is copied inside the GPU from the decoder's surface to the sink's picture, and the surface goes
// back at once.
type decoder struct {
	device  *Device
	options device.DecoderOptions
	stream  driver.Stream
	video   *nvcuvid.Decoder
	done    driver.Event
	seq     uint64
	pending []pendingUnit
	flushed bool
	// damaged lasts from a picture that the hardware could not decode whole to the next key picture.
	damaged bool

	// using is held while the session works, so that Close waits for a running call.
	using sync.Mutex
	// closed is guarded by closing, which is never held while anything waits.
	closing sync.Mutex
	closed  bool
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
	err := d.do(func() (err error) {
		caps, err := nvcuvid.QueryCaps(codec, 8)
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
		if c.done, err = driver.NewEvent(); err != nil {
			return err
		}
		c.video, err = nvcuvid.NewDecoder(nvcuvid.Config{
			Codec: codec, Outputs: 1, Drain: c.deliver, LowDelay: o.LowDelay, Status: true,
		})
		return err
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("decoder for %s: %w", o.Owner, err), c.release())
	}
	d.decoders.Add(1)
	return c, nil
}

func (c *decoder) isClosed() bool {
	c.closing.Lock()
	defer c.closing.Unlock()
	return c.closed
}

// Decode implements device.Decoder.
func (c *decoder) Decode(au media.AccessUnit) error {
	c.using.Lock()
	defer c.using.Unlock()
	if c.flushed || c.isClosed() {
		return fmt.Errorf("decode for %s: decoder: %w", c.options.Owner, device.ErrClosed)
	}
	stamp := int64(au.PTS)
	if len(c.pending) == maxPending {
		c.pending = c.pending[:copy(c.pending, c.pending[1:])]
	}
	c.pending = append(c.pending, pendingUnit{stamp, au.PTS, au.Time, au.TimeError, time.Now(), au.Key})
	if au.Discontinuity {
		c.video.Discontinuity()
	}
	if err := c.device.do(func() error { return c.video.Decode(au.Data, stamp) }); err != nil {
		return fmt.Errorf("decode for %s: %w", c.options.Owner, err)
	}
	return c.deliver()
}

// Flush implements device.Decoder.
func (c *decoder) Flush() error {
	c.using.Lock()
	defer c.using.Unlock()
	if c.isClosed() {
		return fmt.Errorf("flush for %s: decoder: %w", c.options.Owner, device.ErrClosed)
	}
	c.flushed = true
	if err := c.device.do(c.video.Flush); err != nil {
		return fmt.Errorf("flush for %s: %w", c.options.Owner, err)
	}
	return c.deliver()
}

// deliver hands every picture that is ready to the sink.
func (c *decoder) deliver() error {
	for {
		shown, ok := c.video.Next()
		if !ok {
			return nil
		}
		if c.isClosed() {
			return fmt.Errorf("decode for %s: decoder: %w", c.options.Owner, device.ErrClosed)
		}
		f := c.video.Format()
		format := device.PictureFormat{
			Width: f.Width(), Height: f.Height(), Pitch: (f.Width() + 63) &^ 63,
			Matrix: c.options.Format.Matrix, FullRange: c.options.Format.FullRange,
		}
		p, err := c.options.Output.Acquire(format)
		if err != nil {
			return err
		}
		whole := true
		err = c.device.do(func() (err error) { whole, err = c.fill(p, shown); return err })
		if err != nil {
			c.options.Output.Release(p)
			return fmt.Errorf("decode for %s: %w", c.options.Owner, err)
		}
		unit := c.take(shown.Timestamp)
		c.damaged = !whole || c.damaged && !unit.key
		p.Damaged = c.damaged
		p.Seq, p.PTS, p.Time, p.TimeError = c.seq, unit.pts, unit.time, unit.timeError
		p.Submitted, p.Decoded = unit.submitted, time.Now()
		c.seq++
		c.options.Output.Deliver(p)
	}
}

// fill copies a decoded picture, waits until it is there, and says whether the hardware decoded it whole.
func (c *decoder) fill(p *device.Picture, shown nvcuvid.Picture) (whole bool, err error) {
	surface, err := c.video.Map(shown, c.stream)
	if err != nil {
		return false, err
	}
	at, even := p.Buffer.Address(), (p.Width+1)&^1
	err = c.stream.CopyRows(at, p.Pitch, surface.Luma, surface.Pitch, p.Width, p.Height)
	if err == nil {
		err = c.stream.CopyRows(at+uintptr(p.Pitch*p.Height), p.Pitch, surface.Chroma, surface.Pitch, even, (p.Height+1)/2)
	}
	if err == nil {
		err = c.done.Record(c.stream)
	}
	if err == nil {
		err = c.done.Synchronize()
	}
	return surface.Damage == nvcuvid.NoDamage, errors.Join(err, c.video.Unmap(surface))
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

// Close implements device.Decoder. A Decode that waits in the sink returns when the sink lets it.
func (c *decoder) Close() error {
	c.closing.Lock()
	first := !c.closed
	c.closed = true
	c.closing.Unlock()
	if !first {
		return nil
	}
	c.using.Lock()
	defer c.using.Unlock()
	c.device.decoders.Add(-1)
	return c.release()
}

func (c *decoder) release() error {
	return c.device.undo(func() error {
		var errs []error
		if c.video != nil {
			errs = append(errs, c.video.Close())
		}
		if c.done != 0 {
			errs = append(errs, c.done.Close())
		}
		if c.stream != 0 {
			errs = append(errs, c.stream.Close())
		}
		return errors.Join(errs...)
	})
}
