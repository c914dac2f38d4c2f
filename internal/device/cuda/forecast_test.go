package cuda

import (
	"testing"
	"time"
)

func TestForecast(t *testing.T) {
	var f forecast
	if d := f.rest(0); d != 0 {
		t.Errorf("sleeps %v before it has seen a picture", d)
	}
	for range 200 {
		f.learn(8 * time.Millisecond)
	}
	if d := f.rest(0); d < 4*time.Millisecond || d > 6*time.Millisecond {
		t.Errorf("sleeps %v of 8 ms, want most but never all", d)
	}
	if d := f.rest(5 * time.Millisecond); d != 0 {
		t.Errorf("sleeps %v when less than a millisecond is sure", d)
	}
	// The hardware has become fast, and every picture now takes as long as the sleep and a little.
	for range 20 {
		f.learn(f.rest(0) + 500*time.Microsecond)
	}
	if d := f.rest(0); d != 0 {
		t.Errorf("still sleeps %v through what is over", d)
	}
}
