package cuda

import (
	"fmt"

	"sightline/internal/native/dl"
)

// Device is a CUDA device handle. Its methods may be called from any goroutine and need no ContextScope.
type Device int32

// Attribute selects a property of a device.
type Attribute int32

// Some attributes. The capability is major.minor.
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

// TotalMemory is the device's memory in bytes; it needs no context.
func (d Device) TotalMemory() (uint64, error) {
	var n uint64
	err := Check("cuDeviceTotalMem", api.DeviceTotalMem(&n, d))
	return n, err
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
