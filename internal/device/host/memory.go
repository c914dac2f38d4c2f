// Package host is the development stand-in for the GPU: it keeps to the rules of package device on any
// machine, slowly. Only an explicit choice of the user selects it.
package host

import (
	"fmt"
	"syscall"
	"unsafe"

	"sightline/internal/device"
	"sightline/internal/native/dl"
)

// memory is anonymous mapped memory: page-aligned, zero, outside the Go heap so that ONNX Runtime may
// hold its address, and gone after Free, so that a use after free shows as it would on a GPU.
type memory struct {
	space device.Space
	bytes []byte
}

type allocator struct{}

func (allocator) Allocate(space device.Space, size int64) (device.Memory, error) {
	b, err := syscall.Mmap(-1, 0, int(size), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		return nil, fmt.Errorf("map %d bytes: %w", size, err)
	}
	return &memory{space: space, bytes: b}, nil
}

func (m *memory) Address() uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(m.bytes))) }

// Bytes keeps to the contract of a GPU: only pinned memory can be read by Go code outside this package.
func (m *memory) Bytes() []byte {
	if m.space != device.Pinned {
		return nil
	}
	return m.bytes
}

func (m *memory) Free() error { return syscall.Munmap(m.bytes) }

// bytesOf is a buffer's content, for the kernels of this package.
func bytesOf(b *device.Buffer) []byte {
	m, offset := b.Memory()
	return m.(*memory).bytes[offset : offset+b.Size()]
}

// planesOf says where a picture lies now.
func planesOf(p *device.Picture) device.Planes {
	if p.Place == nil {
		return p.Planes(p.Buffer.Address())
	}
	words := unsafe.Slice((*uint64)(unsafe.Pointer(unsafe.SliceData(bytesOf(p.Place)))), device.PlaceSize/8)
	return device.Planes{Luma: uintptr(words[0]), Chroma: uintptr(words[1]), Pitch: int(words[2])}
}

// pixelsOf are the rows of luma and of chroma at some planes, of which the last ones end where their pixels do.
func pixelsOf(f device.PictureFormat, at device.Planes) (luma, chroma []byte) {
	rows := func(plane uintptr, n, width int) []byte {
		return unsafe.Slice((*byte)(dl.Pointer(plane)), (n-1)*at.Pitch+width)
	}
	return rows(at.Luma, f.Height, f.Width), rows(at.Chroma, (f.Height+1)/2, f.Width+f.Width&1)
}

// floatsOf is a float32 buffer's content.
func floatsOf(b *device.Buffer) []float32 {
	raw := bytesOf(b)
	return unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(raw))), len(raw)/4)
}
