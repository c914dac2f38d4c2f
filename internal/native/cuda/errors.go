package cuda

import (
	"fmt"

	"sightline/internal/native/dl"
)

// Result is a CUresult.
type Result int32

// Results that callers tell apart.
const (
	Success              Result = 0
	OutOfMemory          Result = 2
	NoDevice             Result = 100
	InvalidDevice        Result = 101
	NotReady             Result = 600
	CaptureUnjoined      Result = 904
	CaptureInvalidated   Result = 901
	illegalAddress       Result = 700
	launchTimeout        Result = 702
	firstAsynchronous    Result = 709 // context destroyed
	lastAsynchronous     Result = 719 // launch failed
	systemDriverMismatch Result = 803
	unknown              Result = 999
)

// Lost says that the context is dead for the rest of the process: every later call fails the same way.
func (r Result) Lost() bool {
	return r == illegalAddress || r == launchTimeout || r >= firstAsynchronous && r <= lastAsynchronous || r == unknown ||
		r == 46 /* device unavailable */ || r == 214 /* uncorrectable ECC */ || r == 220 /* NVLink */ || r == 226 /* contained */
}

// String is the driver's name of r, such as CUDA_ERROR_OUT_OF_MEMORY.
func (r Result) String() string {
	var name *byte
	if api.GetErrorName != nil && api.GetErrorName(r, &name) == Success {
		return dl.String(name)
	}
	return "CUDA error"
}

// Error is a failed driver call.
type Error struct {
	Call   string
	Result Result
	Detail string
}

func (e *Error) Error() string {
	s := fmt.Sprintf("%s: %s (%d)", e.Call, e.Result, int32(e.Result))
	if e.Detail != "" {
		s += ": " + e.Detail
	}
	return s
}

// Check turns the result of a call into an error; other packages that get a CUresult use it too.
func Check(call string, r Result) error {
	if r == Success {
		return nil
	}
	return &Error{Call: call, Result: r}
}
