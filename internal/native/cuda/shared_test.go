package cuda

import "testing"

// made returns what was made, or fails the test.
func made[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// rig is what most tests need: a stream, device memory and pinned memory of n bytes each.
type rig struct {
	Stream
	device, host uintptr
	bytes        []byte
	n            int64
}

func newRig(t testing.TB, n int64) *rig {
	t.Helper()
	r := &rig{n: n}
	var err error
	r.Stream = made[Stream](t)(NewStream())
	r.device = made[uintptr](t)(Alloc(n))
	if r.host, r.bytes, err = AllocHost(n); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *rig) close(t testing.TB) {
	t.Helper()
	for _, err := range []error{r.Synchronize(), r.Stream.Close(), Free(r.device), FreeHost(r.host)} {
		if err != nil {
			t.Error(err)
		}
	}
}

// download copies all of the device memory to the pinned memory and waits.
func (r *rig) download(t testing.TB) []byte {
	t.Helper()
	if err := r.Copy(r.host, r.device, r.n); err != nil {
		t.Fatal(err)
	}
	if err := r.Synchronize(); err != nil {
		t.Fatal(err)
	}
	return r.bytes
}

// counting checks that b is value, value+1, ... as the kernel of fillPTX writes it.
func counting(t testing.TB, b []byte, value uint32) {
	t.Helper()
	for i, w := range words(b) {
		if w != value+uint32(i) {
			t.Fatalf("word %d is %d, want %d", i, w, value+uint32(i))
		}
	}
}
