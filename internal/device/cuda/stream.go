package cuda

import (
	"errors"
	"fmt"

	"sightline/internal/device"
	"sightline/internal/kernels"
	driver "sightline/internal/native/cuda"
)

// stream is a CUDA stream. During a capture the goroutine that captures keeps its OS thread, as the
// driver demands.
type stream struct {
	device  *Device
	owner   string
	handle  driver.Stream
	capture *capture
	closed  bool
}

// capture is a recording that one stream began and others joined by waiting for its events.
type capture struct {
	scope     driver.ContextScope
	origin    *stream
	streams   []*stream
	events    []*event
	functions []*driver.HostFunction
}

// NewStream implements device.Device.
func (d *Device) NewStream(owner string) (device.Stream, error) {
	if err := d.refusal(); err != nil {
		return nil, fmt.Errorf("stream for %s: %w", owner, err)
	}
	s := &stream{device: d, owner: owner}
	err := d.do(func() (err error) { s.handle, err = driver.NewStream(); return err })
	if err != nil {
		return nil, fmt.Errorf("stream for %s: %w", owner, err)
	}
	d.streams.Add(1)
	return s, nil
}

func (s *stream) do(f func() error) error {
	if s.closed {
		return fmt.Errorf("stream of %s: %w", s.owner, device.ErrClosed)
	}
	if err := s.device.do(f); err != nil {
		return fmt.Errorf("stream of %s: %w", s.owner, err)
	}
	return nil
}

// moved is the size up to which a copy that is recorded is a kernel of ours: a node of the driver's hands over to a copy
// engine and back, which costs more than so many bytes.
const moved = 1 << 20

func (s *stream) Copy(dst, src *device.Buffer) error {
	if dst.Size() != src.Size() {
		return fmt.Errorf("copy %d bytes to a buffer of %d for %s", src.Size(), dst.Size(), s.owner)
	}
	if s.capture != nil && dst.Size() <= moved {
		plan, err := kernels.Move(dst, src)
		return s.device.kernels.queue(s, plan, err)
	}
	return s.do(func() error { return s.handle.Copy(dst.Address(), src.Address(), dst.Size()) })
}

func (s *stream) CopyPicture(dst *device.Buffer, p *device.Picture) error {
	from, err := p.OpenToCopy(s, dst, s.owner)
	if err != nil {
		return err
	}
	to := p.Planes(dst.Address())
	return s.do(func() error {
		err := s.handle.CopyRows(to.Luma, to.Pitch, from.Luma, from.Pitch, p.Width, p.Height)
		if err != nil {
			return err
		}
		return s.handle.CopyRows(to.Chroma, to.Pitch, from.Chroma, from.Pitch, (p.Width+1)&^1, (p.Height+1)/2)
	})
}

func (s *stream) Do(fn func()) error {
	f := driver.NewHostFunction(fn, s.capture == nil)
	f.OnPanic(s.device.Fail)
	err := s.do(func() error { return s.handle.Call(f) })
	switch {
	case err != nil:
		f.Close()
	case s.capture != nil:
		s.capture.functions = append(s.capture.functions, f)
	}
	return err
}

func (s *stream) Record(e device.Event) error {
	ev := e.(*event)
	if err := s.do(func() error { return ev.handle.Record(s.handle) }); err != nil {
		return err
	}
	if ev.capture != s.capture { // others may wait for it meanwhile, and look
		ev.capture = s.capture
	}
	if s.capture != nil {
		s.capture.events = append(s.capture.events, ev)
	}
	return nil
}

func (s *stream) Wait(e device.Event) error {
	ev := e.(*event)
	if err := s.do(func() error { return s.handle.Wait(ev.handle) }); err != nil {
		return err
	}
	if ev.capture != nil && s.capture == nil {
		s.capture = ev.capture
		s.capture.streams = append(s.capture.streams, s)
	}
	return nil
}

func (s *stream) BeginCapture() error {
	if s.capture != nil {
		return fmt.Errorf("stream of %s is being captured already", s.owner)
	}
	scope, err := s.device.context.Enter()
	if err != nil {
		return err
	}
	if err := s.do(s.handle.BeginCapture); err != nil {
		scope.Leave()
		return err
	}
	s.capture = &capture{scope: scope, origin: s, streams: []*stream{s}}
	return nil
}

func (s *stream) EndCapture() (device.Graph, error) {
	c := s.capture
	if c == nil || c.origin != s {
		return nil, fmt.Errorf("stream of %s did not begin a capture", s.owner)
	}
	defer c.scope.Leave()
	for _, joined := range c.streams {
		joined.capture = nil
	}
	for _, e := range c.events {
		e.capture = nil
	}
	g := &graph{device: s.device, functions: c.functions}
	// Not through do: a capture must be ended even on a lost device.
	err := s.device.context.Do(func() (err error) { g.handle, err = s.handle.EndCapture(); return err })
	if err == nil {
		return g, nil
	}
	for _, f := range c.functions {
		f.Close()
	}
	var failed *driver.Error
	if errors.As(err, &failed) && failed.Result == driver.CaptureUnjoined {
		err = fmt.Errorf("%w: %w", device.ErrUnjoined, err)
	}
	return nil, fmt.Errorf("capture of the stream of %s: %w", s.owner, err)
}

func (s *stream) Launch(g device.Graph) error {
	return s.do(func() error { return g.(*graph).handle.Launch(s.handle) })
}

func (s *stream) Synchronize() error { return s.do(s.handle.Synchronize) }

func (s *stream) Close() error {
	if s.closed {
		return nil
	}
	s.closed = true
	s.device.streams.Add(-1)
	return s.device.undo(func() error { return errors.Join(s.handle.Synchronize(), s.handle.Close()) })
}

// graph is recorded work, with the Go functions that it calls.
type graph struct {
	device    *Device
	handle    driver.Graph
	functions []*driver.HostFunction
}

func (g *graph) Close() error {
	if g.handle == 0 {
		return nil
	}
	err := g.device.undo(g.handle.Close)
	g.handle = 0
	for _, f := range g.functions {
		f.Close()
	}
	return err
}

type event struct {
	device  *Device
	handle  driver.Event
	capture *capture
}

// NewEvent implements device.Device.
func (d *Device) NewEvent() (device.Event, error) {
	e := &event{device: d}
	err := d.do(func() (err error) { e.handle, err = driver.NewEvent(); return err })
	if err != nil {
		return nil, err
	}
	return e, nil
}

func (e *event) Synchronize() error { return e.device.do(e.handle.Synchronize) }

func (e *event) Close() error {
	if e.handle == 0 {
		return nil
	}
	err := e.device.undo(e.handle.Close)
	e.handle = 0
	return err
}
