package host

import (
	"fmt"
	"sync"

	"sightline/internal/device"
)

// item is one queued operation: work, a copy, or the signal of or the wait for one generation of an
// event. Copies and events are no closures, because they are queued anew for every frame.
type item struct {
	work       func() error
	do         func() // Stream.Do's: it runs even after the stream has failed
	to, from   []byte
	event      *event
	generation uint64
	signal     bool
}

// stream runs its queue on a goroutine of its own, so that forgotten synchronisation shows here as it
// would on a GPU.
type stream struct {
	owner   string
	done    chan struct{}
	onClose func()
	capture *capture // only the goroutine that queues touches it

	mutex   sync.Mutex
	changed *sync.Cond
	queue   []item
	head    int
	running bool
	closed  bool
	err     error
}

func newStream(owner string) *stream {
	s := &stream{owner: owner, done: make(chan struct{})}
	s.changed = sync.NewCond(&s.mutex)
	go s.run()
	return s
}

func (s *stream) run() {
	defer close(s.done)
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for {
		for s.head == len(s.queue) {
			s.queue, s.head, s.running = s.queue[:0], 0, false
			s.changed.Broadcast()
			if s.closed {
				return
			}
			s.changed.Wait()
		}
		next, failed := s.queue[s.head], s.err
		s.head++
		s.running = true
		s.mutex.Unlock()
		err := next.run(failed)
		s.mutex.Lock()
		if s.err == nil {
			s.err = err
		}
	}
}

// run does the item's work. On a failed stream work is skipped, but signals pass with the failure, so
// that nobody waits for ever.
func (i item) run(failed error) error {
	switch {
	case i.event != nil && i.signal:
		i.event.signal(i.generation, failed)
	case i.event != nil:
		return i.event.wait(i.generation)
	case i.to != nil && failed == nil:
		copy(i.to, i.from)
	case i.do != nil:
		i.do()
	case i.work != nil && failed == nil:
		return i.work()
	}
	return nil
}

// enqueue queues i, or records it while the stream is being captured.
func (s *stream) enqueue(i item) error {
	if s.capture != nil {
		s.capture.record(s, i)
		return nil
	}
	return s.push(i)
}

// push queues i, giving events the generation that this moment means.
func (s *stream) push(i item) error {
	if i.event != nil {
		i.generation = i.event.generationFor(i.signal)
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.closed {
		return fmt.Errorf("stream of %s: %w", s.owner, device.ErrClosed)
	}
	s.queue = append(s.queue, i)
	s.changed.Broadcast()
	return nil
}

func (s *stream) Copy(dst, src *device.Buffer) error {
	if dst.Size() != src.Size() {
		return fmt.Errorf("copy %d bytes to a buffer of %d for %s", src.Size(), dst.Size(), s.owner)
	}
	return s.enqueue(item{to: bytesOf(dst), from: bytesOf(src)})
}

func (s *stream) CopyPicture(dst *device.Buffer, p *device.Picture) error {
	from, err := p.OpenToCopy(s, dst, s.owner)
	if err != nil {
		return err
	}
	format, to := p.PictureFormat, bytesOf(dst)
	return s.push(item{work: func() error {
		luma, chroma := pixelsOf(format, from)
		copyRows(to, format.Pitch, luma, from.Pitch, format.Width)
		copyRows(to[format.Pitch*format.Height:], format.Pitch, chroma, from.Pitch, format.Width+format.Width&1)
		return nil
	}})
}

// copyRows copies rows of width bytes until no more are left in from.
func copyRows(to []byte, toPitch int, from []byte, fromPitch, width int) {
	for ; ; to, from = to[toPitch:], from[fromPitch:] {
		copy(to, from[:width])
		if len(from) <= fromPitch {
			return
		}
	}
}

func (s *stream) Do(fn func()) error {
	return s.enqueue(item{do: fn})
}

func (s *stream) Record(e device.Event) error {
	ev := e.(*event)
	if s.capture != nil {
		s.capture.marks[ev] = s
	}
	return s.enqueue(item{event: ev, signal: true})
}

func (s *stream) Wait(e device.Event) error {
	ev := e.(*event)
	if s.capture == nil {
		s.capture = joining(ev)
	}
	return s.enqueue(item{event: ev})
}

func (s *stream) Synchronize() error {
	if s.capture != nil {
		return fmt.Errorf("synchronize stream of %s while it is captured", s.owner)
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for s.running || s.head < len(s.queue) {
		s.changed.Wait()
	}
	return s.err
}

// fail makes the stream fail with err, as if its next work had.
func (s *stream) fail(err error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.err == nil {
		s.err = err
	}
}

func (s *stream) Close() error {
	s.mutex.Lock()
	first := !s.closed
	s.closed = true
	s.changed.Broadcast()
	s.mutex.Unlock()
	<-s.done
	if first && s.onClose != nil {
		s.onClose()
	}
	return nil
}
