package track

import (
	"math"
	"testing"

	"sightline/internal/result"
)

// TestAxisAgainstMatrices compares the closed form with the textbook's matrix equations.
func TestAxisAgainstMatrices(t *testing.T) {
	const q, r = 0.7, 0.3
	a := startAxis(5, 0.5, 2)
	x := [2]float64{5, 0}
	p := [2][2]float64{{0.25, 0}, {0, 4}}
	for i, z := range []float64{5.2, 5.9, 6.1, 8, 7.5, 9} {
		dt := 0.1 * float64(1+i%3)
		f := [2][2]float64{{1, dt}, {0, 1}}
		noise := [2][2]float64{{q * dt * dt * dt / 3, q * dt * dt / 2}, {q * dt * dt / 2, q * dt}}
		var fp, next [2][2]float64
		for i := range 2 {
			for j := range 2 {
				for k := range 2 {
					fp[i][j] += f[i][k] * p[k][j]
				}
			}
		}
		for i := range 2 {
			for j := range 2 {
				next[i][j] = noise[i][j]
				for k := range 2 {
					next[i][j] += fp[i][k] * f[j][k]
				}
			}
		}
		x = [2]float64{x[0] + dt*x[1], x[1]}
		s := next[0][0] + r
		gain := [2]float64{next[0][0] / s, next[1][0] / s}
		e := z - x[0]
		x[0], x[1] = x[0]+gain[0]*e, x[1]+gain[1]*e
		for i := range 2 {
			for j := range 2 {
				p[i][j] = next[i][j] - gain[i]*next[0][j]
			}
		}
		a.predict(dt, q)
		a.update(z, r)
		got := [5]float64{a.x, a.v, a.pxx, a.pxv, a.pvv}
		want := [5]float64{x[0], x[1], p[0][0], p[0][1], p[1][1]}
		for j := range got {
			if math.Abs(got[j]-want[j]) > 1e-12 {
				t.Fatalf("step %d: got %v, want %v", i, got, want)
			}
		}
	}
}

func TestAxisStepsAddUp(t *testing.T) {
	once, many := startAxis(1, 0.2, 3), startAxis(1, 0.2, 3)
	once.v, many.v = 2, 2
	once.predict(1, 0.5)
	for range 10 {
		many.predict(0.1, 0.5)
	}
	for i, d := range []float64{once.x - many.x, once.v - many.v, once.pxx - many.pxx, once.pxv - many.pxv, once.pvv - many.pvv} {
		if math.Abs(d) > 1e-9 {
			t.Errorf("element %d differs by %v between one step of 1 s and ten of 0.1 s", i, d)
		}
	}
	before := once
	once.predict(0, 0.5)
	if once != before {
		t.Errorf("a step of no time changed %+v to %+v", before, once)
	}
}

func TestMotionLearnsSpeed(t *testing.T) {
	var m motion
	at := func(s float64) box { return box{100 + 60*s, 200 - 20*s, 40, 100} }
	m.start(at(0))
	for i := 1; i <= 20; i++ {
		m.predict(0.1, false)
		m.update(at(float64(i)*0.1), false)
	}
	if math.Abs(m.cx.v-60) > 1 || math.Abs(m.cy.v+20) > 1 {
		t.Errorf("speed %v, %v px/s, want 60, -20", m.cx.v, m.cy.v)
	}
	m.predict(1, true)
	got, want := m.box(), at(3)
	if math.Abs(got.cx-want.cx) > 2 || math.Abs(got.cy-want.cy) > 2 || got.w < 35 || got.w > 45 {
		t.Errorf("a second later at %+v, want %+v", got, want)
	}
}

func TestMotionBoxNeverEmpty(t *testing.T) {
	var m motion
	m.start(box{10, 10, 100, 100})
	for i := range 30 {
		m.predict(0.5, false)
		if b := m.box(); b.w < minSide || b.h < minSide {
			t.Fatalf("step %d: %+v", i, b)
		}
		s := math.Pow(0.5, float64(i)) * 100
		m.update(box{10, 10, s, s}, i%2 == 0)
	}
}

func TestNewBox(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for _, c := range []struct {
		b  result.Box
		ok bool
	}{
		{result.Box{0, 0, 1, 1}, true},
		{result.Box{-5, -5, 10, 10}, true},
		{result.Box{1, 0, 1, 1}, false},
		{result.Box{2, 0, 1, 1}, false},
		{result.Box{nan, 0, 1, 1}, false},
		{result.Box{0, 0, 1, nan}, false},
		{result.Box{0, 0, inf, 1}, false},
		{result.Box{-inf, 0, 1, 1}, false},
		{result.Box{0, 0, 3e38, 1}, false},
	} {
		if _, ok := newBox(c.b); ok != c.ok {
			t.Errorf("newBox(%v): %v, want %v", c.b, ok, c.ok)
		}
	}
}

func TestOverlap(t *testing.T) {
	a, b := box{5, 5, 10, 10}, box{10, 5, 10, 10}
	if got := a.overlap(b, 0); math.Abs(got-1.0/3) > 1e-12 {
		t.Errorf("overlap %v, want 1/3", got)
	}
	if got := a.overlap(b, 0.25); math.Abs(got-0.5) > 1e-12 {
		t.Errorf("grown overlap %v, want 1/2", got)
	}
	if got := a.overlap(box{50, 5, 10, 10}, 0.25); got != 0 {
		t.Errorf("overlap of boxes apart %v, want 0", got)
	}
}

// Where people hide each other one or two are surprised, where the camera moves all are.
func TestShakenIsWhatMostFeel(t *testing.T) {
	for name, c := range map[string]struct {
		moved int // of four walkers, this far from where they are expected
		want  bool
	}{"nobody": {0, false}, "one": {1, false}, "half": {2, false}, "most": {3, true}, "all": {4, true}} {
		tracker := newCore(Options{Method: ByteTrack})
		at := func(i, jump int) []result.Object {
			var list []result.Object
			for n := range 4 {
				x := 100 + 300*float32(n) + 5*float32(i)
				if n < jump {
					x += 18
				}
				list = append(list, person(x, 300, 40, 100, 0.9))
			}
			return list
		}
		feed(tracker, 30, func(i int) []result.Object { return at(i, 0) })
		tracker.advance(30 * frame)
		tracker.read(at(30, c.moved), nil)
		tracker.associate(nil)
		if got := tracker.shaken(); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
