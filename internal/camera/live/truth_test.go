package live

import (
	"testing"
	"time"
)

// TestTimesAreJudged: latency that comes and goes is forgiven, a clock that is off is not, and one that is set
// right is believed within two windows.
func TestTimesAreJudged(t *testing.T) {
	const ms = time.Millisecond
	began := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name string
		off  func(i int) time.Duration // from what the camera tells to the arrival, picture by picture
		want time.Duration
	}{
		{"latency", func(i int) time.Duration { return time.Duration(20+i%30) * ms }, 20 * ms},
		{"an hour slow", func(i int) time.Duration { return time.Hour + 20*ms }, time.Hour + 20*ms},
		{"an hour fast", func(i int) time.Duration { return 20*ms - time.Hour }, time.Hour - 20*ms},
		{"set right", func(i int) time.Duration {
			if i < 1000 {
				return time.Hour
			}
			return 30 * ms
		}, 30 * ms},
		{"goes wrong", func(i int) time.Duration {
			if i < 1000 {
				return 30 * ms
			}
			return 5 * time.Second
		}, 5 * time.Second},
	} {
		var judged truth
		var got time.Duration
		for i := range 5000 { // 200 s
			at := began.Add(time.Duration(i) * 40 * ms)
			got = judged.judge(at.Add(-c.off(i)), at)
		}
		if got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
	var judged truth
	if got := judged.judge(time.Time{}, began); got != 0 {
		t.Errorf("no time told: %v", got)
	}
}
