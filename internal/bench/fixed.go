package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sightline/internal/device"
	"sightline/internal/model"
)

// Fixed measures a model with batches that are always full, on a number of streams, with nothing between the graph
// and its replay: what the device can do at best, and what mode batched is to be compared with.
type Fixed struct {
	Device    device.Device
	Spec      model.Spec
	Streams   []int
	Warm, For time.Duration
	// Rounds is as Infer.Rounds.
	Rounds int
}

// FixedMode is what Fixed's rows call their mode: their lanes are streams, their items the batch.
const FixedMode = "fixed"

// Run measures every batch size that the engine has with every number of streams, like Infer.Run.
func (b Fixed) Run(ctx context.Context, each func(Inference)) (err error) {
	before := memory(b.Device)
	engine, err := loadEngine(b.Device, b.Spec)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, engine.Close()) }()
	shared := memory(b.Device).each(before, 1)
	for _, items := range powers(engine.Buckets()) {
		for _, n := range b.Streams {
			row := Inference{Model: b.Spec.Name, Mode: FixedMode, Lanes: n, Items: items, Shared: shared}
			if err := b.measure(ctx, engine, &row); err != nil {
				if fatal := final(ctx, b.Device); fatal != nil {
					return fatal
				}
				row.Error = err.Error()
			}
			each(row)
		}
	}
	return nil
}

// loadEngine loads a model for the caller to close.
func loadEngine(d device.Device, spec model.Spec) (device.Engine, error) {
	onnx, err := spec.Read()
	if err != nil {
		return nil, fmt.Errorf("model %s: %w", spec.Name, err)
	}
	return d.LoadEngine(device.ModelFile{Name: spec.Name, ONNX: onnx, MaxBatch: spec.Batch})
}

// powers leaves out the batch sizes that are no power of two, but for the largest: the host has one of every size.
func powers(buckets []int) (list []int) {
	for i, n := range buckets {
		if n&(n-1) == 0 || i == len(buckets)-1 {
			list = append(list, n)
		}
	}
	return list
}

func (b Fixed) measure(ctx context.Context, engine device.Engine, row *Inference) (err error) {
	before := memory(b.Device)
	l := fixedLanes{lanes: lanes{device: b.Device, warm: b.Warm, span: b.For, rounds: b.Rounds}}
	defer func() { err = errors.Join(err, l.close()) }()
	if err := l.add(engine, "stream", row); err != nil {
		return err
	}
	rounds, err := l.repeat(ctx)
	row.Context = memory(b.Device).each(before, row.Lanes)
	if err == nil {
		row.choose(rounds)
	}
	return err
}

// fixedLanes are streams of full batches. The caller closes them, also when add failed.
type fixedLanes struct {
	lanes
	open []*fixedLane
}

// add makes as many as the row says, under a name and their number.
func (l *fixedLanes) add(e device.Engine, name string, row *Inference) error {
	for i := range row.Lanes {
		f := &fixedLane{}
		l.open = append(l.open, f)
		if err := f.prepare(l.device, e, fmt.Sprintf("%s-%d", name, i+1), row.Items); err != nil {
			return err
		}
		l.work = append(l.work, f.turn)
	}
	return nil
}

func (l *fixedLanes) close() (err error) {
	for _, f := range l.open {
		err = errors.Join(err, f.close())
	}
	return err
}

// fixedLane is one stream with its context, buffers and recorded inference.
type fixedLane struct {
	stream  device.Stream
	done    device.Event
	context device.ExecutionContext
	buffers []*device.Buffer
	graph   device.Graph
}

func (f *fixedLane) prepare(d device.Device, engine device.Engine, owner string, items int) (err error) {
	if f.stream, err = d.NewStream(owner); err != nil {
		return err
	}
	if f.done, err = d.NewEvent(); err != nil {
		return err
	}
	take := func(bindings []device.Binding) (list []*device.Buffer, err error) {
		for _, one := range bindings {
			buffer, err := d.Pool().Alloc(owner, one.Name, device.OnDevice, int64(items)*one.Size())
			if err != nil {
				return nil, err
			}
			f.buffers, list = append(f.buffers, buffer), append(list, buffer)
		}
		return list, nil
	}
	inputs, err := take(engine.Inputs())
	if err != nil {
		return err
	}
	outputs, err := take(engine.Outputs())
	if err != nil {
		return err
	}
	if err := feed(d, f.stream, inputs[0]); err != nil {
		return err
	}
	if f.context, err = engine.NewContext(device.ContextOptions{Owner: owner}); err != nil {
		return err
	}
	if err := f.context.Bind(inputs, outputs); err != nil {
		return err
	}
	if err := f.stream.BeginCapture(); err != nil {
		return err
	}
	failed := f.context.Enqueue(f.stream, items)
	graph, err := f.stream.EndCapture()
	if err == nil {
		f.graph = graph
	}
	return errors.Join(failed, err)
}

func (f *fixedLane) turn() error {
	return errors.Join(f.stream.Launch(f.graph), f.stream.Record(f.done), f.done.Synchronize())
}

func (f *fixedLane) close() error {
	var errs []error
	if f.stream != nil {
		_ = f.stream.Synchronize() // a failed stream has told its user already
	}
	if f.graph != nil {
		errs = append(errs, f.graph.Close())
	}
	if f.context != nil {
		errs = append(errs, f.context.Close())
	}
	errs = append(errs, device.CloseAll(f.buffers...))
	if f.done != nil {
		errs = append(errs, f.done.Close())
	}
	if f.stream != nil {
		errs = append(errs, f.stream.Close())
	}
	return errors.Join(errs...)
}
