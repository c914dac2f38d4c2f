package host

import "sync"

// event counts its recordings; a wait is for the recording that was newest when the wait was queued.
type event struct {
	mutex    sync.Mutex
	changed  *sync.Cond
	recorded uint64
	passed   uint64
	err      error
}

func newEvent() *event {
	e := &event{}
	e.changed = sync.NewCond(&e.mutex)
	return e
}

// generationFor is the number of a new recording, or of the newest one for a wait.
func (e *event) generationFor(signal bool) uint64 {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	if signal {
		e.recorded++
	}
	return e.recorded
}

func (e *event) signal(generation uint64, err error) {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	e.passed, e.err = max(e.passed, generation), err
	e.changed.Broadcast()
}

func (e *event) wait(generation uint64) error {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	for e.passed < generation {
		e.changed.Wait()
	}
	return e.err
}

// Synchronize: see device.Event.
func (e *event) Synchronize() error { return e.wait(e.generationFor(false)) }

// Close does nothing: an event holds no memory of the device.
func (e *event) Close() error { return nil }
