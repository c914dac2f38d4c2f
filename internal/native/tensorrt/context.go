package tensorrt

import (
	"fmt"
	"sync/atomic"

	"sightline/internal/native/cuda"
)

// Context runs an engine. TensorRT protects nothing here, and two calls at once corrupt results or abort
// the process. A context notices most such mistakes and returns ErrBusy, but goroutines that take turns
// without agreeing still mix up their addresses.
type Context struct {
	object *object
	impl   *impl
	m      *contextMethods
	engine *Engine
	state  atomic.Int32

	// Unguarded turns the detection of concurrent use off, to see what TensorRT does then.
	Unguarded bool
}

// The states of a context.
const (
	idle = iota
	busy
	closed
)

// memoryAlignment is what TensorRT asks of the memory for activations, in bytes.
const memoryAlignment = 256

// SetMemory gives the context device memory for activations, aligned to 256 bytes and of at least
// Engine.ContextMemory bytes. Nothing else may use it from Enqueue until the stream has passed that.
func (c *Context) SetMemory(p uintptr, size int64) error {
	if need := c.engine.ContextMemory(); size < need || p%memoryAlignment != 0 {
		return fmt.Errorf("tensorrt: setDeviceMemoryV2: %d bytes at %#x, %d needed, aligned to %d", size, p, need, memoryAlignment)
	}
	return c.call("setDeviceMemoryV2", "", func() bool { c.m.SetDeviceMemoryV2(c.impl, p, size); return true })
}

// SetInputShape sets the shape of an input. The first Enqueue after a change is slow.
func (c *Context) SetInputShape(name string, shape []int64) error {
	if len(shape) > maxDims {
		return fmt.Errorf("tensorrt: setInputShape %s: %d dimensions, %d at most", name, len(shape), maxDims)
	}
	return c.call("setInputShape", name, func() bool { return c.m.SetInputShape(c.impl, name, newDims(shape)) })
}

// Shape is the present shape of a tensor; nil if it is not known or the context is closed.
func (c *Context) Shape(name string) []int64 {
	var shape []int64
	_ = c.call("getTensorShape", name, func() bool { shape = c.m.GetTensorShape(c.impl, name).shape(); return true })
	return shape
}

// SetAddress sets where a tensor lies in device memory, aligned to 256 bytes.
func (c *Context) SetAddress(name string, p uintptr) error {
	return c.call("setTensorAddress", name, func() bool { return c.m.SetTensorAddress(c.impl, name, p) })
}

// Enqueue queues one inference into s, which must not be the default stream. After an error other than
// ErrBusy and ErrClosed the context must be closed and replaced.
func (c *Context) Enqueue(s cuda.Stream) error {
	return c.call("enqueueV3", "", func() bool { return c.m.EnqueueV3(c.impl, s) })
}

// call runs a method of the context.
func (c *Context) call(name, tensor string, method func() bool) error {
	if !c.Unguarded {
		if !c.state.CompareAndSwap(idle, busy) {
			return c.refusal()
		}
		defer c.state.Store(idle)
	}
	a := try(name)
	if method() {
		return nil
	}
	if tensor != "" {
		a.call += " " + tensor
	}
	return a.failed()
}

func (c *Context) refusal() error {
	if c.state.Load() == closed {
		return fmt.Errorf("context: %w", ErrClosed)
	}
	return ErrBusy
}

// Close destroys the context. The streams it worked in must be empty of its work. It fails with ErrBusy,
// and does nothing, during a call.
func (c *Context) Close() error {
	lifecycle.Lock()
	defer lifecycle.Unlock()
	if !c.state.CompareAndSwap(idle, closed) {
		if c.state.Load() == closed {
			return nil
		}
		return ErrBusy
	}
	c.object.destroy()
	c.engine.open--
	return nil
}
