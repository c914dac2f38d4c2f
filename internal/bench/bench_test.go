package bench

import (
	"math"
	"testing"
	"time"
)

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		values         []float64
		median, spread float64
	}{
		{nil, 0, 0}, {[]float64{4}, 4, 0}, {[]float64{9, 1, 2}, 2, 3.5}, {[]float64{1, 3}, 2, .5}, {[]float64{0, 0}, 0, 0},
	} {
		if m, s := Median(c.values); m != c.median || math.Abs(s-c.spread) > 1e-12 {
			t.Errorf("%v: %g, %g; want %g, %g", c.values, m, s, c.median, c.spread)
		}
	}
}

func TestFigure(t *testing.T) {
	f := Figure{Frames: 50, Wall: 5 * time.Second, CPU: 2 * time.Second}
	if f.FPS() != 10 || f.CPUMilliseconds() != 40 {
		t.Errorf("%g fps, %g ms", f.FPS(), f.CPUMilliseconds())
	}
}

func TestSuppressKeepsTheSurestOfAClass(t *testing.T) {
	list := suppress([]box{
		{0, 0, 10, 10, .5, 0}, {1, 0, 11, 10, .9, 0}, {1, 0, 11, 10, .7, 1}, {30, 0, 40, 10, .4, 0},
	})
	if len(list) != 3 || list[0].score != .9 || list[1].class != 1 || list[2].score != .4 {
		t.Errorf("%+v", list)
	}
}
