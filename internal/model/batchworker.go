package model

import (
	"errors"

	"sightline/internal/device"
)

// batchWorker runs batches one after the other, each when the device has finished the one before, so that
// batches grow by themselves while the device is busy.
type batchWorker struct {
	batcher *batcher
	stream  device.Stream
	context *guardedContext
	buffers *contextBuffers
	inputs  views
	outputs views
	batch   []*batchedRunner
	// done marks the ends of batches in turn: a pipeline that comes late to wait finds its event recorded again, for the batch after the
	// next, and waits for that one.
	done [2]device.Event
	turn int
	// tables say what of whose is in a batch: device.Moves that bring the requests' inputs together and hand the outputs
	// back. They are written in table, and a batch begins with bringing them to the device.
	table   *device.Buffer
	tables  *device.Buffer
	gather  device.Moves
	scatter device.Moves
	// graphs holds the work of every bucket that has come up; nil for one that cannot be recorded.
	graphs map[int]device.Graph
}

func newBatchWorker(b *batcher) (_ *batchWorker, err error) {
	e := b.engine
	w := &batchWorker{batcher: b, graphs: map[int]device.Graph{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.close())
		}
	}()
	if w.stream, err = e.config.Device.NewStream(e.owner()); err != nil {
		return nil, err
	}
	for i := range w.done {
		if w.done[i], err = e.config.Device.NewEvent(); err != nil {
			return nil, err
		}
	}
	most := e.engine.MaxBatch()
	if w.buffers, err = allocateContextBuffers(e, e.owner(), most); err != nil {
		return nil, err
	}
	w.inputs = newViews(e.Inputs(), w.buffers.inputs, most)
	w.outputs = newViews(e.Outputs(), w.buffers.outputs, most)
	w.gather.Count, w.scatter.Count = len(e.Inputs())*most, len(e.Outputs())*most
	in, out := int64(w.gather.Count)*device.MoveSize, int64(w.scatter.Count)*device.MoveSize
	if w.table, err = e.config.Device.Pool().Alloc(e.owner(), "table of a batch", device.Pinned, in+out); err != nil {
		return nil, err
	}
	if w.tables, err = e.config.Device.Pool().Alloc(e.owner(), "table of a batch", device.OnDevice, in+out); err != nil {
		return nil, err
	}
	w.gather.Table, w.scatter.Table = w.tables.Slice(0, in), w.tables.Slice(in, out)
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
	errs = append(errs, device.CloseAll(w.table, w.tables))
	for _, e := range w.done {
		if e != nil {
			errs = append(errs, e.Close())
		}
	}
	if w.stream != nil {
		errs = append(errs, w.stream.Close())
	}
	return errors.Join(errs...)
}

func (w *batchWorker) run() {
	for {
		batch, items := w.batcher.gather(w.batch[:0])
		if items == 0 {
			return
		}
		w.batch = batch
		done, err := w.queue(items)
		if err != nil {
			_ = w.stream.Synchronize() // what of it was queued reads and writes the requests' buffers
		}
		for _, r := range w.batch {
			r.queued <- answer{done, err}
		}
		if err := w.stream.Synchronize(); err != nil {
			// The waiting pipelines learn it from the batch's event; a failed stream stays failed.
			w.batcher.engine.config.Logger.Error("batch failed", "model", w.batcher.engine.spec.Name, "error", err)
		}
		w.batcher.land(len(w.batch))
	}
}

// queue puts the batch on the worker's stream: wait for each request's inputs, bring them together,
// infer, hand the outputs back, which done marks.
func (w *batchWorker) queue(items int) (done device.Event, err error) {
	table := w.table.Bytes()
	clear(table)
	at, input, output := 0, 0, w.gather.Count // entries of the table: scatter's follow gather's
	for _, r := range w.batch {
		if err := w.stream.Wait(r.ready); err != nil {
			return nil, err
		}
		for k := range w.inputs.buffers {
			device.PutMove(table, input, w.inputs.of(k, at, r.items), r.inputs.of(k, 0, r.items))
			input++
		}
		for k := range w.outputs.buffers {
			device.PutMove(table, output, r.output.of(k, 0, r.items), w.outputs.of(k, at, r.items))
			output++
		}
		at += r.items
	}
	if err := w.infer(w.batcher.engine.bucket(items)); err != nil {
		return nil, err
	}
	w.turn = 1 - w.turn
	return w.done[w.turn], w.stream.Record(w.done[w.turn])
}

// infer queues the work of a batch of n items, n being a bucket: as a graph, recorded when it first comes up, or
// piece by piece where that fails.
func (w *batchWorker) infer(n int) error {
	g, known := w.graphs[n]
	if !known {
		g = w.record(n)
		w.graphs[n] = g
	}
	if g == nil {
		return w.work(w.stream, n)
	}
	return w.stream.Launch(g)
}

func (w *batchWorker) record(n int) device.Graph {
	g, err := capture(w.stream, func(s device.Stream) error { return w.work(s, n) })
	if err != nil {
		e := w.batcher.engine
		e.config.Logger.Error("recording failed, work is queued for every batch", "model", e.spec.Name, "batch", n, "error", err)
		return nil
	}
	return g
}

// work is what a batch of n items does on the device, wherever its requests lie.
func (w *batchWorker) work(s device.Stream, n int) error {
	kernels := w.batcher.engine.config.Device.Kernels()
	if err := s.Copy(w.tables, w.table); err != nil {
		return err
	}
	if err := kernels.Moves(s, w.gather); err != nil {
		return err
	}
	if err := inferWithContext(w.context, s, w.buffers, n); err != nil {
		return err
	}
	return kernels.Moves(s, w.scatter)
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
