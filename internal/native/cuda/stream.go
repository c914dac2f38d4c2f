package cuda

import (
	"sync"
	"unsafe"
)

// Stream is a queue of device work. One goroutine at a time queues into it, inside a ContextScope. Every
// method that queues returns at once; an error of earlier work may come out of any later call. What a call
// reads or writes must live until the stream has passed it.
type Stream uintptr

// NewStream makes a stream that does not wait for the legacy default stream. The caller closes it.
func NewStream() (Stream, error) {
	const nonBlocking = 1
	var s Stream
	err := Check("cuStreamCreate", api.StreamCreate(&s, nonBlocking))
	return s, err
}

// Synchronize sleeps until the stream is empty.
func (s Stream) Synchronize() error {
	return call("cuStreamSynchronize", hot.StreamSynchronize, uintptr(s))
}

// Wait makes later work of s wait for e.
func (s Stream) Wait(e Event) error {
	return call("cuStreamWaitEvent", hot.StreamWaitEvent, uintptr(s), uintptr(e), 0)
}

// Copy queues a copy of n bytes between any two addresses of device or page-locked memory.
func (s Stream) Copy(dst, src uintptr, n int64) error {
	return call("cuMemcpyAsync", hot.MemcpyAsync, dst, src, uintptr(n), uintptr(s))
}

// Close destroys the stream once its work is done; it does not wait for that.
func (s Stream) Close() error { return Check("cuStreamDestroy", api.StreamDestroy(s)) }

// copy2D is CUDA_MEMCPY2D.
type copy2D struct {
	SrcX, SrcY    uint64
	SrcType       uint32
	_             uint32
	SrcHost       uintptr
	SrcDevice     uintptr
	SrcArray      uintptr
	SrcPitch      uint64
	DstX, DstY    uint64
	DstType       uint32
	_             uint32
	DstHost       uintptr
	DstDevice     uintptr
	DstArray      uintptr
	DstPitch      uint64
	Width, Height uint64
}

// rows holds parameters of CopyRows, so that a copy allocates nothing. The driver reads them before it returns.
var rows = sync.Pool{New: func() any { return new(copy2D) }}

// CopyRows queues a copy of height rows of width bytes, which lie dstPitch and srcPitch bytes apart, between any two
// addresses of device or page-locked memory.
func (s Stream) CopyRows(dst uintptr, dstPitch int, src uintptr, srcPitch, width, height int) error {
	const unified = 4 // the driver tells from the address what memory it is
	c := rows.Get().(*copy2D)
	*c = copy2D{
		SrcType: unified, SrcDevice: src, SrcPitch: uint64(srcPitch),
		DstType: unified, DstDevice: dst, DstPitch: uint64(dstPitch),
		Width: uint64(width), Height: uint64(height),
	}
	err := call("cuMemcpy2DAsync", hot.Memcpy2DAsync, uintptr(unsafe.Pointer(c)), uintptr(s))
	rows.Put(c) // which also keeps c alive until here; what lies on the heap does not move
	return err
}

// Set queues the filling of n bytes of device memory with value.
func (s Stream) Set(dst uintptr, value byte, n int64) error {
	return call("cuMemsetD8Async", hot.MemsetD8Async, dst, uintptr(value), uintptr(n), uintptr(s))
}
