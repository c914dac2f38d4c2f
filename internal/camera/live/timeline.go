package live

import "time"

// jump and back are how far a presentation time may be after the last one, and before it, until it counts as a new
// clock: cameras reset theirs, and every connection starts anew. Pictures that are sent later than shown stay within back.
const jump, back = 5 * time.Second, 700 * time.Millisecond

// timeline puts the times of all connections on one clock that starts at 0 and goes on by wall time over
// every break.
type timeline struct {
	started bool
	fresh   bool // the next unit is the first of a connection
	offset  time.Duration
	last    time.Duration // of the newest unit, on our clock
	arrived time.Time     // when that came
}

// connected says that the next unit comes from a new connection.
func (t *timeline) connected() { t.fresh = true }

// at maps a camera's presentation time to the timeline.
func (t *timeline) at(pts time.Duration, arrived time.Time) time.Duration {
	switch {
	case !t.started:
		t.started, t.offset = true, -pts
	case t.fresh || pts+t.offset-t.last > jump || t.last-(pts+t.offset) > back:
		next := t.last + max(arrived.Sub(t.arrived), time.Millisecond)
		t.offset = next - pts
	}
	t.fresh = false
	at := pts + t.offset
	// B-frames come with times before the newest; that one stays the measure.
	if at >= t.last || t.arrived.IsZero() {
		t.last, t.arrived = at, arrived
	}
	return at
}
