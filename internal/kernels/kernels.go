// Package kernels holds the program's own CUDA code: the PTX made of its .cu files and, for every kernel of
// package device, the launches that do it, and one that copies to fixed places. It imports nothing of CUDA: whoever has a driver loads the Modules
// once and queues each Launch as it stands.
//
// A plan is fixed when it is made: grids, addresses and sizes. Counts that change from frame to frame are read
// from the device by the kernels, so that launches can be captured as a graph and replayed. No
// kernel allocates, recurses or waits. The formulas, shapes and units are those of device.Kernels, the
// arithmetic that of package device/host on amd64: results agree with it bit for bit (NaN for NaN). Normalize and
// Blend add up the squares in another order, in float64: there a float16 may differ in its last place, if the
// exact value lies within 1e-15 of the middle of two.
package kernels

import (
	_ "embed"
	"unsafe"
)

//go:generate go run ./gen picture select people decode vectors move

var (
	//go:embed picture.ptx
	picturePTX string
	//go:embed select.ptx
	selectPTX string
	//go:embed people.ptx
	peoplePTX string
	//go:embed decode.ptx
	decodePTX string
	//go:embed vectors.ptx
	vectorsPTX string
	//go:embed move.ptx
	movePTX string
)

// Module is one unit that a driver loads.
type Module struct {
	Name string
	// PTX is text of version 7.0 for compute capability 7.5 and newer, without the NUL that C wants.
	PTX string
	// Kernels are the entry points. Their names differ between modules too.
	Kernels []string
}

// Modules returns all modules.
func Modules() []Module {
	return []Module{
		{"picture", picturePTX, []string{"letterbox", "crop"}},
		{"select", selectPTX, []string{"select_clear", "select_best", "select_rank", "select_overlap", "select_keep", "choose"}},
		{"people", peoplePTX, []string{"keypoints", "uncrop", "pack_masks"}},
		{"decode", decodePTX, []string{"joints", "anchor_joints", "combine", "margin", "classify"}},
		{"vectors", vectorsPTX, []string{"normalize", "cosine", "blend"}},
		{"move", movePTX, []string{"move", "moves"}},
	}
}

// Launch is one kernel to be queued.
type Launch struct {
	// Kernel is the entry point's name.
	Kernel string
	// Grid counts blocks, Block the threads of one, as x, y, z.
	Grid, Block [3]uint32
	// SharedBytes is dynamic shared memory.
	SharedBytes uint32
	// Params is the content of the kernel's only parameter, a struct by value, 8-byte aligned: kernelParams
	// of cuLaunchKernel has the one entry &Params[0].
	Params []byte
}

// newLaunch copies params, which has no padding of its own and a size that is a multiple of 8.
func newLaunch[T any](kernel string, grid, block [3]uint32, params *T) Launch {
	words := make([]uint64, unsafe.Sizeof(*params)/8)
	raw := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(words))), len(words)*8)
	copy(raw, unsafe.Slice((*byte)(unsafe.Pointer(params)), len(raw)))
	return Launch{Kernel: kernel, Grid: grid, Block: block, Params: raw}
}

// blocks is how many blocks of size cover n.
func blocks(n, size int) uint32 { return uint32((n + size - 1) / size) }
