package nvml

import "fmt"

// Device is one GPU. It need not be closed.
type Device struct{ handle uintptr }

// Devices counts the GPUs. NVML sees all of them and counts in PCI order: CUDA_VISIBLE_DEVICES hides none,
// so a CUDA ordinal is no index of NVML's.
func Devices() (int, error) {
	var n uint32
	err := check("nvmlDeviceGetCount", api.Count(&n))
	return int(n), err
}

// OpenIndex finds a GPU by NVML's number, from 0.
func OpenIndex(index int) (Device, error) {
	var d Device
	err := check(fmt.Sprintf("nvmlDeviceGetHandleByIndex %d", index), api.HandleByIndex(uint32(index), &d.handle))
	return d, err
}

// Open finds a GPU by its UUID, "GPU-…" with lower-case hex digits, as cuda.Device.UUID gives it.
func Open(uuid string) (Device, error) {
	var d Device
	err := check("nvmlDeviceGetHandleByUUID "+uuid, api.HandleByUUID(uuid, &d.handle))
	return d, err
}

// Name is the product name, such as "NVIDIA H100 80GB HBM3".
func (d Device) Name() (string, error) {
	return text("nvmlDeviceGetName", func(b *byte, n uint32) Result { return api.Name(d.handle, b, n) })
}
