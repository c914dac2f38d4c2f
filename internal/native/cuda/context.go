package cuda

import "runtime"

// Context is the primary context of a device, the one that libraries built on the CUDA runtime
// (TensorRT) use as well. Its methods may be called from any goroutine.
type Context struct {
	device Device
	handle uintptr
}

// NewContext retains the primary context of d; host threads that wait for it sleep. The caller closes it.
func NewContext(d Device) (*Context, error) {
	const blockingSync = 4
	if err := Check("cuDevicePrimaryCtxSetFlags", api.PrimaryCtxSetFlags(d, blockingSync)); err != nil {
		return nil, err
	}
	c := &Context{device: d}
	if err := Check("cuDevicePrimaryCtxRetain", api.PrimaryCtxRetain(&c.handle, d)); err != nil {
		return nil, err
	}
	return c, nil
}

// ContextScope is the stretch of a goroutine in which a context is current on its locked OS thread.
type ContextScope struct{}

// Enter begins a scope. The same goroutine leaves it. Scopes of one context nest; scopes of two contexts do
// not: after the inner one the inner context is still current.
func (c *Context) Enter() (ContextScope, error) {
	runtime.LockOSThread()
	if err := call("cuCtxSetCurrent", hot.CtxSetCurrent, c.handle); err != nil {
		runtime.UnlockOSThread()
		return ContextScope{}, err
	}
	return ContextScope{}, nil
}

// Leave ends the scope.
func (ContextScope) Leave() { runtime.UnlockOSThread() }

// Do runs f inside a scope. Goroutines that f starts need one of their own.
func (c *Context) Do(f func() error) error {
	scope, err := c.Enter()
	if err != nil {
		return err
	}
	defer scope.Leave()
	return f()
}

// Synchronize waits for all work of the current context, once no capture is in progress.
func Synchronize() error {
	return NoCapture(func() error { return Check("cuCtxSynchronize", api.CtxSynchronize()) })
}

// Close releases the context. Everything made in it must be closed before.
func (c *Context) Close() error {
	return Check("cuDevicePrimaryCtxRelease", api.PrimaryCtxRelease(c.device))
}
