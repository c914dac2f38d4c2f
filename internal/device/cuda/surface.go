package cuda

import (
	"errors"
	"fmt"

	"sightline/internal/device"
	"sightline/internal/native/nvcuvid"
)

// surface is where a delivered picture lies in its decoder. The hardware decodes into it again once it is given back.
// Between Open and Release it is mapped: the driver brings it into rows in a place that a decoder has once, on the
// stream that reads it.
type surface struct {
	picture device.Picture
	decoder *decoder
	shown   nvcuvid.Picture
	mapped  nvcuvid.Frame
	state   surfaceState
}

type surfaceState uint8

const (
	idle surfaceState = iota
	// held: it waits in its decoder.
	held
	open
	// gone: it could not be opened, and the decoder has taken it back.
	gone
)

// hold makes a surface of a picture that is to be delivered.
func (c *decoder) hold(shown nvcuvid.Picture) *surface {
	if len(c.free) == 0 {
		c.free = append(c.free, &surface{decoder: c})
	}
	last := len(c.free) - 1
	p := c.free[last]
	c.free = c.free[:last]
	p.shown, p.state = shown, held
	return p
}

// Open implements device.Surface.
func (p *surface) Open(s device.Stream) (device.Planes, error) {
	c := p.decoder
	c.using.Lock()
	defer c.using.Unlock()
	var err error
	switch {
	case p.state == open:
	case c.closed || p.state != held:
		err = fmt.Errorf("decoder: %w", device.ErrClosed)
	case c.opened:
		err = errors.New("another picture of its decoder is open")
	default:
		err = c.device.do(func() (err error) {
			p.mapped, err = c.video.Map(p.shown, s.(*stream).handle)
			return err
		})
		if c.opened = err == nil; c.opened {
			p.state = open
		} else {
			p.state = gone
		}
	}
	if err != nil {
		return device.Planes{}, fmt.Errorf("open a picture of %s: %w", c.options.Owner, err)
	}
	return device.Planes{Luma: p.mapped.Luma, Chroma: p.mapped.Chroma, Pitch: p.mapped.Pitch}, nil
}

// Release implements device.Surface.
func (p *surface) Release() (err error) {
	c := p.decoder
	c.using.Lock()
	defer c.using.Unlock()
	switch p.state {
	case idle:
		return nil
	case held:
		c.video.Skip(p.shown)
	case open:
		c.opened = false
		err = c.device.undo(func() error { return c.video.Unmap(p.mapped) })
		if c.left {
			err = errors.Join(err, c.release())
		}
	}
	p.state = idle
	c.free = append(c.free, p)
	if c.starved {
		c.changed.Broadcast()
	}
	return err
}
