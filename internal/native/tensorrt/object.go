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

// lowest is the lowest address that can be an object. When CUDA fails, some versions return a small
// number instead of nil.
const lowest = 0x10000

// newObject checks an address returned by TensorRT.
func newObject(addr uintptr, call string) (*object, error) {
	if addr < lowest {
		return nil, failed(call)
	}
	return (*object)(dl.Pointer(addr)), nil
}

// destroy is C++ delete: slot 1 of the public vtable is the deleting destructor.
func (o *object) destroy() {
	lifecycle.Lock()
	defer lifecycle.Unlock()
	dl.Call(dl.Slot(o.vtable, 1), uintptr(unsafe.Pointer(o)))
}

// tables caches the bound methods by vtable and table type.
var tables sync.Map

type tableKey struct {
	vtable unsafe.Pointer
	table  reflect.Type
}

// methods returns the method table T of an implementation.
func methods[T any](i *impl) *T {
	key := tableKey{i.vtable, reflect.TypeFor[T]()}
	if t, ok := tables.Load(key); ok {
		return t.(*T)
	}
	t := new(T)
	dl.BindSlots(t, i.vtable)
	actual, _ := tables.LoadOrStore(key, t)
	return actual.(*T)
}

// dims is nvinfer1::Dims64, which TensorRT returns through a hidden pointer.
type dims struct {
	N int32
	_ int32
	D [8]int64
}

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
