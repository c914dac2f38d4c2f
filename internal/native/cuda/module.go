package cuda

import (
	"runtime"
	"strings"
	"sync"
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

// lists holds parameter lists of Launch, so that a launch allocates nothing.
var lists = sync.Pool{New: func() any { return new([1]unsafe.Pointer) }}

// Launch queues f, a kernel whose only parameter is the struct at params, passed by value. The driver
// copies the struct before Launch returns.
func (f Function) Launch(s Stream, shape Shape, params unsafe.Pointer) error {
	list := lists.Get().(*[1]unsafe.Pointer)
	list[0] = params // both lie on the heap by this, so neither moves, and both live until Put
	err := f.launch(s, &shape, unsafe.Pointer(list))
	list[0] = nil
	lists.Put(list)
	return err
}

func (f Function) launch(s Stream, shape *Shape, list unsafe.Pointer) error {
	g, b := &shape.Grid, &shape.Block
	return call("cuLaunchKernel", hot.LaunchKernel, uintptr(f), uintptr(g[0]), uintptr(g[1]), uintptr(g[2]),
		uintptr(b[0]), uintptr(b[1]), uintptr(b[2]), uintptr(shape.Shared), uintptr(s), uintptr(list), 0)
}

// Prepared is a kernel with its shape and a list of parameters, to be launched many times. One goroutine at
// a time uses it.
type Prepared struct {
	function Function
	shape    Shape
	list     []unsafe.Pointer
	pin      runtime.Pinner
}

// Prepare pins params, one pointer for each parameter of the kernel in order. Their values are read by every
// Launch and may be changed between two. The caller closes the Prepared; a graph does not need it.
func (f Function) Prepare(shape Shape, params ...unsafe.Pointer) *Prepared {
	p := &Prepared{function: f, shape: shape, list: append(make([]unsafe.Pointer, 0, len(params)+1), params...)}
	for _, param := range params {
		p.pin.Pin(param)
	}
	p.list = append(p.list, nil) // so that a kernel without parameters has a list too
	p.pin.Pin(&p.list[0])
	return p
}

// Launch queues the kernel. It allocates nothing.
func (p *Prepared) Launch(s Stream) error {
	if p.list == nil {
		return &Error{Call: "cuLaunchKernel", Result: InvalidHandle, Detail: "launched after Close"}
	}
	err := p.function.launch(s, &p.shape, unsafe.Pointer(&p.list[0]))
	runtime.KeepAlive(p)
	return err
}

// Close unpins the parameters.
func (p *Prepared) Close() {
	p.pin.Unpin()
	p.list = nil
}
