package kernels

import "testing"

func TestPTXIsMadeFromTheSources(t *testing.T) {
	if !Current() {
		t.Error("kernels.ptx was made from other sources: go generate ./internal/kernels (see gen)")
	}
}
