package kernels

import (
	"fmt"
	"syscall"
	"unsafe"

	"sightline/internal/device"
)

// edges are random trials of odd sizes, whose inputs lie beside memory that must not be touched. They are for kernels that run on the
// processor.
func edges() map[string]func(*setup) trial {
	out := map[string]func(*setup) trial{}
	for kernel, maker := range map[string]func(*setup) trial{"letterbox": edgeLetterbox, "crop": edgeCrop, "masks": edgeMasks} {
		for i := range 60 {
			out[fmt.Sprintf("edge %s/%d", kernel, i)] = maker
		}
	}
	return out
}

// guarded are n bytes that begin or end at a page that must not be touched.
func (s *setup) guarded(n int) []byte {
	page := syscall.Getpagesize()
	size := (n + page - 1) / page * page
	whole, err := syscall.Mmap(-1, 0, size+2*page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { _ = syscall.Munmap(whole) })
	for _, guard := range [][]byte{whole[:page], whole[page+size:]} {
		if err := syscall.Mprotect(guard, syscall.PROT_NONE); err != nil {
			s.Fatal(err)
		}
	}
	if s.IntN(2) == 0 {
		return whole[page : page+n]
	}
	return whole[page+size-n : page+size]
}

func pick[T any](s *setup, list ...T) T { return list[s.IntN(len(list))] }

func (s *setup) edgePicture() *device.Picture {
	size := func() int { return pick(s, 1, 2, 3, 4, 5, 7, 31, 32, 33, 64, 97, 200) }
	f := device.PictureFormat{Width: size(), Height: size(), Matrix: pick(s, "bt601", "bt709"), FullRange: s.IntN(2) == 0}
	f.Pitch = f.Width + f.Width&1 + s.IntN(5)
	luma := s.guarded((f.Height-1)*f.Pitch + f.Width)
	chroma := s.guarded(((f.Height+1)/2-1)*f.Pitch + f.Width + f.Width&1)
	extreme := s.IntN(3) == 0
	for _, plane := range [][]byte{luma, chroma} {
		for i := range plane {
			if plane[i] = byte(s.Uint32()); extreme {
				plane[i] = byte(s.IntN(2) * 255)
			}
		}
	}
	place := make([]byte, device.PlaceSize)
	device.Planes{Luma: addressOf(luma), Chroma: addressOf(chroma), Pitch: f.Pitch}.Put(place)
	return &device.Picture{PictureFormat: f, Place: s.bytes(place)}
}

func addressOf(b []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(b))) }

// edgeOutput has room before and behind, which must stay.
func (s *setup) edgeOutput(size int) (whole, out *device.Buffer) {
	const room = 1024
	whole = s.dirty(size + 4*room)
	return whole, whole.Slice(room, int64(size))
}

func (s *setup) edgeSize() int { return pick(s, 1, 1, 2, 7, 8, 9, 31, 32, 33, 39, 40, 63, 64, 65, 97) }

func edgeLetterbox(s *setup) trial {
	p, w, h := s.edgePicture(), s.edgeSize(), s.edgeSize()
	left, top := s.IntN(w), s.IntN(h)
	fit := device.Fit{ScaleX: 1, ScaleY: 1, Left: left, Top: top, Width: 1 + s.IntN(w-left), Height: 1 + s.IntN(h-top)}
	if s.IntN(3) == 0 {
		fit = device.NewFit(p.Width, p.Height, w, h)
	}
	whole, out := s.edgeOutput(12 * w * h)
	k := device.Letterbox{Picture: p, Fit: fit, Pixels: pick(s, wishes...), Out: out, OutWidth: w, OutHeight: h}
	return trial{
		func(d device.Kernels, on device.Stream) error { return d.Letterbox(on, k) },
		func() ([]Launch, error) { return Letterbox(k) }, whole, 4,
	}
}

// edgePeople are boxes of all kinds, more or fewer than there is room for.
func (s *setup) edgePeople(width, height int) *device.Buffer {
	w, h := float32(width), float32(height)
	var list [][4]float32
	for range 11 {
		x, y := (s.Float32()*2-.5)*w, (s.Float32()*2-.5)*h
		list = append(list, pick(s, pick(s, boxes...), [4]float32{0, 0, w, h}, [4]float32{x, y, x + 1, y + 1}, [4]float32{-3e37, -3e37, 3e37, 2e37},
			[4]float32{-3e38, -3e38, 3e38, 3e38}, [4]float32{x, y, x + s.Float32()*w, y + s.Float32()*h}, [4]float32{x, y, x + s.Float32()*w, y + s.Float32()*h}))
	}
	return s.subjects(crowd, s.IntN(12), list...)
}

func edgeCrop(s *setup) trial {
	p, w, h, n := s.edgePicture(), s.edgeSize(), s.edgeSize(), 1+s.IntN(4)
	whole, out := s.edgeOutput(12 * n * w * h)
	k := device.Crop{Picture: p, Subjects: s.edgePeople(p.Width, p.Height), Limits: crowd, First: s.IntN(8), Count: n,
		Region: pick(s, regions...), Pixels: pick(s, wishes...), Out: out, OutWidth: w, OutHeight: h}
	return trial{
		func(d device.Kernels, on device.Stream) error { return d.Crop(on, k) },
		func() ([]Launch, error) { return Crop(k) }, whole, 4,
	}
}

func edgeMasks(s *setup) trial {
	size := func() int {
		return pick(s, 1, 2, 3, 31, 32, 33, 63, 64, 65, 100, 255, 256, 257, 1023, 1024, 1025, 2048, 8192, 70000, 131072, 131073)
	}
	w, h, inWidth, inHeight := size(), size(), pick(s, 1, 2, 3, 7, 31, 32, 33, 160), pick(s, 1, 2, 3, 7, 31, 32, 33, 160)
	values := s.guarded(4 * 3 * inWidth * inHeight)
	words := unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(values))), len(values)/4)
	for i := range words {
		words[i] = s.Float32()
	}
	k := device.PackMasks{In: s.bytes(values), InWidth: inWidth, InHeight: inHeight, Subjects: s.edgePeople(w, h), Limits: crowd, First: s.IntN(5), Count: 3,
		Region: pick(s, regions...), Threshold: .5, Width: w, Height: h, Out: s.dirty(11 * device.MaskRecordSize)}
	if s.IntN(3) == 0 {
		k.Plane = &[4]float32{-3, -20.5, float32(w) + 7, float32(h)}
	}
	return trial{
		func(d device.Kernels, on device.Stream) error { return d.PackMasks(on, k) },
		func() ([]Launch, error) {
			l, err := PackMasks(k)
			if err == nil { // the kernel reads the guarded memory, of which In is a copy
				(*masksParams)(unsafe.Pointer(unsafe.SliceData(l[0].Params))).In = uint64(addressOf(values))
			}
			return l, err
		}, k.Out, 1,
	}
}
