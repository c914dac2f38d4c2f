package onnxruntime

import (
	"fmt"
	"runtime"
	"unsafe"

	"sightline/internal/native/dl"
)

// Call is one inference with everything in place: running it allocates nothing. One goroutine at a
// time may run a call; calls of one session run side by side.
type Call struct {
	lib  *Library
	args [8]uintptr
	pin  runtime.Pinner
}

// NewCall prepares an inference: one value an input and an output, in the session's order. The session
// and the values must stay open until Close.
func (s *Session) NewCall(inputs, outputs []*Value) (*Call, error) {
	if len(inputs) != len(s.Inputs) || len(outputs) != len(s.Outputs) {
		return nil, fmt.Errorf("onnx runtime: %d inputs and %d outputs given to a model with %d and %d",
			len(inputs), len(outputs), len(s.Inputs), len(s.Outputs))
	}
	c := &Call{lib: s.lib}
	inNames, in := c.arrays(s.Inputs, inputs)
	outNames, out := c.arrays(s.Outputs, outputs)
	c.args = [8]uintptr{
		uintptr(unsafe.Pointer(s.session)), 0,
		inNames, in, uintptr(len(inputs)),
		outNames, uintptr(len(outputs)), out,
	}
	c.pin.Pin(c)
	return c, nil
}

// arrays makes the C arrays of names and values; they are pinned because C is given their addresses.
func (c *Call) arrays(tensors []Tensor, values []*Value) (names, list uintptr) {
	n, v := make([]*byte, len(tensors)), make([]*value, len(values))
	for i := range tensors {
		n[i], v[i] = &tensors[i].cname[0], values[i].value
		c.pin.Pin(n[i])
	}
	c.pin.Pin(&n[0])
	c.pin.Pin(&v[0])
	return uintptr(unsafe.Pointer(&n[0])), uintptr(unsafe.Pointer(&v[0]))
}

// Run infers. It blocks until the outputs are written.
func (c *Call) Run() error {
	s := dl.Call(c.lib.run, c.args[:]...)
	if s == 0 {
		return nil
	}
	return c.lib.check("Run", (*status)(dl.Pointer(s)))
}

// Close lets go of what was prepared. Closing twice does nothing.
func (c *Call) Close() error {
	c.pin.Unpin()
	return nil
}
