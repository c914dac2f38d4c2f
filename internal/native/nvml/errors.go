package nvml

import (
	"fmt"

	"sightline/internal/native/dl"
)

// Result is an nvmlReturn_t.
type Result int32

// Results that callers tell apart.
const (
	// NotSupported is what a GPU says of a figure that it does not have.
	NotSupported Result = 3
	NotFound     Result = 6
	// GPULost means that the GPU has fallen off the bus.
	GPULost Result = 15
)

// Lost says that the GPU cannot be reached any more.
func (r Result) Lost() bool { return r == GPULost }

// Error is a failed call.
type Error struct {
	Call   string
	Result Result
}

func (e *Error) Error() string {
	return fmt.Sprintf("%s: %s (%d)", e.Call, dl.String(api.ErrorString(e.Result)), int32(e.Result))
}

func check(call string, r Result) error {
	if r == 0 {
		return nil
	}
	return &Error{call, r}
}
