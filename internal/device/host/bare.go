package host

import "sightline/internal/device"

// Bare is memory, a stream and the kernels without the rest of the device, which needs ONNX Runtime: for
// tests that compare other kernels with these. Pinned buffers can be read and written.
func Bare(owner string) (*device.Pool, device.Stream, device.Kernels) {
	return device.NewPool(allocator{}, 0), newStream(owner), kernels{}
}
