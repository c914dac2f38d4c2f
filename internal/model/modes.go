package model

import "sightline/internal/device"

// parallelRunner has a runtime context of its own: the inference is queued like any other work.
type parallelRunner struct{ context *guardedContext }

func (r *parallelRunner) submit(c *ExecutionContext, n int, _ device.Event) error {
	return inferWithContext(r.context, c.stream, c.buffers, c.engine.bucket(n))
}
func (r *parallelRunner) await(*ExecutionContext, device.Stream) error { return nil }
func (r *parallelRunner) capturable() bool                             { return true }
func (r *parallelRunner) close() error                                 { return r.context.context.Close() }

// serializedRunner takes turns on the engine's one runtime context, with the pipeline's own buffers.
type serializedRunner struct {
	engine *Engine
	items  int
}

func (r *serializedRunner) submit(c *ExecutionContext, n int, ready device.Event) error {
	r.items = n
	return c.stream.Wait(ready)
}

// await holds the engine's lock until the device has finished, because the context's activations are
// in use until then.
func (r *serializedRunner) await(c *ExecutionContext, _ device.Stream) error {
	r.engine.inferring.Lock()
	defer r.engine.inferring.Unlock()
	if err := inferWithContext(r.engine.one, c.stream, c.buffers, c.engine.bucket(r.items)); err != nil {
		return err
	}
	return c.finish()
}
func (r *serializedRunner) capturable() bool { return false }
func (r *serializedRunner) close() error     { return nil }
