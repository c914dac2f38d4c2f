package model

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"sightline/internal/device"
)

// batcher gathers the requests of many pipelines into batches, which a few workers run, each with a
// runtime context, a stream and buffers of its own. One worker gathers at a time: two would share out what
// waits and each wait for what the other one has. A batch starts when it is full or nothing of this model is on the
// device. Beside fewer than busy batches it also does when nobody else can come, or when MaxWait has passed since its
// first request and since the last batch came back: those of that batch ask again soon, and a batch costs the device
// much the same whether it is full or not. More workers than busy are for full batches. One that is not full is cut to
// a smaller size that there is a plan for where two such batches cost less than it.
type batcher struct {
	engine  *Engine
	workers []*batchWorker
	stopped sync.WaitGroup

	// gathering is held by the worker that gathers, which alone receives from changed and uses timer.
	gathering sync.Mutex
	changed   chan struct{}
	timer     *time.Timer

	// mutex guards the rest and is never held while anything waits.
	mutex   sync.Mutex
	stop    bool
	waiting []*batchedRunner
	// contexts are counted by pipeline, flying those whose requests are on the device, in so many batches: they
	// cannot come.
	contexts map[string]int
	flying   int
	batches  int
	// landed is when the last batch came back.
	landed time.Time
	count  Batches
}

// Batches counts what mode Batched has put together: batches, the items in them, and what the plans that ran would hold.
type Batches struct{ Count, Items, Room int }

// busy is beside how many batches none starts only because it has waited.
const busy = 2

func newBatcher(e *Engine) (*batcher, error) {
	b := &batcher{engine: e, changed: make(chan struct{}, 1), timer: time.NewTimer(time.Hour), contexts: map[string]int{}}
	for range e.config.Workers {
		w, err := newBatchWorker(b)
		if err != nil {
			return nil, errors.Join(err, b.close())
		}
		b.workers = append(b.workers, w)
		b.stopped.Go(w.run)
	}
	return b, nil
}

func (b *batcher) close() error {
	b.change(func() { b.stop = true })
	b.stopped.Wait()
	var errs []error
	for _, w := range b.workers {
		errs = append(errs, w.close())
	}
	return errors.Join(errs...)
}

// change changes what the gathering worker looks at, and lets it look again.
func (b *batcher) change(f func()) {
	b.mutex.Lock()
	f()
	b.mutex.Unlock()
	select {
	case b.changed <- struct{}{}:
	default: // it has not looked since the last change
	}
}

// land says that the device has finished a batch of so many requests.
func (b *batcher) land(n int) {
	b.change(func() {
		b.flying -= n
		b.batches--
		b.landed = time.Now()
	})
}

// gather appends the requests of the next batch and returns its number of items; 0 when the batcher stops.
func (b *batcher) gather(batch []*batchedRunner) ([]*batchedRunner, int) {
	b.gathering.Lock()
	defer b.gathering.Unlock()
	for {
		batch, items, wait := b.take(batch)
		if wait == 0 {
			return batch, items
		}
		b.timer.Reset(wait)
		select {
		case <-b.changed:
		case <-b.timer.C:
		}
	}
}

// idle is how long a worker sleeps that nobody has asked for anything.
const idle = time.Hour

// take appends the next batch if it is to start now; otherwise it says how long to wait unless something
// changes.
func (b *batcher) take(batch []*batchedRunner) (_ []*batchedRunner, items int, wait time.Duration) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	switch {
	case b.stop:
		return batch, 0, 0
	case len(b.waiting) == 0:
		return batch, 0, idle
	}
	n, most := 0, b.engine.engine.MaxBatch()
	for n < len(b.waiting) && items+b.waiting[n].items <= most {
		items += b.waiting[n].items
		n++
	}
	full := items == most || n < len(b.waiting)
	all := len(b.waiting)+b.flying >= len(b.contexts)
	switch {
	case full || b.flying == 0:
	case b.batches >= busy:
		return batch, 0, idle // until one has landed, at the latest
	case !all:
		from := b.waiting[0].since
		if b.landed.After(from) {
			from = b.landed
		}
		if wait = time.Until(from.Add(b.engine.config.MaxWait)); wait > 0 {
			return batch, 0, wait
		}
	}
	if !full {
		n, items = b.fit(n, items)
	}
	batch = append(batch, b.waiting[:n]...)
	b.waiting = b.waiting[:copy(b.waiting, b.waiting[n:])]
	b.flying += n
	b.batches++
	b.count.Count++
	b.count.Items += items
	b.count.Room += b.engine.bucket(items)
	return batch, items, 0
}

// fit says how many of the first n requests, of so many items, a batch is to take: all, or those that go into the next smaller size
// if what is left over then goes into what that saves.
func (b *batcher) fit(n, items int) (int, int) {
	sizes := b.engine.Buckets()
	i, _ := slices.BinarySearch(sizes, items)
	if i == 0 {
		return n, items
	}
	fewer, smaller := 0, 0
	for smaller+b.waiting[fewer].items <= sizes[i-1] {
		smaller += b.waiting[fewer].items
		fewer++
	}
	if fewer == 0 || b.engine.bucket(smaller)+b.engine.bucket(items-smaller) >= sizes[i] {
		return n, items
	}
	return fewer, smaller
}

// batchedRunner is one context's place in the batcher: at most one request at a time.
type batchedRunner struct {
	batcher *batcher
	context *ExecutionContext
	items   int
	// since is when it asked.
	since time.Time
	// ready marks that the request's inputs are there.
	ready device.Event
	// queued carries the worker's answer.
	queued chan answer
	inputs views
	output views
}

// answer says that a batch is queued, and what marks that its outputs are handed back; or why not.
type answer struct {
	done device.Event
	err  error
}

func (b *batcher) newRunner(c *ExecutionContext) runner {
	b.change(func() { b.contexts[c.owner]++ })
	return &batchedRunner{batcher: b, context: c, queued: make(chan answer, 1),
		inputs: newViews(b.engine.Inputs(), c.buffers.inputs, c.items),
		output: newViews(b.engine.Outputs(), c.buffers.outputs, c.items)}
}

func (r *batchedRunner) submit(_ *ExecutionContext, n int, ready device.Event) error {
	r.items, r.ready = n, ready
	b, closed := r.batcher, false
	b.change(func() {
		if closed = b.stop; !closed {
			r.since = time.Now()
			b.waiting = append(b.waiting, r)
		}
	})
	if closed {
		return fmt.Errorf("batcher of %s: %w", b.engine.spec.Name, device.ErrClosed)
	}
	return nil
}

func (r *batchedRunner) await(_ *ExecutionContext, s device.Stream) error {
	a := <-r.queued
	if a.err != nil {
		return a.err
	}
	err := s.Wait(a.done)
	if err != nil {
		_ = a.done.Synchronize() // the batch writes until then
	}
	return err
}

func (r *batchedRunner) capturable() bool { return false }

func (r *batchedRunner) close() error {
	b, owner := r.batcher, r.context.owner
	b.change(func() {
		if b.contexts[owner]--; b.contexts[owner] == 0 {
			delete(b.contexts, owner)
		}
	})
	return nil
}
