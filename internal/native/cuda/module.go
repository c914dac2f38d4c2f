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

// Close unloads the module.
func (m Module) Close() error { return Check("cuModuleUnload", api.ModuleUnload(m)) }

// Shape is the extent of a launch: blocks, threads a block, and dynamic shared memory in bytes.
type Shape struct {
	Grid, Block [3]uint32
	Shared      uint32
}

// Launch queues f, a kernel whose only parameter is the struct at params, passed by value. The driver
// copies the struct before Launch returns.
func (f Function) Launch(s Stream, shape Shape, params unsafe.Pointer) error {
	var pin runtime.Pinner
	defer pin.Unpin()
	pin.Pin(params)
	list := &[1]unsafe.Pointer{params}
	pin.Pin(list)
	g, b := shape.Grid, shape.Block
	return call("cuLaunchKernel", hot.LaunchKernel, uintptr(f), uintptr(g[0]), uintptr(g[1]), uintptr(g[2]),
		uintptr(b[0]), uintptr(b[1]), uintptr(b[2]), uintptr(shape.Shared), uintptr(s), uintptr(unsafe.Pointer(list)), 0)
}
