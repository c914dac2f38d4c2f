package cuda

import "sync"

// Graph is a recorded, launchable piece of stream work with fixed addresses.
type Graph uintptr

// captures is held for reading while a capture is in progress.
var captures sync.RWMutex

// NoCapture runs f while no capture is in progress. Calls that synchronise the context need it: made on
// any thread, they end every capture in progress with CUDA_ERROR_STREAM_CAPTURE_INVALIDATED. Creating an
// NVDEC decoder is such a call; allocating, copying, loading modules and launching are not. A goroutine that
// captures must not call it: it would wait for itself.
func NoCapture(f func() error) error {
	captures.Lock()
	defer captures.Unlock()
	return f()
}

// BeginCapture records what is queued into s from now on instead of running it. EndCapture is called by
// the same goroutine, on the same OS thread: the caller keeps its ContextScope open in between. What is
// captured must have run once for real before, so that libraries have allocated and loaded what they need.
func (s Stream) BeginCapture() error {
	const threadLocal = 1
	captures.RLock()
	if err := Check("cuStreamBeginCapture", api.StreamBeginCapture(s, threadLocal)); err != nil {
		captures.RUnlock()
		return err
	}
	return nil
}

// EndCapture ends the recording and makes it launchable. It is called once after every BeginCapture that
// succeeded, also if the recording failed. CaptureUnjoined means that another stream was not joined back. The
// caller closes the graph.
func (s Stream) EndCapture() (g Graph, err error) {
	var recorded uintptr
	err = Check("cuStreamEndCapture", api.StreamEndCapture(s, &recorded))
	captures.RUnlock() // instantiating takes long, and is no capture: decoders of other cameras can be made meanwhile
	if err != nil {
		return 0, err
	}
	defer api.GraphDestroy(recorded)
	err = Check("cuGraphInstantiate", api.GraphInstantiate(&g, recorded, 0))
	return g, err
}

// Launch runs the graph in s. A graph must not run twice at the same time.
func (g Graph) Launch(s Stream) error {
	return call("cuGraphLaunch", hot.GraphLaunch, uintptr(g), uintptr(s))
}

// Close destroys the graph, whose launches must be done.
func (g Graph) Close() error { return Check("cuGraphExecDestroy", api.GraphExecDestroy(g)) }
