package live

import "time"

// window is how long a camera's nearest miss counts.
const window = time.Minute

// truth judges the wall-clock times that a camera tells of its pictures. A picture cannot arrive before it is
// taken, and the fastest ones take next to no time: the least distance between what the camera tells and the
// arrival is how wrong its clock may be. Latency and a clock that is off cannot be told apart from here.
type truth struct {
	began         time.Time
	now, previous time.Duration // the distance nearest to 0 in this window and the one before
	known         bool          // of the one before
}

// judge returns how far the time of a picture may be from the truth, by our clock; 0 if none is told.
func (t *truth) judge(told, arrived time.Time) time.Duration {
	if told.IsZero() {
		return 0
	}
	distance := arrived.Sub(told).Abs()
	switch {
	case t.began.IsZero():
		t.began, t.now = arrived, distance
	case arrived.Sub(t.began) > window:
		t.previous, t.known = t.now, true
		t.began, t.now = arrived, distance
	default:
		t.now = min(t.now, distance)
	}
	if t.known {
		return min(t.now, t.previous)
	}
	return t.now
}
