package tensorrt

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
)

// Errors that a caller can act on; test with errors.Is.
var (
	// ErrBusy means that two goroutines used a context at the same time.
	ErrBusy = errors.New("tensorrt: context used by two goroutines at once")
	// ErrInUse means that something cannot be closed before what was made from it.
	ErrInUse = errors.New("tensorrt: still in use")
	// ErrClosed is returned by anything used after its Close.
	ErrClosed = errors.New("tensorrt: closed")
	// ErrVersion means that the TensorRT here is not one this package can drive.
	ErrVersion = errors.New("tensorrt: version not supported")
	// ErrNotLoaded means that Load, or LoadParser for a build, has not succeeded.
	ErrNotLoaded = errors.New("tensorrt: library not loaded")
	// ErrCancelled means that BuildOptions.Progress ended a build.
	ErrCancelled = errors.New("tensorrt: build cancelled")
)

// The reason of a failed call is in TensorRT's log, not in its result. recent holds the last errors that
// were logged; their numbers tell which of them came during a call, and their threads whose they are.
var recent struct {
	sync.Mutex
	errors []logged
}

var loggedErrors atomic.Uint64

type logged struct {
	number uint64
	thread int
	text   string
}

func remember(text string) {
	const most = 32
	recent.Lock()
	defer recent.Unlock()
	if len(recent.errors) == most {
		recent.errors = recent.errors[:copy(recent.errors, recent.errors[1:])]
	}
	recent.errors = append(recent.errors, logged{loggedErrors.Add(1), syscall.Gettid(), text})
}

// attempt is a call that is about to be made.
type attempt struct {
	call string
	from uint64
}

func try(call string) attempt { return attempt{call, loggedErrors.Load()} }

// failed is the error of a call that TensorRT refused, with what this thread logged during it, or any
// thread if this one logged nothing: a builder has threads of its own.
func (a attempt) failed() error {
	const most = 4
	thread := syscall.Gettid()
	var own, all []string
	recent.Lock()
	for _, l := range recent.errors {
		if l.number <= a.from {
			continue
		}
		if all = append(all, l.text); l.thread == thread {
			own = append(own, l.text)
		}
	}
	recent.Unlock()
	if len(own) > 0 {
		all = own
	}
	if len(all) == 0 {
		return fmt.Errorf("tensorrt: %s failed", a.call)
	}
	return fmt.Errorf("tensorrt: %s: %s", a.call, strings.Join(all[:min(len(all), most)], "; "))
}
