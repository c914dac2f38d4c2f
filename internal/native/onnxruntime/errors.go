package onnxruntime

import (
	"fmt"

	"sightline/internal/native/dl"
)

// Error is a call that ONNX Runtime refused.
type Error struct {
	Call string
	// Code is an OrtErrorCode.
	Code   int32
	Detail string
}

func (e *Error) Error() string {
	return fmt.Sprintf("onnx runtime: %s: %s (code %d)", e.Call, e.Detail, e.Code)
}

// check turns a status into an error and releases it.
func (l *Library) check(call string, s *status) error {
	if s == nil {
		return nil
	}
	defer l.api.ReleaseStatus(s)
	return &Error{Call: call, Code: l.api.GetErrorCode(s), Detail: dl.String(l.api.GetErrorMessage(s))}
}
