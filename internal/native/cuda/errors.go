package cuda

import (
	"fmt"

	"sightline/internal/native/dl"
)

// Result is a CUresult.
type Result int32

// Results that callers tell apart.
const (
	Success            Result = 0
	InvalidValue       Result = 1
	OutOfMemory        Result = 2
	NoDevice           Result = 100
	InvalidDevice      Result = 101
	InvalidContext     Result = 201
	InvalidHandle      Result = 400
	NotFound           Result = 500
	NotReady           Result = 600
	IllegalAddress     Result = 700
	NotPermitted       Result = 800
	CaptureUnsupported Result = 900
	CaptureInvalidated Result = 901
	CaptureUnjoined    Result = 904
	CaptureIsolation   Result = 905
	CapturedEvent      Result = 907
)

// lost are the results after which nothing works: CUDA calls them sticky, because they come back from every
// later call. Their neighbours are not: 711 to 713 are about peers and registered memory, and all of 400 to
// 499 (a handle, a state) and of 900 to 999 but the last (a capture) are mistakes of one call.
var lost = map[Result]bool{
	4:   true, // the driver shuts down
	46:  true, // device unavailable
	214: true, // uncorrectable ECC error
	220: true, // uncorrectable NVLink error
	226: true, // contained error
	700: true, // illegal address
	702: true, // launch timeout
	709: true, // context destroyed
	710: true, // assertion in a kernel
	714: true, // hardware stack error
	715: true, // illegal instruction
	716: true, // misaligned address
	717: true, // invalid address space
	718: true, // invalid program counter
	719: true, // launch failed
	999: true, // unknown
}

// Lost says that the context is dead for the rest of the process: every later call fails the same way.
func (r Result) Lost() bool { return lost[r] }

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
	// Call is the function, without the suffix of its version, and what it was called for.
	Call   string
	Result Result
	// Detail is the log of the PTX compiler, or empty.
	Detail string
}

// Sticky is Result.Lost: after this error only a new process helps.
func (e *Error) Sticky() bool { return e.Result.Lost() }

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
