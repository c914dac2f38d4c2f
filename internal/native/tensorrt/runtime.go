package tensorrt

import (
	"fmt"
	"unsafe"
)

// Runtime loads engines. Several goroutines may use it.
type Runtime struct {
	object *object // nil once closed; lifecycle guards both
	open   int     // engines
}

// NewRuntime makes a runtime for the current device. The caller closes it after its engines.
func NewRuntime() (*Runtime, error) {
	lifecycle.Lock()
	defer lifecycle.Unlock()
	if version.Load() == 0 {
		return nil, ErrNotLoaded
	}
	a := try("createInferRuntime")
	o, err := a.object(api.CreateInferRuntime(logger(), version.Load()))
	if err != nil {
		return nil, err
	}
	return &Runtime{object: o}, nil
}

// Close destroys the runtime, or fails with ErrInUse while engines are open.
func (r *Runtime) Close() error {
	lifecycle.Lock()
	defer lifecycle.Unlock()
	if r.object == nil {
		return nil
	}
	if r.open > 0 { // undefined behaviour in TensorRT
		return fmt.Errorf("%w: runtime has %d engines", ErrInUse, r.open)
	}
	r.object.destroy()
	r.object = nil
	return nil
}

// Engine loads a plan, which the same TensorRT version and kind of GPU must have built. The plan is not
// needed afterwards. The caller closes the engine after its contexts.
func (r *Runtime) Engine(plan []byte) (*Engine, error) {
	lifecycle.Lock()
	defer lifecycle.Unlock()
	if r.object == nil {
		return nil, fmt.Errorf("runtime: %w", ErrClosed)
	}
	if len(plan) == 0 {
		return nil, fmt.Errorf("tensorrt: deserializeCudaEngine: the plan is empty")
	}
	a := try("deserializeCudaEngine")
	m := methods[runtimeMethods](r.object.impl)
	o, err := a.object(m.DeserializeCudaEngine(r.object.impl, unsafe.SliceData(plan), uint64(len(plan))))
	if err != nil {
		return nil, err
	}
	r.open++
	return &Engine{object: o, impl: o.impl, m: methods[engineMethods](o.impl), runtime: r}, nil
}
