package onnxruntime

import (
	"errors"
	"fmt"
	"unsafe"

	"sightline/internal/native/dl"
)

// ElementType is an ONNXTensorElementDataType.
type ElementType int32

// The element types that values may have.
const (
	Float ElementType = 1
	Int32 ElementType = 6
	Int64 ElementType = 7
)

// Size of an element in bytes; 0 for a type that values cannot have.
func (t ElementType) Size() int64 {
	switch t {
	case Float, Int32:
		return 4
	case Int64:
		return 8
	}
	return 0
}

func (t ElementType) String() string {
	names := map[ElementType]string{1: "float32", 2: "uint8", 3: "int8", 6: "int32", 7: "int64", 9: "bool", 10: "float16", 11: "float64", 16: "bfloat16"}
	if name, ok := names[t]; ok {
		return name
	}
	return fmt.Sprintf("element type %d", int32(t))
}

// Tensor describes an input or output of a session; -1 is a dimension set by the caller.
type Tensor struct {
	Name  string
	Type  ElementType
	Shape []int64
	cname []byte
}

// Session is a loaded model. Run may be called from many goroutines at once; Close when none runs.
type Session struct {
	lib             *Library
	session         *session
	Inputs, Outputs []Tensor
}

// NewSession loads an ONNX model. threads is the number of threads that work on one operator. Idle
// threads sleep rather than spin, because other sessions want the cores.
func (l *Library) NewSession(model []byte, threads int) (*Session, error) {
	if len(model) == 0 {
		return nil, errors.New("onnx runtime: the model is empty")
	}
	var o *options
	if err := l.check("CreateSessionOptions", l.api.CreateSessionOptions(&o)); err != nil {
		return nil, err
	}
	defer l.api.ReleaseSessionOptions(o)
	if err := l.check("SetIntraOpNumThreads", l.api.SetIntraOpNumThreads(o, int32(threads))); err != nil {
		return nil, err
	}
	if err := l.check("AddSessionConfigEntry", l.api.AddConfigEntry(o, "session.intra_op.allow_spinning", "0")); err != nil {
		return nil, err
	}
	s := &Session{lib: l}
	err := l.check("CreateSessionFromArray",
		l.api.CreateSessionFromArray(l.env, unsafe.Pointer(&model[0]), uintptr(len(model)), o, &s.session))
	if err != nil {
		return nil, err
	}
	if s.Inputs, err = s.tensors(l.api.InputCount, l.api.InputName, l.api.InputTypeInfo); err == nil {
		s.Outputs, err = s.tensors(l.api.OutputCount, l.api.OutputName, l.api.OutputTypeInfo)
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Session) tensors(count func(*session, *uintptr) *status, name func(*session, uintptr, *allocator, **byte) *status,
	info func(*session, uintptr, **typeInfo) *status) ([]Tensor, error) {
	l := s.lib
	var n uintptr
	if err := l.check("count tensors", count(s.session, &n)); err != nil {
		return nil, err
	}
	tensors := make([]Tensor, n)
	for i := range tensors {
		var c *byte
		if err := l.check("name of tensor", name(s.session, uintptr(i), l.allocator, &c)); err != nil {
			return nil, err
		}
		t := &tensors[i]
		t.Name = dl.String(c)
		t.cname = append([]byte(t.Name), 0)
		if err := l.check("AllocatorFree", l.api.AllocatorFree(l.allocator, c)); err != nil {
			return nil, err
		}
		var ti *typeInfo
		if err := l.check("type of tensor", info(s.session, uintptr(i), &ti)); err != nil {
			return nil, err
		}
		err := l.describe(t, ti)
		l.api.ReleaseTypeInfo(ti)
		if err != nil {
			return nil, fmt.Errorf("tensor %q: %w", t.Name, err)
		}
	}
	return tensors, nil
}

func (l *Library) describe(t *Tensor, ti *typeInfo) error {
	var info *tensorInfo
	if err := l.check("CastTypeInfoToTensorInfo", l.api.CastTypeInfo(ti, &info)); err != nil {
		return err
	}
	if info == nil {
		return errors.New("is not a tensor")
	}
	if err := l.check("GetTensorElementType", l.api.ElementType(info, (*int32)(&t.Type))); err != nil {
		return err
	}
	var err error
	t.Shape, err = l.shape(info)
	return err
}

func (l *Library) shape(info *tensorInfo) ([]int64, error) {
	var rank uintptr
	if err := l.check("GetDimensionsCount", l.api.DimensionsCount(info, &rank)); err != nil || rank == 0 {
		return nil, err
	}
	shape := make([]int64, rank)
	return shape, l.check("GetDimensions", l.api.Dimensions(info, &shape[0], rank))
}

// Close unloads the model. Closing twice does nothing.
func (s *Session) Close() error {
	if s.session != nil {
		s.lib.api.ReleaseSession(s.session)
		s.session = nil
	}
	return nil
}

// Value is a tensor over memory of the caller, which must neither move nor be freed before
// Close: memory from mmap, or pinned.
type Value struct {
	lib   *Library
	value *value
}

// NewValue makes a tensor of the shape over data, whose length must be the shape's.
func (l *Library) NewValue(data []float32, shape ...int64) (*Value, error) {
	if len(data) == 0 {
		return nil, fmt.Errorf("onnx runtime: 0 values for a tensor of shape %v", shape)
	}
	return l.NewValueOf(Float, unsafe.Slice((*byte)(unsafe.Pointer(&data[0])), 4*len(data)), shape...)
}

// NewValueOf is NewValue for the bytes of elements of a type.
func (l *Library) NewValueOf(t ElementType, data []byte, shape ...int64) (*Value, error) {
	n := t.Size()
	for _, d := range shape {
		n *= d
	}
	if n <= 0 || int64(len(data)) != n {
		return nil, fmt.Errorf("onnx runtime: %d bytes for a tensor of shape %v and type %v", len(data), shape, t)
	}
	v := &Value{lib: l}
	err := l.check("CreateTensorWithDataAsOrtValue", l.api.CreateTensorWithData(l.cpu, unsafe.Pointer(&data[0]),
		uintptr(n), &shape[0], uintptr(len(shape)), int32(t), &v.value))
	if err != nil {
		return nil, err
	}
	return v, nil
}

// Close releases the tensor, not its memory. Closing twice does nothing.
func (v *Value) Close() error {
	if v.value != nil {
		v.lib.api.ReleaseValue(v.value)
		v.value = nil
	}
	return nil
}
