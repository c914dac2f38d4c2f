// Package tensorrt drives NVIDIA TensorRT 10 (from 10.1) from Go without cgo: runtime, builder and ONNX
// parser. The libraries are opened at run time.
//
// TensorRT is a C++ library, but its stable surface are the vtables behind the public classes. Each method
// table in methods.go names the slots this package calls; object.go explains the calls.
//
// Whoever gets an object closes it, the newest first: context, engine, runtime. A Close out of order is
// refused with ErrInUse, a second one does nothing. Everything that makes, uses or closes an object must run
// inside [cuda.Context.Do], because CUDA's context belongs to an OS thread. What may be used by several
// goroutines says so.
package tensorrt
