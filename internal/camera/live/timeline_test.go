package live

import (
	"testing"
	"time"
)

// Times of all connections lie on one clock.
func TestTimeline(t *testing.T) {
	var l timeline
	now := time.Unix(1000, 0)
	at := func(pts, after time.Duration) time.Duration {
		now = now.Add(after)
		return l.at(pts, now)
	}
	for i, c := range []struct {
		pts, after, want time.Duration
		fresh            bool
	}{
		{pts: 70 * time.Second, want: 0, fresh: true},
		{pts: 70*time.Second + 200*time.Millisecond, after: 100 * time.Millisecond, want: 200 * time.Millisecond},
		{pts: 70*time.Second + 100*time.Millisecond, after: 100 * time.Millisecond, want: 100 * time.Millisecond}, // a B-frame
		{pts: 5 * time.Second, after: time.Second, want: 1300 * time.Millisecond},                                 // the camera's clock was reset
		{pts: 5100 * time.Millisecond, after: 100 * time.Millisecond, want: 1400 * time.Millisecond},
		{pts: 5200 * time.Millisecond, after: 2 * time.Second, want: 3400 * time.Millisecond, fresh: true},
		{pts: 3 * time.Second, after: 100 * time.Millisecond, want: 3500 * time.Millisecond}, // a sender that began anew, too soon for jump
	} {
		if c.fresh {
			l.connected()
		}
		if got := at(c.pts, c.after); got != c.want {
			t.Errorf("step %d: %v, want %v", i, got, c.want)
		}
	}
}
