package cuda

import "sightline/internal/native/dl"

// Event marks a point in a stream. Waiting for it sleeps and never spins. It is used inside a ContextScope.
type Event uintptr

const blockingSync, disableTiming = 1, 2

func newEvent(flags uint32) (Event, error) {
	var e Event
	err := Check("cuEventCreate", api.EventCreate(&e, flags))
	return e, err
}

// NewEvent makes an event without a time, the cheaper kind. The caller closes it.
func NewEvent() (Event, error) { return newEvent(blockingSync | disableTiming) }

// NewTimedEvent makes an event that Since can measure with. The caller closes it.
func NewTimedEvent() (Event, error) { return newEvent(blockingSync) }

// Record puts the event behind the work now in s.
func (e Event) Record(s Stream) error {
	return call("cuEventRecord", hot.EventRecord, uintptr(e), uintptr(s))
}

// Synchronize waits for the event; one that was never recorded is done.
func (e Event) Synchronize() error {
	return call("cuEventSynchronize", hot.EventSynchronize, uintptr(e))
}

// Done says whether the work before the last Record is done; one that was never recorded is.
func (e Event) Done() (bool, error) {
	switch r := Result(int32(dl.CallNumbers(hot.EventQuery, uintptr(e)))); r {
	case Success:
		return true, nil
	case NotReady:
		return false, nil
	default:
		return false, Check("cuEventQuery", r)
	}
}

// Since is the device's time between two timed events that are done, in milliseconds, exact to about half
// a microsecond.
func (e Event) Since(start Event) (float64, error) {
	var ms float32
	err := Check("cuEventElapsedTime", api.EventElapsedTime(&ms, start, e))
	return float64(ms), err
}

// Close destroys the event. Work that waits for it is not disturbed.
func (e Event) Close() error { return Check("cuEventDestroy", api.EventDestroy(e)) }
