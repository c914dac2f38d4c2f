package tensorrt

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"unsafe"

	"sightline/internal/native/dl"
)

// Severity of a log message.
type Severity int32

// Severities, worst first.
const (
	InternalError Severity = iota
	Error
	Warning
	Info
	Verbose
)

func (s Severity) String() string {
	if s < InternalError || s > Verbose {
		return "unknown"
	}
	return [...]string{"internal error", "error", "warning", "info", "verbose"}[s]
}

// The logger is a C++ object made in Go: an ILogger is nothing but a pointer to a vtable with log and
// two destructors. TensorRT keeps one logger for the whole process, so object and vtable are globals,
// which never move. The two words in front of the vtable stand for offset-to-top and RTTI.
var (
	loggerVTable [5]uintptr
	loggerObject struct{ vtable unsafe.Pointer }
	loggerOnce   sync.Once
	logHandler   atomic.Pointer[func(Severity, string)]
)

// SetLogger sets the function that gets TensorRT's log messages. It is called from any thread, while
// TensorRT works: it must be quick and must not call TensorRT. By default warnings and errors go to
// slog.
func SetLogger(f func(Severity, string)) { logHandler.Store(&f) }

// LogTo sends TensorRT's messages to a logger: errors and warnings as such, the rest as debug messages.
func LogTo(l *slog.Logger) {
	SetLogger(func(s Severity, message string) {
		level := slog.LevelDebug
		switch {
		case s <= Error:
			level = slog.LevelError
		case s == Warning:
			level = slog.LevelWarn
		}
		l.Log(context.Background(), level, "TensorRT: "+message)
	})
}

func initLogger() {
	loggerOnce.Do(func() {
		nop := dl.Callback(func(this unsafe.Pointer) {})
		loggerVTable = [5]uintptr{0, 0, dl.Callback(logMessage), nop, nop}
		loggerObject.vtable = unsafe.Pointer(&loggerVTable[2])
	})
}

func logger() unsafe.Pointer { return unsafe.Pointer(&loggerObject) }

func logMessage(_ unsafe.Pointer, severity int32, text *byte) {
	defer func() { _ = recover() }() // a panic must not unwind through C++ frames
	s, message := Severity(severity), dl.String(text)
	if s <= Error {
		remember(message)
	}
	if f := logHandler.Load(); f != nil {
		(*f)(s, message)
		return
	}
	switch {
	case s <= Error:
		slog.Error("TensorRT: " + message)
	case s == Warning:
		slog.Warn("TensorRT: " + message)
	}
}
