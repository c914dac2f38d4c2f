package cuda

import (
	"fmt"
	"runtime/debug"
	"sync"
)

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
	// The mutex of hostFunctions guards these.
	onPanic func(error)
	failure error
}

// NewHostFunction registers fn, which runs on a thread of the driver's. It must be short and must not call
// CUDA. If once, it is forgotten after it has run; else Close forgets it, when no stream or graph can call
// it any more. A panic in fn does not reach the driver: see OnPanic and Err.
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

// OnPanic sets what is told of a panic in the function, with its stack; call it before Call. The stream
// itself goes on as if nothing had happened, so somebody should listen.
func (f *HostFunction) OnPanic(told func(error)) {
	hostFunctions.mutex.Lock()
	defer hostFunctions.mutex.Unlock()
	f.onPanic = told
}

// Err is the first panic of the function, as an error, or nil. Any goroutine may ask.
func (f *HostFunction) Err() error {
	hostFunctions.mutex.Lock()
	defer hostFunctions.mutex.Unlock()
	return f.failure
}

// Close forgets the function.
func (f *HostFunction) Close() {
	hostFunctions.mutex.Lock()
	defer hostFunctions.mutex.Unlock()
	delete(hostFunctions.byID, f.id)
}

// Call queues the function. It allocates nothing, and one function may be queued many times.
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
		f.run()
	}
	return 0
}

// run keeps a panic from unwinding through the driver, which would end the process in the middle of it.
func (f *HostFunction) run() {
	defer func() {
		p := recover()
		if p == nil {
			return
		}
		err := fmt.Errorf("host function: panic: %v\n%s", p, debug.Stack())
		hostFunctions.mutex.Lock()
		if f.failure == nil {
			f.failure = err
		}
		told := f.onPanic
		hostFunctions.mutex.Unlock()
		if told != nil {
			told(err)
		}
	}()
	f.fn()
}
