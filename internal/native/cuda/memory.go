package cuda

import "errors"

// Alloc allocates n bytes of device memory, aligned to at least 256 bytes, and fills them with zero.
func Alloc(n int64) (uintptr, error) {
	var p uintptr
	if err := Check("cuMemAlloc", api.MemAlloc(&p, uint64(n))); err != nil {
		return 0, err
	}
	if err := zero(p, n); err != nil {
		_ = Free(p)
		return 0, err
	}
	return p, nil
}

// zero fills device memory with zero and waits for that. cuMemsetD8 returns before the memory is filled, in the default
// stream, for which ours do not wait: on a busy GPU it undid what they had written first.
func zero(p uintptr, n int64) error {
	s, err := NewStream()
	if err != nil {
		return err
	}
	return errors.Join(s.Set(p, 0, n), s.Synchronize(), s.Close())
}

// Free frees an allocation. It waits for the device, so keep it out of the hot path.
func Free(p uintptr) error { return Check("cuMemFree", api.MemFree(p)) }

// AllocHost allocates n bytes of page-locked memory, the only kind that asynchronous copies may use, filled
// with zero. It gives the address for the device's calls and the same memory as a slice, which is void after
// FreeHost.
func AllocHost(n int64) (uintptr, []byte, error) {
	const portable = 1
	var p uintptr
	if err := Check("cuMemHostAlloc", api.MemHostAlloc(&p, uint64(n), portable)); err != nil {
		return 0, nil, err
	}
	b := bytesAt(p, int(n))
	clear(b)
	return p, b, nil
}

// FreeHost frees what AllocHost gave.
func FreeHost(p uintptr) error { return Check("cuMemFreeHost", api.MemFreeHost(p)) }

// MemInfo reports the free and total device memory in bytes.
func MemInfo() (free, total uint64, err error) {
	err = Check("cuMemGetInfo", api.MemGetInfo(&free, &total))
	return free, total, err
}
