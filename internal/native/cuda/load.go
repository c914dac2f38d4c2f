package cuda

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"unsafe"

	"sightline/internal/native/dl"
)

// api lists the exports by the names that carry today's ABI: for many functions the plain name is an
// older one (32-bit sizes, no mode argument, five-argument instantiate).
var api struct {
	Init               func(flags uint32) Result                              `dl:"cuInit"`
	DriverGetVersion   func(version *int32) Result                            `dl:"cuDriverGetVersion"`
	GetErrorName       func(r Result, name **byte) Result                     `dl:"cuGetErrorName"`
	DeviceGetCount     func(count *int32) Result                              `dl:"cuDeviceGetCount"`
	DeviceGet          func(dev *Device, ordinal int32) Result                `dl:"cuDeviceGet"`
	DeviceGetName      func(name *byte, n int32, dev Device) Result           `dl:"cuDeviceGetName"`
	DeviceGetUUID      func(uuid *[16]byte, dev Device) Result                `dl:"cuDeviceGetUuid_v2,optional"`
	DeviceTotalMem     func(n *uint64, dev Device) Result                     `dl:"cuDeviceTotalMem_v2"`
	DeviceGetAttribute func(value *int32, attribute int32, dev Device) Result `dl:"cuDeviceGetAttribute"`

	PrimaryCtxSetFlags func(dev Device, flags uint32) Result `dl:"cuDevicePrimaryCtxSetFlags_v2"`
	PrimaryCtxRetain   func(ctx *uintptr, dev Device) Result `dl:"cuDevicePrimaryCtxRetain"`
	PrimaryCtxRelease  func(dev Device) Result               `dl:"cuDevicePrimaryCtxRelease_v2"`
	CtxSynchronize     func() Result                         `dl:"cuCtxSynchronize"`

	MemAlloc     func(p *uintptr, n uint64) Result               `dl:"cuMemAlloc_v2"`
	MemFree      func(p uintptr) Result                          `dl:"cuMemFree_v2"`
	MemGetInfo   func(free, total *uint64) Result                `dl:"cuMemGetInfo_v2"`
	MemHostAlloc func(p *uintptr, n uint64, flags uint32) Result `dl:"cuMemHostAlloc"`
	MemFreeHost  func(p uintptr) Result                          `dl:"cuMemFreeHost"`

	StreamCreate     func(s *Stream, flags uint32) Result       `dl:"cuStreamCreate"`
	StreamDestroy    func(s Stream) Result                      `dl:"cuStreamDestroy_v2"`
	EventCreate      func(e *Event, flags uint32) Result        `dl:"cuEventCreate"`
	EventDestroy     func(e Event) Result                       `dl:"cuEventDestroy_v2"`
	EventElapsedTime func(ms *float32, start, end Event) Result `dl:"cuEventElapsedTime"`

	StreamBeginCapture func(s Stream, mode int32) Result                     `dl:"cuStreamBeginCapture_v2"`
	StreamEndCapture   func(s Stream, graph *uintptr) Result                 `dl:"cuStreamEndCapture"`
	GraphInstantiate   func(exec *Graph, graph uintptr, flags uint64) Result `dl:"cuGraphInstantiateWithFlags"`
	GraphDestroy       func(graph uintptr) Result                            `dl:"cuGraphDestroy"`
	GraphExecDestroy   func(exec Graph) Result                               `dl:"cuGraphExecDestroy"`

	ModuleLoadDataEx  func(m *Module, image *byte, n uint32, options *int32, values *uintptr) Result `dl:"cuModuleLoadDataEx"`
	ModuleUnload      func(m Module) Result                                                          `dl:"cuModuleUnload"`
	ModuleGetFunction func(f *Function, m Module, name string) Result                                `dl:"cuModuleGetFunction"`
}

// hot are the addresses of what is called for every frame, without the allocations of a typed call.
var hot struct {
	CtxSetCurrent     uintptr `dl:"cuCtxSetCurrent"`
	MemcpyAsync       uintptr `dl:"cuMemcpyAsync"`
	Memcpy2DAsync     uintptr `dl:"cuMemcpy2DAsync_v2"`
	MemsetD8Async     uintptr `dl:"cuMemsetD8Async"`
	StreamSynchronize uintptr `dl:"cuStreamSynchronize"`
	StreamWaitEvent   uintptr `dl:"cuStreamWaitEvent"`
	EventRecord       uintptr `dl:"cuEventRecord"`
	EventQuery        uintptr `dl:"cuEventQuery"`
	EventSynchronize  uintptr `dl:"cuEventSynchronize"`
	GraphLaunch       uintptr `dl:"cuGraphLaunch"`
	LaunchKernel      uintptr `dl:"cuLaunchKernel"`
	LaunchHostFunc    uintptr `dl:"cuLaunchHostFunc"`
}

// paths are tried in this order: the loader's, a container's, and Windows' for Linux.
var paths = []string{"libcuda.so.1", "/usr/local/nvidia/lib64/libcuda.so.1", "/usr/lib/wsl/lib/libcuda.so.1"}

// Load opens the driver and initialises it. It is cheap to call again, from any goroutine. Its error names
// every path that was tried.
var Load = sync.OnceValue(func() error { return load(paths...) })

// load opens the first library of those names and initialises it.
func load(names ...string) error {
	lib, err := dl.Open(names...)
	if err != nil {
		const missing = "No such file or directory"
		if lines := strings.Split(err.Error(), "\n"); strings.Count(err.Error(), missing) >= len(lines) {
			return fmt.Errorf("no NVIDIA driver: there is no %s", strings.Join(names, ", nor "))
		}
		return fmt.Errorf("no NVIDIA driver: %w", err)
	}
	if err := lib.Bind(&api); err != nil {
		return fmt.Errorf("NVIDIA driver too old: %w", err)
	}
	if err := lib.Bind(&hot); err != nil {
		return fmt.Errorf("NVIDIA driver too old: %w", err)
	}
	hostFunctions.callback = dl.Callback(runHostFunction)
	if err := askConnections(); err != nil {
		return err
	}
	return Check("cuInit", api.Init(0))
}

// connections is the driver's setting of how many queues its streams share on their way to the device.
const connections = "CUDA_DEVICE_MAX_CONNECTIONS"

// askConnections asks for the most, unless the user has asked for something. With the driver's default, eight, the streams of many
// cameras wait for each other.
func askConnections() error {
	if _, set := os.LookupEnv(connections); set {
		return nil
	}
	return os.Setenv(connections, "32")
}

// DriverVersion is the newest CUDA version the driver supports, such as 13000 for 13.0.
func DriverVersion() (int, error) {
	var v int32
	err := Check("cuDriverGetVersion", api.DriverGetVersion(&v))
	return int(v), err
}

// call makes a call of hot and checks its result. It allocates nothing.
func call(name string, fn uintptr, args ...uintptr) error {
	if r := Result(int32(dl.CallNumbers(fn, args...))); r != Success {
		return &Error{Call: name, Result: r}
	}
	return nil
}

// bytesAt is memory of the driver as a slice.
func bytesAt(p uintptr, n int) []byte { return unsafe.Slice((*byte)(dl.Pointer(p)), n) }
