package host

import (
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"sightline/internal/device"
	"sightline/internal/native/onnxruntime"
)

// engine is one ONNX Runtime session, shared by all contexts: sessions may run concurrently.
type engine struct {
	device          *Device
	name            string
	session         *onnxruntime.Session
	inputs, outputs []device.Binding
	buckets         []int
	contexts        atomic.Int64
	closed          atomic.Bool
}

func newEngine(d *Device, m device.ModelFile) (*engine, error) {
	session, err := d.runtime.NewSession(m.ONNX, d.options.Threads)
	if err != nil {
		return nil, fmt.Errorf("load model %s: %w", m.Name, err)
	}
	e := &engine{device: d, name: m.Name, session: session}
	least := 1
	for _, t := range session.Inputs {
		if len(t.Shape) > 0 && t.Shape[0] > 1 { // no other batch fits; bindings has the last word
			least = m.MaxBatch
		}
	}
	for n := least; n <= m.MaxBatch; n++ {
		e.buckets = append(e.buckets, n)
	}
	if e.inputs, err = bindings(session.Inputs, m.MaxBatch); err == nil {
		err = learnShapes(session, m.MaxBatch)
	}
	if err == nil {
		e.outputs, err = bindings(session.Outputs, m.MaxBatch)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("load model %s: %w", m.Name, err), session.Close())
	}
	return e, nil
}

// learnShapes finds out by an inference what shapes the outputs have where the graph leaves open more than the batch,
// as exports with a dynamic height and width do: the inputs' sizes are fixed by now, and TensorRT works it out too.
func learnShapes(session *onnxruntime.Session, maxBatch int) error {
	open := func(t onnxruntime.Tensor) bool {
		return len(t.Shape) == 0 || slices.ContainsFunc(t.Shape[1:], func(n int64) bool { return n < 1 })
	}
	if !slices.ContainsFunc(session.Outputs, open) {
		return nil
	}
	items := int64(min(2, maxBatch)) // two tell a batch from a size that happens to be 1
	for _, t := range session.Inputs {
		if t.Shape[0] > 0 {
			items = t.Shape[0]
		}
	}
	shapes, err := session.OutputShapes(items)
	if err != nil {
		return fmt.Errorf("learn the shapes of its outputs: %w", err)
	}
	for i := range session.Outputs {
		t := &session.Outputs[i]
		if !open(*t) {
			continue
		}
		if n := shapes[i]; len(n) > 0 && n[0] != items {
			return fmt.Errorf("tensor %q has the shape %v for a batch of %d, expected the batch first", t.Name, n, items)
		}
		t.Shape = shapes[i]
		if len(t.Shape) > 0 && maxBatch > 1 {
			t.Shape[0] = -1
		}
	}
	return nil
}

var elementTypes = map[onnxruntime.ElementType]device.ElementType{onnxruntime.Float: device.Float32, onnxruntime.Int32: device.Int32, onnxruntime.Int64: device.Int64}

// bindings checks that tensors are of types that buffers can hold, with a batch dimension first and fixed
// ones after it.
func bindings(tensors []onnxruntime.Tensor, maxBatch int) ([]device.Binding, error) {
	list := make([]device.Binding, len(tensors))
	for i, t := range tensors {
		element, ok := elementTypes[t.Type]
		if !ok {
			return nil, fmt.Errorf("tensor %q is of %v, expected floating point, int32 or int64: export the model with float32 inputs and outputs", t.Name, t.Type)
		}
		list[i].Type = element
		if len(t.Shape) < 2 {
			return nil, fmt.Errorf("tensor %q has shape %v, expected a batch dimension and at least one more", t.Name, t.Shape)
		}
		if n := t.Shape[0]; n > 0 && n != int64(maxBatch) {
			return nil, fmt.Errorf("tensor %q has a fixed batch of %d, the card says batch %d", t.Name, n, maxBatch)
		}
		list[i].Name = t.Name
		for _, d := range t.Shape[1:] {
			if d <= 0 {
				return nil, fmt.Errorf("tensor %q has shape %v: only the first dimension may be open; the card's input.shape fixes an input's height and width, or export the model with a fixed size", t.Name, t.Shape)
			}
			list[i].Shape = append(list[i].Shape, int(d))
		}
	}
	return list, nil
}

func (e *engine) Inputs() []device.Binding  { return e.inputs }
func (e *engine) Outputs() []device.Binding { return e.outputs }
func (e *engine) MaxBatch() int             { return e.buckets[len(e.buckets)-1] }
func (e *engine) Buckets() []int            { return e.buckets }

func (e *engine) NewContext(o device.ContextOptions) (device.ExecutionContext, error) {
	if e.closed.Load() {
		return nil, fmt.Errorf("context of %s for %s: %w", e.name, o.Owner, device.ErrClosed)
	}
	e.contexts.Add(1)
	return &executionContext{engine: e, owner: o.Owner}, nil
}

func (e *engine) Close() error {
	if n := e.contexts.Load(); n > 0 {
		return fmt.Errorf("engine %s has %d contexts: %w", e.name, n, device.ErrInUse)
	}
	if e.closed.Swap(true) {
		return nil
	}
	e.device.engines.Add(-1)
	return e.session.Close()
}

// executionContext is a set of prepared calls, one a batch size, over the bound buffers.
type executionContext struct {
	engine *engine
	owner  string
	values []*onnxruntime.Value
	calls  []*onnxruntime.Call
	// queued holds calls[i].Run as a work item, made once.
	queued []item
	closed bool
	bound  device.Bound
}

// Bind makes the calls for every batch size, unless the very same buffers are bound already.
func (c *executionContext) Bind(inputs, outputs []*device.Buffer) error {
	e := c.engine
	if c.closed {
		return fmt.Errorf("bind %s for %s: %w", e.name, c.owner, device.ErrClosed)
	}
	if len(inputs) != len(e.inputs) || len(outputs) != len(e.outputs) {
		return fmt.Errorf("bind %s for %s: %d inputs and %d outputs given, the model has %d and %d", e.name, c.owner,
			len(inputs), len(outputs), len(e.inputs), len(e.outputs))
	}
	if c.bound.To(inputs, outputs) {
		return nil
	}
	if err := c.release(); err != nil {
		return err
	}
	for _, n := range e.buckets {
		in, err := c.tensors(e.inputs, inputs, n)
		if err != nil {
			return err
		}
		out, err := c.tensors(e.outputs, outputs, n)
		if err != nil {
			return err
		}
		if in == nil || out == nil {
			break // the buffers hold no more than n-1 items
		}
		call, err := e.session.NewCall(in, out)
		if err != nil {
			return err
		}
		c.calls = append(c.calls, call)
		c.queued = append(c.queued, item{work: call.Run})
	}
	c.bound.Set(inputs, outputs)
	return nil
}

var types = map[device.ElementType]onnxruntime.ElementType{device.Float32: onnxruntime.Float, device.Int32: onnxruntime.Int32, device.Int64: onnxruntime.Int64}

// tensors makes the values of n items, or nil if a buffer is too small for them.
func (c *executionContext) tensors(list []device.Binding, buffers []*device.Buffer, n int) ([]*onnxruntime.Value, error) {
	var values []*onnxruntime.Value
	for i, b := range list {
		size := n * int(b.Size())
		data := bytesOf(buffers[i])
		if len(data) < size {
			if n == c.engine.buckets[0] {
				return nil, fmt.Errorf("bind %s for %s: buffer of %d bytes for %s, %d items need %d", c.engine.name, c.owner,
					buffers[i].Size(), b, n, size)
			}
			return nil, nil
		}
		shape := []int64{int64(n)}
		for _, d := range b.Shape {
			shape = append(shape, int64(d))
		}
		v, err := c.engine.device.runtime.NewValueOf(types[b.Type], data[:size], shape...)
		if err != nil {
			return nil, err
		}
		c.values = append(c.values, v)
		values = append(values, v)
	}
	return values, nil
}

func (c *executionContext) Enqueue(s device.Stream, n int) error {
	if c.closed {
		return fmt.Errorf("enqueue %s for %s: %w", c.engine.name, c.owner, device.ErrClosed)
	}
	i := n - c.engine.buckets[0]
	if i < 0 || i >= len(c.queued) {
		return fmt.Errorf("enqueue %s for %s: batch %d of a context bound for %d", c.engine.name, c.owner, n, len(c.queued))
	}
	return s.(*stream).enqueue(c.queued[i])
}

func (c *executionContext) release() error {
	var errs []error
	for _, call := range c.calls {
		errs = append(errs, call.Close())
	}
	for _, v := range c.values {
		errs = append(errs, v.Close())
	}
	c.calls, c.values, c.queued, c.bound = nil, nil, nil, nil
	return errors.Join(errs...)
}

func (c *executionContext) Close() error {
	if c.closed {
		return nil
	}
	c.closed = true
	c.engine.contexts.Add(-1)
	return c.release()
}
