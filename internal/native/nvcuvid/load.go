package nvcuvid

import (
	"fmt"
	"sync"

	"sightline/internal/native/cuda"
	"sightline/internal/native/dl"
)

var api struct {
	CreateVideoParser  func(parser *uintptr, p *parserParams) cuda.Result              `dl:"cuvidCreateVideoParser"`
	ParseVideoData     func(parser uintptr, p *packet) cuda.Result                     `dl:"cuvidParseVideoData"`
	DestroyVideoParser func(parser uintptr) cuda.Result                                `dl:"cuvidDestroyVideoParser"`
	GetDecoderCaps     func(c *Caps) cuda.Result                                       `dl:"cuvidGetDecoderCaps"`
	CreateDecoder      func(decoder *uintptr, c *createInfo) cuda.Result               `dl:"cuvidCreateDecoder"`
	ReconfigureDecoder func(decoder uintptr, r *reconfigureInfo) cuda.Result           `dl:"cuvidReconfigureDecoder,optional"`
	DestroyDecoder     func(decoder uintptr) cuda.Result                               `dl:"cuvidDestroyDecoder"`
	DecodePicture      func(decoder uintptr, p *picParams) cuda.Result                 `dl:"cuvidDecodePicture"`
	GetDecodeStatus    func(decoder uintptr, index int32, s *decodeStatus) cuda.Result `dl:"cuvidGetDecodeStatus"`
	// The plain names take 32-bit device addresses.
	MapVideoFrame   func(decoder uintptr, index int32, p *uintptr, pitch *uint32, c *procParams) cuda.Result `dl:"cuvidMapVideoFrame64"`
	UnmapVideoFrame func(decoder uintptr, p uintptr) cuda.Result                                             `dl:"cuvidUnmapVideoFrame64"`
}

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
	if err := lib.Bind(&api); err != nil {
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
