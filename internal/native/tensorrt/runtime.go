package tensorrt

import (
	"errors"
	"fmt"
	"sync/atomic"
	"unsafe"

	"sightline/internal/native/cuda"
)

// DataType is the element type of a tensor.
type DataType int32

// Element types.
const (
	Float32 DataType = 0
	Float16 DataType = 1
	Int8    DataType = 2
	Int32   DataType = 3
	Bool    DataType = 4
	Uint8   DataType = 5
	Int64   DataType = 8
)

// Size is the size of one element in bytes.
func (t DataType) Size() int {
	switch t {
	case Float32, Int32:
		return 4
	case Float16:
		return 2
	case Int64:
		return 8
	}
	return 1
}

// Runtime loads engines.
type Runtime struct {
	*object
	engines atomic.Int32
}

// NewRuntime makes a runtime for the current device.
func NewRuntime() (*Runtime, error) {
	lifecycle.Lock()
	defer lifecycle.Unlock()
	o, err := newObject(api.CreateInferRuntime(logger(), api.GetInferLibVersion()), "createInferRuntime")
	if err != nil {
		return nil, err
	}
	return &Runtime{object: o}, nil
}

// Close destroys the runtime. Its engines must be closed.
func (r *Runtime) Close() error {
	if n := r.engines.Load(); n > 0 { // undefined behaviour in TensorRT
		return fmt.Errorf("tensorrt: runtime still has %d engines", n)
	}
	r.destroy()
	return nil
}

// Engine loads a plan. The same TensorRT version and kind of GPU must have built it.
func (r *Runtime) Engine(plan []byte) (*Engine, error) {
	lifecycle.Lock()
	defer lifecycle.Unlock()
	addr := methods[runtimeMethods](r.impl).DeserializeCudaEngine(r.impl, unsafe.SliceData(plan), uint64(len(plan)))
	o, err := newObject(addr, "deserializeCudaEngine")
	if err != nil {
		return nil, err
	}
	r.engines.Add(1)
	return &Engine{object: o, m: methods[engineMethods](o.impl), runtime: r}, nil
}

// Engine is a loaded model: the weights, shared by all its contexts. Its methods may be called from
// several goroutines.
type Engine struct {
	*object
	m        *engineMethods
	runtime  *Runtime
	contexts atomic.Int32
}

// Tensor describes an input or output.
type Tensor struct {
	Name  string
	Input bool
	Type  DataType
	Shape []int64 // -1 marks a dimension that the context sets
}

// Tensors lists inputs and outputs.
func (e *Engine) Tensors() []Tensor {
	const input = 1
	list := make([]Tensor, e.m.GetNbIOTensors(e.impl))
	for i := range list {
		name := e.m.GetIOTensorName(e.impl, int32(i))
		list[i] = Tensor{
			Name:  name,
			Input: e.m.GetTensorIOMode(e.impl, name) == input,
			Type:  e.m.GetTensorDataType(e.impl, name),
			Shape: e.m.GetTensorShape(e.impl, name).shape(),
		}
	}
	return list
}

// MaxShape is the largest shape of an input that the engine was built for.
func (e *Engine) MaxShape(input string) []int64 {
	const profile, largest = 0, 2
	return e.m.GetProfileShape(e.impl, input, profile, largest).shape()
}

// ContextMemory is the device memory that every context takes, in bytes.
func (e *Engine) ContextMemory() int64 { return e.m.GetDeviceMemorySizeV2(e.impl) }

// AuxStreams is the number of extra streams every context uses.
func (e *Engine) AuxStreams() int { return int(e.m.GetNbAuxStreams(e.impl)) }

// Close destroys the engine. Its contexts must be closed.
func (e *Engine) Close() error {
	if n := e.contexts.Load(); n > 0 { // undefined behaviour in TensorRT
		return fmt.Errorf("tensorrt: engine still has %d contexts", n)
	}
	e.destroy()
	e.runtime.engines.Add(-1)
	return nil
}

// ErrBusy means that two goroutines used a context at the same time.
var ErrBusy = errors.New("tensorrt: context used by two goroutines at once")

// Context runs an engine. TensorRT protects nothing here, and two calls at once corrupt results or abort
// the process. A context notices most such mistakes and returns ErrBusy, but goroutines that take turns
// without agreeing still mix up their addresses.
type Context struct {
	*object
	m      *contextMethods
	engine *Engine
	busy   atomic.Bool

	// Unguarded turns the detection of concurrent use off, to see what TensorRT does then.
	Unguarded bool
}

// NewContext makes a context without memory for activations: SetMemory must give it Engine.ContextMemory
// bytes before the first Enqueue, for itself alone.
func (e *Engine) NewContext() (*Context, error) {
	const userManaged = 2
	lifecycle.Lock()
	defer lifecycle.Unlock()
	var o *object
	err := cuda.NoCapture(func() (err error) {
		o, err = newObject(e.m.CreateExecutionContext(e.impl, userManaged), "createExecutionContext")
		return err
	})
	if err != nil {
		return nil, err
	}
	e.contexts.Add(1)
	return &Context{object: o, m: methods[contextMethods](o.impl), engine: e}, nil
}

// SetMemory gives the context device memory for activations, aligned to 256 bytes.
func (c *Context) SetMemory(p uintptr, size int64) error {
	return c.call("setDeviceMemoryV2", func() bool { c.m.SetDeviceMemoryV2(c.impl, p, size); return true })
}

// SetInputShape sets the shape of an input. The first Enqueue after a change is slow.
func (c *Context) SetInputShape(name string, shape []int64) error {
	return c.call("setInputShape "+name, func() bool { return c.m.SetInputShape(c.impl, name, newDims(shape)) })
}

// Shape is the present shape of a tensor.
func (c *Context) Shape(name string) []int64 { return c.m.GetTensorShape(c.impl, name).shape() }

// SetAddress sets where a tensor lies in device memory, aligned to 256 bytes.
func (c *Context) SetAddress(name string, p uintptr) error {
	return c.call("setTensorAddress "+name, func() bool { return c.m.SetTensorAddress(c.impl, name, p) })
}

// Enqueue queues one inference into s, which must not be the default stream. After an error the context
// must be closed and replaced.
func (c *Context) Enqueue(s cuda.Stream) error {
	return c.call("enqueueV3", func() bool { return c.m.EnqueueV3(c.impl, s) })
}

// call runs a method that changes the context.
func (c *Context) call(name string, method func() bool) error {
	if !c.Unguarded {
		if !c.busy.CompareAndSwap(false, true) {
			return ErrBusy
		}
		defer c.busy.Store(false)
	}
	if !method() {
		return failed(name)
	}
	return nil
}

// Close destroys the context. The streams it worked in must be empty of its work.
func (c *Context) Close() {
	c.destroy()
	c.engine.contexts.Add(-1)
}
