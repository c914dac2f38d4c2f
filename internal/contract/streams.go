package contract

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"time"

	"sightline/internal/device"
)

// withStreams runs a check with n streams and an event for each.
func (h *Harness) withStreams(n int, check func(d device.Device, s []device.Stream, e []device.Event) error) (err error) {
	d, err := h.open(0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	var streams []device.Stream
	var events []device.Event
	for range n {
		s, err := d.NewStream("check")
		if err != nil {
			return err
		}
		defer s.Close()
		e, err := d.NewEvent()
		if err != nil {
			return err
		}
		defer e.Close()
		streams, events = append(streams, s), append(events, e)
	}
	return check(d, streams, events)
}

// StreamsAreAsynchronous: queueing does not wait, the order is kept, and events order streams.
func StreamsAreAsynchronous(h *Harness) (string, error) {
	return "", h.withStreams(2, func(_ device.Device, s []device.Stream, e []device.Event) error {
		held, order := make(chan struct{}), []int{}
		err := s[0].Do(func() { <-held })
		for i := range 50 {
			err = errors.Join(err, s[0].Do(func() { order = append(order, i) }))
		}
		err = errors.Join(err, s[0].Record(e[0]), s[1].Wait(e[0]), s[1].Do(func() { order = append(order, 50) }))
		close(held)
		err = errors.Join(err, s[1].Synchronize(), s[0].Synchronize())
		if err == nil && (len(order) != 51 || !slices.IsSorted(order)) {
			err = fmt.Errorf("order %v", order)
		}
		return err
	})
}

// GraphsForkAndJoin: a graph over two streams replays in order, every time.
func GraphsForkAndJoin(h *Harness) (string, error) {
	return "10 replays", h.withStreams(2, func(_ device.Device, s []device.Stream, e []device.Event) error {
		var order []int
		note := func(i int) func() { return func() { order = append(order, i) } }
		err := errors.Join(s[0].BeginCapture(),
			s[0].Do(note(1)), s[0].Record(e[0]), s[1].Wait(e[0]), s[1].Do(note(2)), s[1].Record(e[1]), s[0].Wait(e[1]), s[0].Do(note(3)))
		g, endErr := s[0].EndCapture()
		if err = errors.Join(err, endErr); err != nil {
			return err
		}
		defer g.Close()
		if len(order) != 0 {
			return errors.New("work ran while it was captured")
		}
		for range 10 {
			err = errors.Join(err, s[0].Launch(g))
		}
		err = errors.Join(err, s[0].Synchronize())
		if want := slices.Repeat([]int{1, 2, 3}, 10); err == nil && !slices.Equal(order, want) {
			err = fmt.Errorf("order %v", order)
		}
		return err
	})
}

// NewMemoryTakesWrites: memory is zero when it is handed out, and not made so later, when somebody has written to it.
func NewMemoryTakesWrites(h *Harness) (string, error) {
	const tries, size, part = 8, 256 << 20, 4096
	return fmt.Sprintf("%d times %d MiB", tries, size>>20), h.withStreams(1, func(d device.Device, s []device.Stream, _ []device.Event) error {
		pinned, err := d.Pool().Alloc("check", "bytes", device.Pinned, 2*part)
		if err != nil {
			return err
		}
		defer pinned.Close()
		written, read := pinned.Slice(0, part), pinned.Slice(part, part)
		for i := range written.Bytes() {
			written.Bytes()[i] = byte(i + 1)
		}
		for range tries {
			b, err := d.Pool().Alloc("check", "memory", device.OnDevice, size)
			if err != nil {
				return err
			}
			end, before := b.Slice(size-part, part), b.Slice(size-2*part, part)
			err = errors.Join(s[0].Copy(end, written), s[0].Synchronize())
			time.Sleep(5 * time.Millisecond) // for whatever else goes on
			err = errors.Join(err, s[0].Copy(read, end), s[0].Synchronize())
			if err == nil && !bytes.Equal(read.Bytes(), written.Bytes()) {
				err = errors.New("what was written is gone")
			}
			err = errors.Join(err, s[0].Copy(read, before), s[0].Synchronize())
			if err == nil && slices.Max(read.Bytes()) != 0 {
				err = errors.New("new memory is not zero")
			}
			if err = errors.Join(err, b.Close()); err != nil {
				return err
			}
		}
		return nil
	})
}

// UnjoinedCaptureIsRefused: a stream that joined a capture must be joined back.
func UnjoinedCaptureIsRefused(h *Harness) (string, error) {
	return "", h.withStreams(2, func(_ device.Device, s []device.Stream, e []device.Event) error {
		err := errors.Join(s[0].BeginCapture(), s[0].Record(e[0]), s[1].Wait(e[0]), s[1].Do(func() {}))
		if _, end := s[0].EndCapture(); !errors.Is(end, device.ErrUnjoined) {
			err = errors.Join(err, fmt.Errorf("end of capture gave %v, expected ErrUnjoined", end))
		}
		return err
	})
}
