package cuda

import (
	"runtime"
	"strings"
	"unsafe"
)

// Module is loaded device code, Function one kernel in it.
type (
	Module   uintptr
	Function uintptr
)

// LoadPTX compiles PTX text for the current device. The error holds the compiler's log. The caller
// closes the module.
func LoadPTX(ptx string) (Module, error) {
	const errorLog, errorLogSize = 5, 6
	log := make([]byte, 8192)
	// The option values are addresses and numbers mixed, so they travel as uintptr; the log buffer
	// must be pinned, which also keeps it off the stack.
	var pin runtime.Pinner
	defer pin.Unpin()
	pin.Pin(&log[0])
	options := [2]int32{errorLog, errorLogSize}
	values := [2]uintptr{uintptr(unsafe.Pointer(&log[0])), uintptr(len(log))}
	image := append([]byte(ptx), 0)
	var m Module
	r := api.ModuleLoadDataEx(&m, &image[0], uint32(len(options)), &options[0], &values[0])
	if r != Success {
		text, _, _ := strings.Cut(string(log), "\x00")
		return 0, &Error{Call: "cuModuleLoadDataEx", Result: r, Detail: strings.TrimSpace(text)}
	}
	return m, nil
}

// Function finds a kernel by its name.
func (m Module) Function(name string) (Function, error) {
	var f Function
	err := Check("cuModuleGetFunction "+name, api.ModuleGetFunction(&f, m, name))
	return f, err
}

// AllowShared lets a kernel use up to n bytes of dynamic shared memory.
func (f Function) AllowShared(n int) error {
	const maxDynamicShared = 8
	return Check("cuFuncSetAttribute", api.FuncSetAttribute(f, maxDynamicShared, int32(n)))
}

// Close unloads the module.
func (m Module) Close() error { return Check("cuModuleUnload", api.ModuleUnload(m)) }

// Shape is the extent of a launch: blocks, threads a block, and dynamic shared memory in bytes.
type Shape struct {
	GridX, GridY, GridZ    int
	BlockX, BlockY, BlockZ int
	Shared                 int
}

// Launch queues f, a kernel whose only parameter is a struct of size n at params, passed by value. The
// driver copies the struct before Launch returns.
func (f Function) Launch(s Stream, shape Shape, params unsafe.Pointer) error {
	var pin runtime.Pinner
	defer pin.Unpin()
	pin.Pin(params)
	list := &[1]unsafe.Pointer{params}
	pin.Pin(list)
	return call("cuLaunchKernel", hot.LaunchKernel, uintptr(f),
		uintptr(shape.GridX), uintptr(max(shape.GridY, 1)), uintptr(max(shape.GridZ, 1)),
		uintptr(shape.BlockX), uintptr(max(shape.BlockY, 1)), uintptr(max(shape.BlockZ, 1)),
		uintptr(shape.Shared), uintptr(s), uintptr(unsafe.Pointer(list)), 0)
}
