package cuda

import (
	"fmt"
	"runtime"

	"sightline/internal/native/dl"
)

// Device is a CUDA device handle.
type Device int32

// Attribute selects a property of a device.
type Attribute int32

// Some attributes.
const (
	MultiprocessorCount Attribute = 16
	ComputeMajor        Attribute = 75
	ComputeMinor        Attribute = 76
)

// Devices counts the devices.
func Devices() (int, error) {
	var n int32
	err := Check("cuDeviceGetCount", api.DeviceGetCount(&n))
	return int(n), err
}

// OpenDevice returns the device with the given ordinal.
func OpenDevice(ordinal int) (Device, error) {
	var d Device
	err := Check(fmt.Sprintf("cuDeviceGet %d", ordinal), api.DeviceGet(&d, int32(ordinal)))
	return d, err
}

// Name is the product name of the device.
func (d Device) Name() (string, error) {
	buf := make([]byte, 128)
	if err := Check("cuDeviceGetName", api.DeviceGetName(&buf[0], int32(len(buf)), d)); err != nil {
		return "", err
	}
	return dl.String(&buf[0]), nil
}

// UUID is the device's identity as other tools of NVIDIA's write it: "GPU-" and hex digits in groups.
func (d Device) UUID() (string, error) {
	if api.DeviceGetUUID == nil {
		return "", &Error{Call: "cuDeviceGetUuid", Result: 500, Detail: "this driver does not have it"}
	}
	var u [16]byte
	if err := Check("cuDeviceGetUuid", api.DeviceGetUUID(&u, d)); err != nil {
		return "", err
	}
	return fmt.Sprintf("GPU-%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:]), nil
}

// Attribute reads a property.
func (d Device) Attribute(a Attribute) (int, error) {
	var v int32
	err := Check("cuDeviceGetAttribute", api.DeviceGetAttribute(&v, int32(a), d))
	return int(v), err
}

// ComputeCapability is the device's architecture, such as 90 for 9.0.
func (d Device) ComputeCapability() (int, error) {
	major, err := d.Attribute(ComputeMajor)
	if err != nil {
		return 0, err
	}
	minor, err := d.Attribute(ComputeMinor)
	return 10*major + minor, err
}

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

// Enter begins a scope. The same goroutine leaves it; scopes nest.
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

// Close releases the context.
func (c *Context) Close() error {
	return Check("cuDevicePrimaryCtxRelease", api.PrimaryCtxRelease(c.device))
}
