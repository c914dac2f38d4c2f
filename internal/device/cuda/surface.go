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
	planes  device.Planes
	state   surfaceState
}

type surfaceState uint8

const (
	idle surfaceState = iota
	// held: it waits in its decoder.
	held
	open
	// copied: it is open, but as a copy, and has given the hardware's surface back.
	copied
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
	case p.state == open || p.state == copied:
	case c.closed:
		err = fmt.Errorf("decoder: %w", device.ErrClosed)
	case p.state != held:
		err = errors.New("it is not there any more")
	case c.opened:
		err = errors.New("another picture of its decoder is open")
	default:
		p.state = gone
		err = c.device.do(func() (err error) {
			if p.mapped, err = c.video.Map(p.shown, s.(*stream).handle); err == nil { // it is to be given back whatever do finds
				p.state, c.opened = open, true
			}
			return err
		})
		if err == nil {
			p.planes = device.Planes{Luma: p.mapped.Luma, Chroma: p.mapped.Chroma, Pitch: p.mapped.Pitch}
			err = p.evade(s)
		}
	}
	if err != nil {
		return device.Planes{}, fmt.Errorf("open a picture of %s: %w", c.options.Owner, err)
	}
	return p.planes, nil
}

// lateness is for how many pictures a lane counts as late once the parser has had to wait for one of its.
const lateness = 64

// evade copies a picture that was just opened out of the decoder if its lane is late. The parser takes surfaces in turn: a
// lane that keeps one for longer than a turn takes would hold the camera's decoder up.
func (p *surface) evade(s device.Stream) error {
	c := p.decoder
	if c.starved {
		c.late = lateness
	}
	if c.late == 0 {
		return nil
	}
	c.late--
	if c.copied == nil || c.copied.Size() != p.picture.Size() {
		buffer, err := c.device.pool.Alloc(c.options.Owner, "picture of a late lane", device.OnDevice, p.picture.Size())
		if err != nil {
			return nil // it stays where it is
		}
		old := c.copied
		c.copied = buffer
		if err := old.Close(); err != nil {
			return err
		}
	}
	to := c.copied
	c.using.Unlock()
	err := s.CopyPicture(to, &p.picture)
	if err == nil {
		err = s.Synchronize()
	}
	c.using.Lock()
	if err != nil {
		return err
	}
	p.state, p.planes = copied, p.picture.Planes(to.Address())
	return c.unmap(p)
}

// unmap gives the hardware's surface back.
func (c *decoder) unmap(p *surface) error {
	err := c.device.undo(func() error { return c.video.Unmap(p.mapped) })
	if c.starved {
		c.changed.Broadcast()
	}
	return err
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
		err = c.unmap(p)
	}
	if p.state == open || p.state == copied {
		if c.opened = false; c.left {
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
