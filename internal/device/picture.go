package device

import (
	"encoding/binary"
	"fmt"
	"time"
)

// PictureSink takes a decoder's pictures. The decoder calls it from one goroutine.
type PictureSink interface {
	// Wants is asked for each picture, in presentation order, before Deliver. One that is not wanted is decoded, as
	// others are predicted from it, but not handed out.
	Wants(pts time.Duration) bool
	// Deliver passes a decoded picture on; it may block to slow the decoder down. Whoever has it at last gives it back with
	// Release.
	Deliver(p *Picture)
}

// PictureFormat says what an NV12 picture is like, and how it lies in a Buffer: Height rows of luma, then half as many
// (rounded up) rows of interleaved U and V, every row Pitch bytes. A picture that a decoder holds may lie otherwise; see
// Planes.
type PictureFormat struct {
	Width, Height, Pitch int
	// Matrix is "bt601" or "bt709".
	Matrix    string
	FullRange bool
}

// Size is the number of bytes of a picture in a Buffer.
func (f PictureFormat) Size() int64 { return int64(f.Pitch) * int64(f.Height+(f.Height+1)/2) }

// Planes say where a picture lies: the addresses of luma and of interleaved U and V, whose rows are Pitch bytes apart.
type Planes struct {
	Luma, Chroma uintptr
	Pitch        int
}

// PlaceSize is the size in bytes of a Picture's Place: the Planes as three 64-bit numbers.
const PlaceSize = 24

// Put writes what a Place holds.
func (p Planes) Put(place []byte) {
	binary.NativeEndian.PutUint64(place, uint64(p.Luma))
	binary.NativeEndian.PutUint64(place[8:], uint64(p.Chroma))
	binary.NativeEndian.PutUint64(place[16:], uint64(p.Pitch))
}

// Planes are those of a picture of the format at an address, as it lies in a Buffer.
func (f PictureFormat) Planes(at uintptr) Planes {
	return Planes{Luma: at, Chroma: at + uintptr(f.Pitch*f.Height), Pitch: f.Pitch}
}

// Picture is an NV12 picture in device memory with the times of its way so far. It is a decoder's, which made it and holds it
// until Release, or lies in a Buffer; one of a decoder's is valid from Deliver to Release.
type Picture struct {
	PictureFormat
	// Surface is where a decoder holds the picture; nil where it lies in Buffer.
	Surface Surface
	Buffer  *Buffer
	// Place stands in for both in what is recorded once for many pictures: PlaceSize bytes that hold the Planes of one when a
	// kernel runs.
	Place *Buffer
	// Seq counts the decoder's pictures from 0.
	Seq uint64
	// Damaged says that the decoder met errors in the picture, or in one that it was predicted from, and
	// guessed. The host device does not notice.
	Damaged bool
	// PTS, Time and TimeError are the access unit's.
	PTS       time.Duration
	Time      time.Time
	TimeError time.Duration
	// Submitted is when the access unit went into the decoder, Decoded when the picture came out.
	Submitted, Decoded time.Time
}

// Surface is a picture inside of its decoder: what Open and Release of the Picture do. They may be called from any goroutine.
type Surface interface {
	Open(s Stream) (Planes, error)
	Release() error
}

// Open makes the picture readable for what is queued in s from now on, and for other streams once s has passed that; it stays
// where it is until Release. Opening it again says the same. Of a decoder's pictures one can be open at a time. With its
// decoder closed it fails with ErrClosed.
func (p *Picture) Open(s Stream) (Planes, error) {
	if p.Surface != nil {
		return p.Surface.Open(s)
	}
	if p.Buffer == nil || p.Buffer.Size() < p.Size() {
		return Planes{}, fmt.Errorf("a picture of %d bytes without a buffer that holds it", p.Size())
	}
	return p.Planes(p.Buffer.Address()), nil
}

// OpenToCopy is Open for a copy of the picture to dst, which must have its Size; owner is for the error.
func (p *Picture) OpenToCopy(s Stream, dst *Buffer, owner string) (Planes, error) {
	if dst.Size() != p.Size() {
		return Planes{}, fmt.Errorf("copy a picture of %d bytes to a buffer of %d for %s", p.Size(), dst.Size(), owner)
	}
	return p.Open(s)
}

// Release gives the picture back, once, opened or not: nothing may read it any more, and all queued work that did was
// waited for. It may be called from any goroutine, also after the decoder's Close. What lies in a Buffer closes it.
func (p *Picture) Release() error {
	if p.Surface != nil {
		return p.Surface.Release()
	}
	return p.Buffer.Close()
}
