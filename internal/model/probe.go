package model

import "time"

// The functions in this file let the contract suite, which also runs in `sightline validate`, try what
// no caller can do by accident.

// InferPastLock is Infer without the context's lock: only the guard is left.
func InferPastLock(c *ExecutionContext, n int) error { return c.infer(n) }

// ReleaseEngine releases the engine once more than the caller took it.
func ReleaseEngine(e *Engine) error { return e.release() }

// Idle waits until nothing runs on c, at most for d, and says whether that came true.
func Idle(c *ExecutionContext, d time.Duration) bool {
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if !c.busy.Load() {
			return true
		}
	}
	return false
}
