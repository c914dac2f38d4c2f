package model

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"sightline/internal/device"
)

// ExecutionContext is one pipeline's use of one model: its own stream, its own buffers, and the right
// to run. Its methods may be called from any goroutine; its lock orders them.
type ExecutionContext struct {
	engine *Engine
	owner  string
	// items is how many it holds.
	items  int
	stream device.Stream
	// ready marks what an inference waits for.
	ready   device.Event
	buffers *contextBuffers
	runner  runner

	lock   sync.Mutex
	closed atomic.Bool
	// busy is set while the context runs. The lock already orders callers; the guard turns any way
	// past it into an error before the runtime sees it.
	busy atomic.Bool
}

// runner is what differs between the modes. submit starts an inference of the first n items of c's inputs, when ready has
// come to pass; await returns when what uses the outputs may be queued on s. A capturable runner just queues the inference on c's
// stream and needs no event.
type runner interface {
	submit(c *ExecutionContext, n int, ready device.Event) error
	await(c *ExecutionContext, s device.Stream) error
	// capturable says that submit only queues work, so that it can be part of a graph.
	capturable() bool
	close() error
}

// newContext makes a pipeline's context for a use of the model. What was made is released if a later part fails.
func (e *Engine) newContext(pipeline string, use *Spec) (_ *ExecutionContext, err error) {
	if err := e.retain(); err != nil {
		return nil, err
	}
	c := &ExecutionContext{engine: e, owner: pipeline, items: use.items(e.engine.MaxBatch(), e.config.Mode)}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.free())
		}
	}()
	if c.stream, err = e.config.Device.NewStream(pipeline); err != nil {
		return nil, err
	}
	if c.ready, err = e.config.Device.NewEvent(); err != nil {
		return nil, err
	}
	room := c.items
	if e.config.Mode != Batched {
		room = e.bucket(room) // a device without a plan for just so many items infers more
	}
	if c.buffers, err = allocateContextBuffers(e, pipeline, room); err != nil {
		return nil, err
	}
	if c.runner, err = e.newRunner(c); err != nil {
		return nil, err
	}
	e.config.Logger.Info("context created", "model", e.spec.Name, "pipeline", pipeline, "mode", e.config.Mode)
	return c, nil
}

func (e *Engine) newRunner(c *ExecutionContext) (runner, error) {
	switch e.config.Mode {
	case Serialized:
		return &serializedRunner{engine: e}, nil
	case Batched:
		return e.batcher.newRunner(c), nil
	}
	own, err := newGuardedContext(e.engine, c.owner)
	if err != nil {
		return nil, err
	}
	return &parallelRunner{context: own}, nil
}

// Input and Output are the context's buffers, in the order of the engine's bindings: room for at least
// Items items.
func (c *ExecutionContext) Input(i int) *device.Buffer { return c.buffers.inputs[i] }

// Output: see Input.
func (c *ExecutionContext) Output(i int) *device.Buffer { return c.buffers.outputs[i] }

// Items is the largest number of items of one inference.
func (c *ExecutionContext) Items() int { return c.items }

// Sizes are the numbers of items, ascending, that inferences are made for: any other costs as much as the next of them.
func (c *ExecutionContext) Sizes() []int {
	if c.engine.config.Mode == Batched { // which puts requests of any size together; more sizes are more to record
		var sizes []int
		for n := 1; n < c.items; n++ {
			if n <= 16 || n%4 == 0 {
				sizes = append(sizes, n)
			}
		}
		return append(sizes, c.items)
	}
	return c.engine.Buckets()
}

// Engine is the model's engine.
func (c *ExecutionContext) Engine() *Engine { return c.engine }

// Stream is the context's own stream. Work queued on it between inferences belongs to the goroutine
// that owns the pipeline.
func (c *ExecutionContext) Stream() device.Stream { return c.stream }

// Infer runs the first n items and returns when the outputs are written. It waits for another caller
// to finish, and fails with device.ErrClosed after Close.
func (c *ExecutionContext) Infer(n int) error {
	c.lock.Lock()
	defer c.lock.Unlock()
	return c.infer(n)
}

// infer is Infer for whoever holds the lock.
func (c *ExecutionContext) infer(n int) error {
	if err := c.enter(); err != nil {
		return err
	}
	defer c.leave()
	if n < 1 || n > c.items {
		return fmt.Errorf("infer %s for %s: %d items, the context holds %d", c.engine.spec.Name, c.owner, n, c.items)
	}
	if err := c.turn(n); err != nil {
		_ = c.stream.Synchronize() // nothing may be at work in the buffers
		return err
	}
	return c.finish()
}

// turn queues an inference of n items.
func (c *ExecutionContext) turn(n int) error {
	if !c.runner.capturable() {
		if err := c.stream.Record(c.ready); err != nil {
			return err
		}
	}
	if err := c.runner.submit(c, n, c.ready); err != nil {
		return err
	}
	return c.runner.await(c, c.stream)
}

// enter passes the guard.
func (c *ExecutionContext) enter() error {
	if !c.busy.CompareAndSwap(false, true) {
		return fmt.Errorf("infer %s for %s: %w", c.engine.spec.Name, c.owner, ErrContextBusy)
	}
	if c.closed.Load() {
		c.busy.Store(false)
		return fmt.Errorf("infer %s for %s: context: %w", c.engine.spec.Name, c.owner, device.ErrClosed)
	}
	return nil
}

func (c *ExecutionContext) leave() { c.busy.Store(false) }

// finish sleeps until the stream's work so far is done.
func (c *ExecutionContext) finish() error {
	if err := c.stream.Synchronize(); err != nil {
		return fmt.Errorf("infer %s for %s: %w", c.engine.spec.Name, c.owner, err)
	}
	return nil
}

// Close waits for a running inference and releases everything. Closing twice does nothing.
func (c *ExecutionContext) Close() error {
	c.lock.Lock()
	defer c.lock.Unlock()
	if c.closed.Swap(true) {
		return nil
	}
	return c.free()
}

// free releases what there is, in the documented order.
func (c *ExecutionContext) free() error {
	var errs []error
	if c.stream != nil {
		_ = c.stream.Synchronize() // a failed stream has told its user already
	}
	if c.runner != nil {
		errs = append(errs, c.runner.close())
	}
	if c.buffers != nil {
		errs = append(errs, c.buffers.close())
	}
	if c.ready != nil {
		errs = append(errs, c.ready.Close())
	}
	if c.stream != nil {
		errs = append(errs, c.stream.Close())
	}
	errs = append(errs, c.engine.release())
	return errors.Join(errs...)
}

// contextBuffers are the inputs and outputs of a context.
type contextBuffers struct {
	inputs, outputs []*device.Buffer
}

// allocateContextBuffers takes room for items inputs and outputs of an engine from the pool. Both kinds
// of context, a pipeline's and a batcher's, get theirs here.
func allocateContextBuffers(e *Engine, owner string, items int) (*contextBuffers, error) {
	b := &contextBuffers{}
	take := func(list []device.Binding) (buffers []*device.Buffer, err error) {
		for _, binding := range list {
			size := int64(items) * binding.Size()
			buffer, err := e.config.Device.Pool().Alloc(owner, e.spec.Name+" "+binding.Name, device.OnDevice, size)
			if err != nil {
				return buffers, err
			}
			buffers = append(buffers, buffer)
		}
		return buffers, nil
	}
	var err error
	if b.inputs, err = take(e.engine.Inputs()); err == nil {
		b.outputs, err = take(e.engine.Outputs())
	}
	if err != nil {
		return nil, errors.Join(err, b.close())
	}
	return b, nil
}

func (b *contextBuffers) close() error {
	return errors.Join(device.CloseAll(b.inputs...), device.CloseAll(b.outputs...))
}

// guardedContext is a runtime context that refuses to be entered twice.
type guardedContext struct {
	context device.ExecutionContext
	name    string
	busy    atomic.Bool
}

func newGuardedContext(e device.Engine, owner string) (*guardedContext, error) {
	context, err := e.NewContext(device.ContextOptions{Owner: owner})
	if err != nil {
		return nil, err
	}
	return &guardedContext{context: context, name: owner}, nil
}

// inferWithContext queues one inference of n items, n being a bucket, on a runtime context with the
// given buffers. All modes come through here, and nothing else reaches the runtime.
func inferWithContext(g *guardedContext, s device.Stream, b *contextBuffers, n int) error {
	if !g.busy.CompareAndSwap(false, true) {
		return fmt.Errorf("runtime context of %s: %w", g.name, ErrContextBusy)
	}
	defer g.busy.Store(false)
	if err := g.context.Bind(b.inputs, b.outputs); err != nil {
		return err
	}
	return g.context.Enqueue(s, n)
}
