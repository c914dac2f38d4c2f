//go:build gpu

package kernels

import (
	"fmt"
	"maps"
	"runtime"
	"slices"
	"testing"
	"time"
	"unsafe"

	"sightline/internal/device"
	"sightline/internal/native/dl"
)

// driver is the part of libcuda that launching takes.
type driver struct {
	Init             func(flags uint32) int32                                                                                            `dl:"cuInit"`
	DeviceGet        func(device *int32, ordinal int32) int32                                                                            `dl:"cuDeviceGet"`
	CtxRetain        func(context *uintptr, device int32) int32                                                                          `dl:"cuDevicePrimaryCtxRetain"`
	CtxSetCurrent    func(context uintptr) int32                                                                                         `dl:"cuCtxSetCurrent"`
	CtxSynchronize   func() int32                                                                                                        `dl:"cuCtxSynchronize"`
	ModuleLoad       func(module *uintptr, ptx *byte) int32                                                                              `dl:"cuModuleLoadData"`
	ModuleFunction   func(function *uintptr, module uintptr, name string) int32                                                          `dl:"cuModuleGetFunction"`
	MemAlloc         func(address *uint64, size uint64) int32                                                                            `dl:"cuMemAlloc_v2"`
	MemFree          func(address uint64) int32                                                                                          `dl:"cuMemFree_v2"`
	CopyToDevice     func(to uint64, from *byte, size uint64) int32                                                                      `dl:"cuMemcpyHtoD_v2"`
	CopyToHost       func(to *byte, from uint64, size uint64) int32                                                                      `dl:"cuMemcpyDtoH_v2"`
	Launch           func(f uintptr, gx, gy, gz, bx, by, bz, shared uint32, stream uintptr, params *unsafe.Pointer, extra uintptr) int32 `dl:"cuLaunchKernel"`
	StreamCreate     func(stream *uintptr, flags uint32) int32                                                                           `dl:"cuStreamCreate"`
	StreamSync       func(stream uintptr) int32                                                                                          `dl:"cuStreamSynchronize"`
	CaptureBegin     func(stream uintptr, mode int32) int32                                                                              `dl:"cuStreamBeginCapture_v2"`
	CaptureEnd       func(stream uintptr, graph *uintptr) int32                                                                          `dl:"cuStreamEndCapture"`
	GraphInstantiate func(run *uintptr, graph uintptr, flags uint64) int32                                                               `dl:"cuGraphInstantiateWithFlags"`
	GraphLaunch      func(run, stream uintptr) int32                                                                                     `dl:"cuGraphLaunch"`
	ErrorName        func(code int32, name **byte) int32                                                                                 `dl:"cuGetErrorName"`
}

// gpu is the machine with a real GPU. Every test enters it first.
type gpu struct {
	driver
	pool      *device.Pool
	context   uintptr
	stream    uintptr
	functions map[string]uintptr
}

func (g *gpu) must(t testing.TB, what string, code int32) {
	t.Helper()
	if code != 0 {
		t.Fatalf("%s: %s", what, g.name(code))
	}
}

func (g *gpu) name(code int32) string {
	var name *byte
	g.ErrorName(code, &name)
	return fmt.Sprintf("CUDA error %d %s", code, dl.String(name))
}

func newGPU(t *testing.T) *gpu {
	library, err := dl.Open("libcuda.so.1")
	if err != nil {
		t.Fatalf("the tag gpu asks for an NVIDIA driver: %v", err)
	}
	g := &gpu{functions: map[string]uintptr{}}
	if err := library.Bind(&g.driver); err != nil {
		t.Fatal(err)
	}
	var ordinal int32
	g.must(t, "cuInit", g.Init(0))
	g.must(t, "cuDeviceGet", g.DeviceGet(&ordinal, 0))
	g.must(t, "cuDevicePrimaryCtxRetain", g.CtxRetain(&g.context, ordinal))
	g.enter(t)
	g.must(t, "cuStreamCreate", g.StreamCreate(&g.stream, 1))
	g.pool = device.NewPool(allocator{g}, 0)
	for _, m := range Modules() {
		var module, function uintptr
		text := append([]byte(m.PTX), 0)
		g.must(t, "load "+m.Name, g.ModuleLoad(&module, &text[0]))
		for _, k := range m.Kernels {
			g.must(t, "find "+k, g.ModuleFunction(&function, module, k))
			g.functions[k] = function
		}
	}
	return g
}

// enter makes the GPU's context current on this test's thread, for the rest of the test.
func (g *gpu) enter(t testing.TB) {
	runtime.LockOSThread()
	g.must(t, "cuCtxSetCurrent", g.CtxSetCurrent(g.context))
	t.Cleanup(runtime.UnlockOSThread)
}

// allocator hands out device memory.
type allocator struct{ *gpu }

type block struct {
	*gpu
	address uint64
}

func (a allocator) Allocate(_ device.Space, size int64) (device.Memory, error) {
	b := &block{gpu: a.gpu}
	if code := a.MemAlloc(&b.address, uint64(size)); code != 0 {
		return nil, fmt.Errorf("allocate %d bytes: %s", size, a.name(code))
	}
	return b, nil
}

func (b *block) Address() uintptr { return uintptr(b.address) }
func (b *block) Bytes() []byte    { return nil }
func (b *block) Free() error {
	if code := b.MemFree(b.address); code != 0 {
		return fmt.Errorf("free: %s", b.name(code))
	}
	return nil
}

func (g *gpu) alloc(t testing.TB, size int) *device.Buffer {
	t.Helper()
	b, err := g.pool.Alloc("test", "test", device.OnDevice, int64(size))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}

func (g *gpu) write(t testing.TB, to *device.Buffer, from []byte) {
	g.must(t, "copy to the device", g.CopyToDevice(uint64(to.Address()), &from[0], uint64(len(from))))
	g.must(t, "synchronize", g.CtxSynchronize())
}

func (g *gpu) read(t testing.TB, from *device.Buffer) []byte {
	out := make([]byte, from.Size())
	g.must(t, "copy from the device", g.CopyToHost(&out[0], uint64(from.Address()), uint64(len(out))))
	return out
}

// run replays the launches as a graph, as the product does.
func (g *gpu) run(t testing.TB, launches []Launch) {
	t.Helper()
	graph := g.capture(t, launches)
	g.must(t, "launch the graph", g.GraphLaunch(graph, g.stream))
	g.must(t, "run", g.StreamSync(g.stream))
}

func (g *gpu) capture(t testing.TB, launches []Launch) (run uintptr) {
	t.Helper()
	var graph uintptr
	g.must(t, "begin capture", g.CaptureBegin(g.stream, 1))
	for _, l := range launches {
		var pin runtime.Pinner
		pin.Pin(&l.Params[0])
		params := unsafe.Pointer(&l.Params[0])
		g.must(t, l.Kernel, g.Launch(g.functions[l.Kernel], l.Grid[0], l.Grid[1], l.Grid[2], l.Block[0], l.Block[1], l.Block[2],
			l.SharedBytes, g.stream, &params, 0))
		pin.Unpin()
	}
	g.must(t, "end capture", g.CaptureEnd(g.stream, &graph))
	g.must(t, "instantiate", g.GraphInstantiate(&run, graph, 0))
	return run
}

// TestKernelsOnGPU runs the PTX as captured graphs against the host device's kernels.
func TestKernelsOnGPU(t *testing.T) {
	g := newGPU(t)
	for name, maker := range cases() {
		t.Run(name, func(t *testing.T) {
			g.enter(t)
			compareTrial(t, g, name, maker)
		})
	}
}

// TestGPUTimes prints what the plans of timed take: one after the other, and of the whole GPU when many run at once, which is what
// counts beside many cameras. Means of several replays of graphs that hold each plan several times.
func TestGPUTimes(t *testing.T) {
	g := newGPU(t)
	const streams, repeats, rounds = 24, 20, 10
	lanes := []uintptr{g.stream}
	for range streams - 1 {
		var s uintptr
		g.must(t, "cuStreamCreate", g.StreamCreate(&s, 1))
		lanes = append(lanes, s)
	}
	list := timed()
	for _, name := range slices.Sorted(maps.Keys(list)) {
		var graphs []uintptr
		for range lanes {
			plan, err := list[name](newSetup(t, g, name)).plan()
			if err != nil {
				t.Fatal(err)
			}
			graphs = append(graphs, g.capture(t, slices.Repeat(plan, repeats)))
		}
		measure := func(n int) time.Duration {
			var took time.Duration
			for range 2 { // the first to warm up
				start := time.Now()
				for range rounds {
					for i := range n {
						g.must(t, "launch the graph", g.GraphLaunch(graphs[i], lanes[i]))
					}
				}
				g.must(t, "run", g.CtxSynchronize())
				took = time.Since(start) / time.Duration(rounds*n*repeats)
			}
			return took
		}
		t.Logf("%-50s alone %8v, of the whole GPU %8v", name, measure(1), measure(streams))
	}
}
