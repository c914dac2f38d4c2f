// Package nvml reads a GPU's load through the NVIDIA management library, without cgo. Load must succeed
// before anything else is called; then everything may be called from any goroutine.
package nvml
