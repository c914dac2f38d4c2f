package model

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"sightline/internal/device"
)

// batcher gathers the requests of many pipelines into batches, which a few workers run, each with a
// runtime context, a stream and buffers of its own. A batch starts when it is full, when every
// pipeline is in it, or when its first request has waited for MaxWait.
type batcher struct {
	engine   *Engine
	requests chan *batchedRunner
	stop     chan struct{}
	stopped  sync.WaitGroup
	// lanes counts the pipelines' contexts: with all of them waiting, nobody else can come.
	lanes   atomic.Int64
	workers []*batchWorker
}

func newBatcher(e *Engine) (*batcher, error) {
	b := &batcher{engine: e, requests: make(chan *batchedRunner), stop: make(chan struct{})}
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
	close(b.stop)
	b.stopped.Wait()
	var errs []error
	for _, w := range b.workers {
		errs = append(errs, w.close())
	}
	return errors.Join(errs...)
}

// batchedRunner is one context's place in the batcher: at most one request at a time.
type batchedRunner struct {
	batcher *batcher
	context *ExecutionContext
	items   int
	// ready marks the request's inputs on the context's stream, done its outputs on the worker's.
	ready, done device.Event
	// queued carries the worker's answer: the batch is on its stream and done is recorded.
	queued chan error
	inputs views
	output views
}

func (b *batcher) newRunner(c *ExecutionContext) (runner, error) {
	d := b.engine.config.Device
	ready, err := d.NewEvent()
	if err != nil {
		return nil, err
	}
	done, err := d.NewEvent()
	if err != nil {
		return nil, errors.Join(err, ready.Close())
	}
	b.lanes.Add(1)
	return &batchedRunner{batcher: b, context: c, ready: ready, done: done, queued: make(chan error, 1),
		inputs: newViews(b.engine.Inputs(), c.buffers.inputs, b.engine.Items()),
		output: newViews(b.engine.Outputs(), c.buffers.outputs, b.engine.Items())}, nil
}

func (r *batchedRunner) submit(c *ExecutionContext, n int) error {
	r.items = n
	if err := c.stream.Record(r.ready); err != nil {
		return err
	}
	select {
	case r.batcher.requests <- r:
		return nil
	case <-r.batcher.stop:
		return fmt.Errorf("batcher of %s: %w", r.batcher.engine.spec.Name, device.ErrClosed)
	}
}

func (r *batchedRunner) await(c *ExecutionContext) error {
	if err := <-r.queued; err != nil {
		return err
	}
	return c.stream.Wait(r.done)
}

func (r *batchedRunner) capturable() bool { return false }

func (r *batchedRunner) close() error {
	r.batcher.lanes.Add(-1)
	return errors.Join(r.ready.Close(), r.done.Close())
}

// batchWorker runs batches one after the other. It waits for its stream before it gathers again, so
// that batches grow by themselves while the device is busy.
type batchWorker struct {
	batcher *batcher
	stream  device.Stream
	context *guardedContext
	buffers *contextBuffers
	inputs  views
	outputs views
	batch   []*batchedRunner
	carry   *batchedRunner
	timer   *time.Timer
	// graphs holds the inference of every bucket that has come up; nil for one that cannot be recorded.
	graphs map[int]device.Graph
}

func newBatchWorker(b *batcher) (_ *batchWorker, err error) {
	e := b.engine
	w := &batchWorker{batcher: b, timer: time.NewTimer(time.Hour), graphs: map[int]device.Graph{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.close())
		}
	}()
	if w.stream, err = e.config.Device.NewStream(e.owner()); err != nil {
		return nil, err
	}
	if w.buffers, err = allocateContextBuffers(e, e.owner(), e.engine.MaxBatch()); err != nil {
		return nil, err
	}
	w.inputs = newViews(e.Inputs(), w.buffers.inputs, e.engine.MaxBatch())
	w.outputs = newViews(e.Outputs(), w.buffers.outputs, e.engine.MaxBatch())
	w.context, err = newGuardedContext(e.engine, e.owner())
	return w, err
}

func (w *batchWorker) close() error {
	var errs []error
	for _, g := range w.graphs {
		if g != nil {
			errs = append(errs, g.Close())
		}
	}
	if w.context != nil {
		errs = append(errs, w.context.context.Close())
	}
	if w.buffers != nil {
		errs = append(errs, w.buffers.close())
	}
	if w.stream != nil {
		errs = append(errs, w.stream.Close())
	}
	return errors.Join(errs...)
}

func (w *batchWorker) run() {
	for {
		items := w.gather()
		if items == 0 {
			return
		}
		err := w.queue(items)
		for _, r := range w.batch {
			r.queued <- err
		}
		if err := w.stream.Synchronize(); err != nil {
			// The waiting pipelines learn it from their done events; a failed stream stays failed.
			w.batcher.engine.config.Logger.Error("batch failed", "model", w.batcher.engine.spec.Name, "error", err)
		}
	}
}

// gather fills w.batch and returns its number of items; 0 when the batcher stops.
func (w *batchWorker) gather() int {
	first := w.carry
	w.carry, w.batch = nil, w.batch[:0]
	if first == nil {
		select {
		case first = <-w.batcher.requests:
		case <-w.batcher.stop:
			return 0
		}
	}
	w.batch = append(w.batch, first)
	items := first.items
	w.timer.Reset(w.batcher.engine.config.MaxWait)
	for items < w.batcher.engine.engine.MaxBatch() && int64(len(w.batch)) < w.batcher.lanes.Load() {
		select {
		case r := <-w.batcher.requests:
			if items+r.items > w.batcher.engine.engine.MaxBatch() {
				w.carry = r // it starts the next batch
				return items
			}
			w.batch = append(w.batch, r)
			items += r.items
		case <-w.timer.C:
			return items
		case <-w.batcher.stop:
			return items
		}
	}
	return items
}

// queue puts the batch on the worker's stream: wait for each request's inputs, bring them together,
// infer, hand the outputs back.
func (w *batchWorker) queue(items int) error {
	at := 0
	for _, r := range w.batch {
		if err := w.stream.Wait(r.ready); err != nil {
			return err
		}
		if err := w.copy(&w.inputs, at, &r.inputs, 0, r.items); err != nil {
			return err
		}
		at += r.items
	}
	if err := w.infer(w.batcher.engine.bucket(items)); err != nil {
		return err
	}
	at = 0
	for _, r := range w.batch {
		if err := w.copy(&r.output, 0, &w.outputs, at, r.items); err != nil {
			return err
		}
		if err := w.stream.Record(r.done); err != nil {
			return err
		}
		at += r.items
	}
	return nil
}

// infer queues the inference of n items, n being a bucket: as a graph, recorded when it first comes up, or
// kernel by kernel where that fails.
func (w *batchWorker) infer(n int) error {
	g, known := w.graphs[n]
	if !known {
		g = w.record(n)
		w.graphs[n] = g
	}
	if g == nil {
		return inferWithContext(w.context, w.stream, w.buffers, n)
	}
	return w.stream.Launch(g)
}

func (w *batchWorker) record(n int) device.Graph {
	g, err := capture(w.stream, func(s device.Stream) error { return inferWithContext(w.context, s, w.buffers, n) })
	if err != nil {
		e := w.batcher.engine
		e.config.Logger.Error("recording failed, work is queued for every batch", "model", e.spec.Name, "batch", n, "error", err)
		return nil
	}
	return g
}

func (w *batchWorker) copy(to *views, toItem int, from *views, fromItem, n int) error {
	for i := range to.buffers {
		if err := w.stream.Copy(to.of(i, toItem, n), from.of(i, fromItem, n)); err != nil {
			return err
		}
	}
	return nil
}

// views makes and keeps slices of buffers by item, so that the steady state allocates none.
type views struct {
	buffers []*device.Buffer
	sizes   []int64
	items   int
	cache   []*device.Buffer
}

func newViews(bindings []device.Binding, buffers []*device.Buffer, items int) views {
	v := views{buffers: buffers, items: items, cache: make([]*device.Buffer, len(buffers)*items*items)}
	for _, b := range bindings {
		v.sizes = append(v.sizes, b.Size())
	}
	return v
}

// of is items first..first+n-1 of buffer i.
func (v *views) of(i, first, n int) *device.Buffer {
	at := (i*v.items+first)*v.items + n - 1
	if v.cache[at] == nil {
		v.cache[at] = v.buffers[i].Slice(int64(first)*v.sizes[i], int64(n)*v.sizes[i])
	}
	return v.cache[at]
}
