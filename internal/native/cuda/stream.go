package cuda

// Stream is a queue of device work. One goroutine at a time queues into it, inside a ContextScope.
type Stream uintptr

// NewStream makes a stream that does not wait for the legacy default stream.
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

// Close destroys the stream once its work is done.
func (s Stream) Close() error { return Check("cuStreamDestroy", api.StreamDestroy(s)) }

// Event marks a point in a stream. It has no time, and waiting for it sleeps.
type Event uintptr

// NewEvent makes an event.
func NewEvent() (Event, error) {
	const blockingSync, disableTiming = 1, 2
	var e Event
	err := Check("cuEventCreate", api.EventCreate(&e, blockingSync|disableTiming))
	return e, err
}

// Record puts the event behind the work now in s.
func (e Event) Record(s Stream) error {
	return call("cuEventRecord", hot.EventRecord, uintptr(e), uintptr(s))
}

// Synchronize waits for the event; one that was never recorded is done.
func (e Event) Synchronize() error {
	return call("cuEventSynchronize", hot.EventSynchronize, uintptr(e))
}

// Close destroys the event.
func (e Event) Close() error { return Check("cuEventDestroy", api.EventDestroy(e)) }

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

// CopyRows queues a copy of height rows of width bytes within device memory, whose rows lie dstPitch and
// srcPitch bytes apart.
func (s Stream) CopyRows(dst uintptr, dstPitch int, src uintptr, srcPitch, width, height int) error {
	const device = 2
	c := copy2D{
		SrcType: device, SrcDevice: src, SrcPitch: uint64(srcPitch),
		DstType: device, DstDevice: dst, DstPitch: uint64(dstPitch),
		Width: uint64(width), Height: uint64(height),
	}
	return Check("cuMemcpy2DAsync", api.Memcpy2DAsync(&c, s))
}
