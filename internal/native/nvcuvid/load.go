package nvcuvid

import (
	"errors"
	"fmt"
	"sync"
	"unsafe"

	"sightline/internal/native/cuda"
	"sightline/internal/native/dl"
)

var api struct {
	CreateVideoParser  func(parser *uintptr, p *parserParams) cuda.Result    `dl:"cuvidCreateVideoParser"`
	DestroyVideoParser func(parser uintptr) cuda.Result                      `dl:"cuvidDestroyVideoParser"`
	GetDecoderCaps     func(c *Caps) cuda.Result                             `dl:"cuvidGetDecoderCaps"`
	CreateDecoder      func(decoder *uintptr, c *createInfo) cuda.Result     `dl:"cuvidCreateDecoder"`
	ReconfigureDecoder func(decoder uintptr, r *reconfigureInfo) cuda.Result `dl:"cuvidReconfigureDecoder,optional"`
	DestroyDecoder     func(decoder uintptr) cuda.Result                     `dl:"cuvidDestroyDecoder"`
}

// hot are the addresses of what is called for every picture, without the allocations of a typed call.
var hot struct {
	ParseVideoData  uintptr `dl:"cuvidParseVideoData"`
	DecodePicture   uintptr `dl:"cuvidDecodePicture"`
	GetDecodeStatus uintptr `dl:"cuvidGetDecodeStatus"`
	// The plain names take 32-bit device addresses.
	MapVideoFrame   uintptr `dl:"cuvidMapVideoFrame64"`
	UnmapVideoFrame uintptr `dl:"cuvidUnmapVideoFrame64"`
}

// scratch is what those calls read and write by address: it lies in the decoder, so it is on the heap and lives.
type scratch struct {
	packet packet
	proc   procParams
	luma   uintptr
	pitch  uint32
	status decodeStatus
}

// call makes a call of hot and checks its result.
func call(name string, fn uintptr, args ...uintptr) error {
	if r := cuda.Result(int32(dl.CallNumbers(fn, args...))); r != cuda.Success {
		return cuda.Check(name, r)
	}
	return nil
}

func address[T any](p *T) uintptr { return uintptr(unsafe.Pointer(p)) }

var loading struct {
	sync.Mutex
	done bool
}

// usual is where the driver's library is: the loader's path, then folders that containers and WSL mount
// without telling the loader.
var usual = []string{
	"libnvcuvid.so.1", "/usr/local/nvidia/lib64/libnvcuvid.so.1", "/usr/lib/wsl/lib/libnvcuvid.so.1",
	"/usr/lib/x86_64-linux-gnu/libnvcuvid.so.1", "/usr/lib64/libnvcuvid.so.1",
}

// Load opens libnvcuvid, which comes with the driver (in containers: capability "video"). names, if any,
// replace the usual places. The error names every one that was tried. It is cheap to call again.
func Load(names ...string) error {
	loading.Lock()
	defer loading.Unlock()
	if loading.done {
		return nil
	}
	if len(names) == 0 {
		names = usual
	}
	lib, err := dl.Open(names...)
	if err != nil {
		return fmt.Errorf("no NVIDIA video decoder (in a container: capability \"video\"): %w", err)
	}
	if err := errors.Join(lib.Bind(&api), lib.Bind(&hot)); err != nil {
		return err
	}
	makeCallbacks()
	loading.done = true
	return nil
}

func loaded() bool {
	loading.Lock()
	defer loading.Unlock()
	return loading.done
}
