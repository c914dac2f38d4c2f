package tensorrt

import (
	"reflect"
	"sync"
	"unsafe"

	"sightline/internal/native/dl"
)

// object is a public TensorRT object (IRuntime, ICudaEngine...): a vtable pointer and a pointer to the
// implementation. The C++ methods that programs call are inline and forward to a virtual method of the
// implementation, so that is what this package calls, with the implementation as this pointer.
// The public vtable holds only the destructors.
type object struct {
	vtable unsafe.Pointer
	impl   *impl
}

// impl is an implementation object (VRuntime, VCudaEngine...) or an object without one, such as the
// ONNX parser.
type impl struct {
	vtable unsafe.Pointer
}

// lowest is the lowest address that can be an object. When CUDA fails, 10.15 returns 0x238 instead of nil:
// the offset of a base class in an object that is not there. Until an address is checked it stays a number,
// because such a value in a Go pointer crashes the runtime when a stack moves.
const lowest = 0x10000

// object checks the address that a call returned.
func (a attempt) object(addr uintptr) (*object, error) {
	if addr < lowest {
		return nil, a.failed()
	}
	return (*object)(dl.Pointer(addr)), nil
}

// destroy is C++ delete: slot 1 of the public vtable is the deleting destructor. lifecycle is held.
func (o *object) destroy() {
	dl.Call(dl.Slot(o.vtable, 1), uintptr(unsafe.Pointer(o)))
}

// tables caches the bound methods by vtable and table type.
var tables sync.Map

type tableKey struct {
	vtable unsafe.Pointer
	table  reflect.Type
}

// methods returns the method table T of an implementation. Methods that the loaded version lacks are nil.
func methods[T any](i *impl) *T {
	key := tableKey{i.vtable, reflect.TypeFor[T]()}
	if t, ok := tables.Load(key); ok {
		return t.(*T)
	}
	t := new(T)
	dl.BindSlotsOf(t, i.vtable, has)
	actual, _ := tables.LoadOrStore(key, t)
	return actual.(*T)
}

// dims is nvinfer1::Dims64, which TensorRT returns through a hidden pointer.
type dims struct {
	N int32
	_ int32
	D [8]int64
}

// maxDims is the most dimensions a tensor can have.
const maxDims = 8

// newDims takes at most maxDims sizes.
func newDims(shape []int64) *dims {
	d := &dims{N: int32(len(shape))}
	copy(d.D[:], shape)
	return d
}

// shape is nil if the shape is not known.
func (d dims) shape() []int64 {
	if d.N < 0 || int(d.N) > len(d.D) {
		return nil
	}
	return append([]int64{}, d.D[:d.N]...)
}
