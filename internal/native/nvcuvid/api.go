// Package nvcuvid decodes video with NVDEC through the driver's libnvcuvid.
//
// The parser inside the library needs no GPU; decoding does, and then every method must run inside
// [cuda.Context.Do].
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
	DestroyDecoder     func(decoder uintptr) cuda.Result                               `dl:"cuvidDestroyDecoder"`
	DecodePicture      func(decoder uintptr, p *picParams) cuda.Result                 `dl:"cuvidDecodePicture"`
	GetDecodeStatus    func(decoder uintptr, index int32, s *decodeStatus) cuda.Result `dl:"cuvidGetDecodeStatus"`
	// The plain names take 32-bit device addresses.
	MapVideoFrame   func(decoder uintptr, index int32, p *uintptr, pitch *uint32, c *procParams) cuda.Result `dl:"cuvidMapVideoFrame64"`
	UnmapVideoFrame func(decoder uintptr, p uintptr) cuda.Result                                             `dl:"cuvidUnmapVideoFrame64"`
}

// callbacks are made once: purego never frees one. They find their decoder by the user value.
var callbacks struct{ sequence, decode, display uintptr }

var decoders struct {
	sync.RWMutex
	byID   map[uintptr]*Decoder
	lastID uintptr
}

// Load opens libnvcuvid, which comes with the driver (in containers: capability "video"). names, if
// any, replace the usual library name.
func Load(names ...string) error {
	if len(names) == 0 {
		names = []string{"libnvcuvid.so.1"}
	}
	lib, err := dl.Open(names...)
	if err != nil {
		return fmt.Errorf("no NVIDIA video decoder: %w", err)
	}
	if err := lib.Bind(&api); err != nil {
		return err
	}
	if decoders.byID == nil {
		decoders.byID = make(map[uintptr]*Decoder)
		callbacks.sequence = dl.Callback(func(id uintptr, f *Format) int32 {
			return guard(id, func(d *Decoder) (int, error) { return d.sequence(f) })
		})
		callbacks.decode = dl.Callback(func(id uintptr, p *picParams) int32 {
			return guard(id, func(d *Decoder) (int, error) { return 1, d.decode(p) })
		})
		callbacks.display = dl.Callback(func(id uintptr, p *displayInfo) int32 {
			return guard(id, func(d *Decoder) (int, error) { d.display(p); return 1, nil })
		})
	}
	return nil
}

// guard runs one callback. The parser reports success even when a callback fails, and a panic must not
// unwind through C frames, so both are kept in the decoder for Decode to return.
func guard(id uintptr, f func(d *Decoder) (int, error)) (result int32) {
	decoders.RLock()
	d := decoders.byID[id]
	decoders.RUnlock()
	defer func() {
		if r := recover(); r != nil {
			d.fail(fmt.Errorf("nvcuvid: panic in callback: %v", r))
			result = 0
		}
	}()
	n, err := f(d)
	if err != nil {
		d.fail(err)
		return 0
	}
	return int32(n)
}

func register(d *Decoder) uintptr {
	decoders.Lock()
	defer decoders.Unlock()
	decoders.lastID++
	decoders.byID[decoders.lastID] = d
	return decoders.lastID
}

func unregister(id uintptr) {
	decoders.Lock()
	defer decoders.Unlock()
	delete(decoders.byID, id)
}
