package onnxruntime

import (
	"fmt"
	"regexp"
	"strings"

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
	return &Error{Call: call, Code: l.api.GetErrorCode(s), Detail: plain(dl.String(l.api.GetErrorMessage(s)))}
}

// origin is where in its own sources ONNX Runtime says that it is: file, line and a C++ function's signature.
var origin = regexp.MustCompile(`/\S+\.(cc|h):\d+ .*?\) ([A-Z])`)

// plain is a message of ONNX Runtime on one line, without what is of use to its developers only.
func plain(detail string) string {
	return origin.ReplaceAllString(strings.Join(strings.Fields(detail), " "), "$2")
}
