package tensorrt

import (
	"fmt"

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

func (t DataType) String() string {
	names := map[DataType]string{Float32: "float32", Float16: "float16", Int8: "int8", Int32: "int32", Bool: "bool", Uint8: "uint8", Int64: "int64"}
	if name, ok := names[t]; ok {
		return name
	}
	return fmt.Sprintf("element type %d", int32(t))
}

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

// Engine is a loaded model: the weights, shared by all its contexts. Its methods may be called from
// several goroutines until it is closed.
type Engine struct {
	object  *object // nil once closed; lifecycle guards it, runtime's count and open
	open    int     // contexts
	impl    *impl
	m       *engineMethods
	runtime *Runtime
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

// MaxShape is the largest shape of an input that the engine was built for; nil if name is no input.
func (e *Engine) MaxShape(input string) []int64 {
	const profile, largest = 0, 2
	return e.m.GetProfileShape(e.impl, input, profile, largest).shape()
}

// Profiles is the number of optimisation profiles.
func (e *Engine) Profiles() int { return int(e.m.GetNbOptimizationProfiles(e.impl)) }

// ContextMemory is the device memory that every context needs, in bytes.
func (e *Engine) ContextMemory() int64 { return e.m.GetDeviceMemorySizeV2(e.impl) }

// AuxStreams is the number of extra streams every context uses.
func (e *Engine) AuxStreams() int { return int(e.m.GetNbAuxStreams(e.impl)) }

// WeightsSize is the size of the weights in bytes. TensorRT tells it from 10.14 on; before, the error is
// an ErrVersion.
func (e *Engine) WeightsSize() (int64, error) {
	const totalWeights = 0
	if e.m.GetEngineStat == nil {
		return 0, fmt.Errorf("%w: the size of weights needs 10.14, this is %s", ErrVersion, Version())
	}
	return e.m.GetEngineStat(e.impl, totalWeights), nil
}

// NewContext makes a context without memory for activations: SetMemory must give it ContextMemory bytes
// before the first Enqueue, for itself alone. The caller closes it.
func (e *Engine) NewContext() (*Context, error) {
	const userManaged = 2
	lifecycle.Lock()
	defer lifecycle.Unlock()
	if e.object == nil {
		return nil, fmt.Errorf("engine: %w", ErrClosed)
	}
	var o *object
	a := try("createExecutionContext")
	err := cuda.NoCapture(func() (err error) {
		o, err = a.object(e.m.CreateExecutionContext(e.impl, userManaged))
		return err
	})
	if err != nil {
		return nil, err
	}
	e.open++
	return &Context{object: o, impl: o.impl, m: methods[contextMethods](o.impl), engine: e}, nil
}

// Close destroys the engine, or fails with ErrInUse while contexts are open.
func (e *Engine) Close() error {
	lifecycle.Lock()
	defer lifecycle.Unlock()
	if e.object == nil {
		return nil
	}
	if e.open > 0 { // undefined behaviour in TensorRT
		return fmt.Errorf("%w: engine has %d contexts", ErrInUse, e.open)
	}
	e.object.destroy()
	e.object = nil
	e.runtime.open--
	return nil
}
