package sink

import (
	"fmt"
	"log/slog"
	"sync"
	"time"

	"sightline/internal/result"
)

// QueueOptions are the settings of a Queue.
type QueueOptions struct {
	// Name is what the sink is called in log and errors.
	Name string
	// Size is how many frames may wait: 0 means 256.
	Size int
	// Block makes Write wait while the queue is full, so that nothing is dropped: for files that are
	// read as fast as possible. Otherwise the new frame is dropped.
	Block bool
	// Logger gets at most one line a second about lost frames; nil means none.
	Logger *slog.Logger

	// interval between two lines; 0 means a second.
	interval time.Duration
}

// Stats count frames since the sink was made.
type Stats struct {
	// Written frames are in the hands of the operating system.
	Written uint64
	// Dropped frames came while the queue was full.
	Dropped uint64
	// Failed frames could not be written.
	Failed uint64
	// Waiting frames are neither of these yet.
	Waiting int
}

// Queue is a bounded queue in front of a backend, and the goroutine that empties it. Frames are
// encoded before Write returns, into buffers that are used again and again.
type Queue struct {
	o       QueueOptions
	backend Backend

	mu       sync.Mutex
	notEmpty sync.Cond
	notFull  sync.Cond
	// ring holds the count records that wait, from head on. Buffers are either in it, in free, with
	// a goroutine that encodes, or with the one that stores: that is what bounds the queue.
	ring        []record
	head, count int
	free        [][]byte
	closed      bool
	stats       Stats
	wrote       map[string]bool
	reported    Stats
	cause       error // the last failure

	lost     chan struct{} // something to report
	stop     chan struct{}
	drained  chan struct{}
	silenced chan struct{}
	close    func() error
}

type record struct {
	camera string
	text   []byte
}

// NewQueue starts a queue in front of b, which it owns from now on.
func NewQueue(b Backend, o QueueOptions) *Queue {
	if o.Size <= 0 {
		o.Size = 256
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.interval == 0 {
		o.interval = time.Second
	}
	q := &Queue{
		o: o, backend: b, ring: make([]record, o.Size), free: make([][]byte, o.Size), wrote: map[string]bool{},
		lost: make(chan struct{}, 1), stop: make(chan struct{}), drained: make(chan struct{}), silenced: make(chan struct{}),
	}
	q.notEmpty.L, q.notFull.L = &q.mu, &q.mu
	q.close = sync.OnceValue(q.shut)
	go q.drain()
	go q.report()
	return q
}

// Write is Sink's. Without Options.Block it never waits for the backend.
func (q *Queue) Write(f *result.Frame) error { return q.write(f, q.o.Block) }

// Patient is a Queue as cameras see it whose frames must not be dropped: Write waits while the queue is
// full, whatever Options.Block says. Close is the queue's own.
type Patient struct{ *Queue }

// Write is Sink's.
func (p Patient) Write(f *result.Frame) error { return p.write(f, true) }

func (q *Queue) write(f *result.Frame, wait bool) error {
	q.mu.Lock()
	for wait && len(q.free) == 0 && !q.closed {
		q.notFull.Wait()
	}
	if q.closed {
		q.mu.Unlock()
		return fmt.Errorf("sink %q: %w", q.o.Name, ErrClosed)
	}
	if len(q.free) == 0 {
		q.stats.Dropped++
		q.mu.Unlock()
		q.tell()
		return nil
	}
	text := q.free[len(q.free)-1]
	q.free = q.free[:len(q.free)-1]
	q.mu.Unlock()

	text = q.backend.Append(text[:0], f)

	q.mu.Lock()
	q.ring[(q.head+q.count)%len(q.ring)] = record{f.Camera, text}
	q.count++
	q.mu.Unlock()
	q.notEmpty.Signal()
	return nil
}

// Stats is a snapshot of the counters.
func (q *Queue) Stats() Stats {
	q.mu.Lock()
	defer q.mu.Unlock()
	s := q.stats
	s.Waiting = q.o.Size - len(q.free)
	return s
}

// Wrote says whether anything of a camera was written.
func (q *Queue) Wrote(camera string) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.wrote[camera]
}

// Close is Sink's. It waits as long as the backend takes for what is waiting.
func (q *Queue) Close() error { return q.close() }

func (q *Queue) shut() error {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.notEmpty.Signal()
	q.notFull.Broadcast()
	<-q.drained
	close(q.stop)
	<-q.silenced
	err := q.backend.Close()
	q.log()
	n := q.stats.Failed
	switch {
	case n > 0 && err != nil:
		return fmt.Errorf("sink %q: %d frames not written: %w; closing: %w", q.o.Name, n, q.cause, err)
	case n > 0:
		return fmt.Errorf("sink %q: %d frames not written: %w", q.o.Name, n, q.cause)
	case err != nil:
		return fmt.Errorf("sink %q: closing: %w", q.o.Name, err)
	}
	return nil
}

// drain stores records until the queue is closed and every buffer is back.
func (q *Queue) drain() {
	defer close(q.drained)
	q.mu.Lock()
	defer q.mu.Unlock()
	for {
		for q.count == 0 {
			if q.closed && len(q.free) == q.o.Size {
				return
			}
			q.notEmpty.Wait()
		}
		r := q.ring[q.head]
		q.ring[q.head] = record{}
		q.head = (q.head + 1) % len(q.ring)
		q.count--
		q.mu.Unlock()

		err := q.backend.Store(r.camera, r.text)

		q.mu.Lock()
		q.free = append(q.free, r.text)
		if err != nil {
			q.stats.Failed++
			q.cause = err
			q.tell()
		} else {
			q.stats.Written++
			if len(r.text) > 0 {
				q.wrote[r.camera] = true
			}
		}
		q.notFull.Signal()
	}
}

// tell wakes report if it is not awake.
func (q *Queue) tell() {
	select {
	case q.lost <- struct{}{}:
	default:
	}
}

// report logs losses in a goroutine of its own, because a log may be slow too.
func (q *Queue) report() {
	defer close(q.silenced)
	for {
		select {
		case <-q.lost:
			q.log()
		case <-q.stop:
			return
		}
		pause := time.NewTimer(q.o.interval)
		select {
		case <-pause.C:
		case <-q.stop:
			pause.Stop()
			return
		}
	}
}

// log says what was lost since the last line, if anything was.
func (q *Queue) log() {
	q.mu.Lock()
	now, before, cause := q.stats, q.reported, q.cause
	q.reported = now
	q.mu.Unlock()
	args := []any{
		"sink", q.o.Name, "dropped", now.Dropped - before.Dropped, "failed", now.Failed - before.Failed,
		"dropped_total", now.Dropped, "failed_total", now.Failed, "written_total", now.Written,
	}
	switch {
	case now.Failed > before.Failed:
		q.o.Logger.Error("sink cannot write", append(args, "err", cause)...)
	case now.Dropped > before.Dropped:
		q.o.Logger.Warn("sink is too slow", args...)
	}
}
