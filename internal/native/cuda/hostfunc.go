package cuda

import "sync"

// hostFunctions finds the Go function of a host call by its number: a callback cannot be freed, so there
// is one for all of them.
var hostFunctions struct {
	callback uintptr
	mutex    sync.Mutex
	next     uintptr
	byID     map[uintptr]*HostFunction
}

// HostFunction is a Go function that streams can call in order.
type HostFunction struct {
	id   uintptr
	fn   func()
	once bool
}

// NewHostFunction registers fn. It must be short and must not call CUDA. If once, it is forgotten after
// it has run; else Close forgets it, when no stream or graph can call it any more.
func NewHostFunction(fn func(), once bool) *HostFunction {
	h := &hostFunctions
	h.mutex.Lock()
	defer h.mutex.Unlock()
	if h.byID == nil {
		h.byID = map[uintptr]*HostFunction{}
	}
	h.next++
	f := &HostFunction{id: h.next, fn: fn, once: once}
	h.byID[f.id] = f
	return f
}

// Close forgets the function.
func (f *HostFunction) Close() {
	hostFunctions.mutex.Lock()
	defer hostFunctions.mutex.Unlock()
	delete(hostFunctions.byID, f.id)
}

// Call queues the function.
func (s Stream) Call(f *HostFunction) error {
	return call("cuLaunchHostFunc", hot.LaunchHostFunc, uintptr(s), hostFunctions.callback, f.id)
}

// runHostFunction is called by the driver, on a thread of its own.
func runHostFunction(id uintptr) uintptr {
	h := &hostFunctions
	h.mutex.Lock()
	f := h.byID[id]
	if f != nil && f.once {
		delete(h.byID, id)
	}
	h.mutex.Unlock()
	if f != nil {
		f.fn()
	}
	return 0
}
