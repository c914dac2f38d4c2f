package host

import (
	"errors"
	"fmt"
	"sync"

	"sightline/internal/device"
)

// mostFrames is how many pictures a decoder has: one that is filled, and two that were delivered.
const mostFrames = 3

// frames are a decoder's pictures, which it fills again once they are given back. Those of another format are replaced as
// they come back, and after close none is kept.
type frames struct {
	pool  *device.Pool
	owner string

	mutex   sync.Mutex
	changed *sync.Cond
	format  device.PictureFormat
	free    []*frame
	made    int
	// opened is the one that is open.
	opened *frame
	closed bool
}

// frame implements device.Surface.
type frame struct {
	picture device.Picture
	frames  *frames
	out     bool
}

func (f *frames) init(pool *device.Pool, owner string) {
	f.pool, f.owner = pool, owner
	f.changed = sync.NewCond(&f.mutex)
}

// take gives a picture to be filled, and waits for one.
func (f *frames) take(format device.PictureFormat) (*frame, error) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if f.format != format {
		f.format = format
		if err := f.discard(); err != nil {
			return nil, err
		}
	}
	for !f.closed && len(f.free) == 0 && f.made == mostFrames {
		f.changed.Wait()
	}
	if f.closed {
		return nil, device.ErrClosed
	}
	if len(f.free) == 0 {
		buffer, err := f.pool.Alloc(f.owner, "decoded picture", device.OnDevice, format.Size())
		if err != nil {
			return nil, err
		}
		f.made++
		p := &frame{frames: f}
		p.picture = device.Picture{PictureFormat: format, Surface: p, Buffer: buffer}
		f.free = append(f.free, p)
	}
	last := len(f.free) - 1
	p := f.free[last]
	f.free = f.free[:last]
	p.out = true
	return p, nil
}

// discard frees what is not out.
func (f *frames) discard() error {
	var errs []error
	for _, p := range f.free {
		errs = append(errs, p.picture.Buffer.Close())
		f.made--
	}
	f.free = f.free[:0]
	return errors.Join(errs...)
}

func (f *frames) close() error {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.closed = true
	f.changed.Broadcast()
	return f.discard()
}

// Open implements device.Surface.
func (p *frame) Open(device.Stream) (device.Planes, error) {
	f := p.frames
	f.mutex.Lock()
	defer f.mutex.Unlock()
	switch {
	case f.opened == p:
	case f.closed || !p.out:
		return device.Planes{}, fmt.Errorf("open a picture of %s: decoder: %w", f.owner, device.ErrClosed)
	case f.opened != nil:
		return device.Planes{}, fmt.Errorf("open a picture of %s: another picture of its decoder is open", f.owner)
	}
	f.opened = p
	return p.picture.Planes(p.picture.Buffer.Address()), nil
}

// Release implements device.Surface.
func (p *frame) Release() error {
	f := p.frames
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if !p.out {
		return nil
	}
	p.out = false
	if f.opened == p {
		f.opened = nil
	}
	f.changed.Broadcast()
	if f.closed || p.picture.PictureFormat != f.format {
		f.made--
		return p.picture.Buffer.Close()
	}
	f.free = append(f.free, p)
	return nil
}
