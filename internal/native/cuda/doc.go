// Package cuda is the part of the CUDA driver API that Sightline uses, without cgo.
//
// The driver's context belongs to an OS thread: everything that touches the device runs inside a
// ContextScope. Load must succeed before anything else is called. Handles and addresses are numbers, never
// Go pointers.
package cuda
