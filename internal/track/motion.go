package track

import (
	"math"

	"sightline/internal/result"
)

// box is a rectangle by its centre; w and h are above 0.
type box struct{ cx, cy, w, h float64 }

// maxCoordinate bounds what is taken for a picture coordinate, so that no product overflows.
const maxCoordinate = 1e6

// minSide keeps predicted boxes from vanishing, in pixels.
const minSide = 1

// newBox is false for a box that is empty, not finite or beyond any picture.
func newBox(b result.Box) (box, bool) {
	for _, v := range b {
		if !(math.Abs(float64(v)) <= maxCoordinate) {
			return box{}, false
		}
	}
	x1, y1, x2, y2 := float64(b[0]), float64(b[1]), float64(b[2]), float64(b[3])
	if !(x2 > x1 && y2 > y1) {
		return box{}, false
	}
	return box{(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1}, true
}

// corners is the box as results have it.
func (b box) corners() result.Box {
	return result.Box{float32(b.cx - b.w/2), float32(b.cy - b.h/2), float32(b.cx + b.w/2), float32(b.cy + b.h/2)}
}

// within is the share of the box that lies in a picture.
func (b box) within(width, height float64) float64 {
	w := min(b.cx+b.w/2, width) - max(b.cx-b.w/2, 0)
	h := min(b.cy+b.h/2, height) - max(b.cy-b.h/2, 0)
	return max(w, 0) * max(h, 0) / (b.w * b.h)
}

// size is the side of the square of the same area: what noise and speed are measured in.
func (b box) size() float64 { return max(math.Sqrt(b.w*b.h), minSide) }

// overlap is the intersection over union after both boxes have grown by the share grow of their size
// on every side, so that small things that moved by more than their width still have one.
func (b box) overlap(o box, grow float64) float64 {
	g := 0.5 + grow
	if b.apart(o, g) {
		return 0
	}
	return b.shared(o, g)
}

// shared is the intersection over union of boxes 2g times as large that are not apart.
func (b box) shared(o box, g float64) float64 {
	// Two intervals share the whole of the smaller one, or what their centres leave.
	w := min(g*(b.w+o.w)-math.Abs(b.cx-o.cx), 2*g*b.w, 2*g*o.w)
	h := min(g*(b.h+o.h)-math.Abs(b.cy-o.cy), 2*g*b.h, 2*g*o.h)
	inter := w * h
	return inter / (4*g*g*(b.w*b.h+o.w*o.h) - inter)
}

// apart says that boxes 2g times as large share nothing. Most pairs that are compared do not.
func (b box) apart(o box, g float64) bool {
	return math.Abs(b.cx-o.cx) >= g*(b.w+o.w) || math.Abs(b.cy-o.cy) >= g*(b.h+o.h)
}

// Noise, in sizes (see box.size) and seconds.
const (
	// measured is the detector's standard deviation.
	measured = 0.06
	// startSpeed is that of the unknown speed of a new track: a walker near the camera.
	startSpeed = 3.0
	// wander is how far speed drifts in a second; growth the same for width and height.
	wander = 1.5
	growth = 0.35
)

// axis is a Kalman filter of one coordinate at constant speed. The noise of the four coordinates of
// a box is taken as independent, so four of these are the full eight-state filter.
type axis struct{ x, v, pxx, pxv, pvv float64 }

func startAxis(x, deviation, speed float64) axis {
	return axis{x: x, pxx: deviation * deviation, pvv: speed * speed}
}

// predict moves the axis by dt seconds; q is the density of white acceleration noise. Two steps are
// the same as one of their sum, so dropped frames change nothing.
func (a *axis) predict(dt, q float64) {
	a.x += a.v * dt
	a.pxx += dt*(2*a.pxv+dt*a.pvv) + q*dt*dt*dt/3
	a.pxv += dt*a.pvv + q*dt*dt/2
	a.pvv += q * dt
}

// update takes a measurement z of variance r.
func (a *axis) update(z, r float64) {
	s := a.pxx + r
	kx, kv := a.pxx/s, a.pxv/s
	e := z - a.x
	a.x += kx * e
	a.v += kv * e
	a.pvv -= kv * a.pxv
	a.pxv *= 1 - kx
	a.pxx *= 1 - kx
}

// surprised says that a measurement lies far outside of what the axis holds possible.
func (a *axis) surprised(z, r float64) bool {
	e := z - a.x
	return e*e > surprise*surprise*(a.pxx+r)
}

// doubt widens what the axis holds possible if a measurement lies far outside of it: something moved in a
// way that the filter does not know, as everything does in the picture of a shaken camera.
func (a *axis) doubt(z, r float64) {
	if a.surprised(z, r) {
		e := z - a.x
		a.pxx = e*e/(surprise*surprise) - r
	}
}

// surprise is how many standard deviations off a measurement may be before the filter doubts itself.
const surprise = 1.5

// motion is a box in motion.
type motion struct {
	cx, cy, w, h axis
	size         float64
}

// start places the box with unknown speed.
func (m *motion) start(b box) {
	m.size = b.size()
	d, v := measured*m.size, startSpeed*m.size
	m.cx, m.cy = startAxis(b.cx, d, v), startAxis(b.cy, d, v)
	m.w, m.h = startAxis(b.w, d, v/4), startAxis(b.h, d, v/4)
}

// predict moves the box by dt seconds. The size of a box that is out of sight stays: extrapolated, a
// growing half-hidden person would cover its neighbours.
func (m *motion) predict(dt float64, hidden bool) {
	if hidden {
		m.w.v, m.h.v = 0, 0
	}
	p, g := wander*m.size, growth*m.size
	m.cx.predict(dt, p*p)
	m.cy.predict(dt, p*p)
	m.w.predict(dt, g*g)
	m.h.predict(dt, g*g)
	m.w.x, m.h.x = max(m.w.x, minSide), max(m.h.x, minSide)
}

// surprised says that a box lies where nobody would have expected it.
func (m *motion) surprised(b box) bool {
	dw, dh := m.noise(b)
	return m.cx.surprised(b.cx, dw*dw) || m.cy.surprised(b.cy, dh*dh)
}

// noise is how far off the centre of a seen box may be. Where it is not as large as expected, perhaps because a part of
// the object is hidden, its centre may be off by half the difference and says little about speed.
func (m *motion) noise(b box) (dw, dh float64) {
	noise := measured * b.size()
	return noise + math.Abs(b.w-m.w.x)/2, noise + math.Abs(b.h-m.h.x)/2
}

// update takes what was seen; doubted says that all move otherwise than foretold.
func (m *motion) update(b box, doubted bool) {
	dw, dh := m.noise(b)
	if doubted {
		m.cx.doubt(b.cx, dw*dw)
		m.cy.doubt(b.cy, dh*dh)
	}
	m.cx.update(b.cx, dw*dw)
	m.cy.update(b.cy, dh*dh)
	m.w.update(b.w, dw*dw)
	m.h.update(b.h, dh*dh)
	m.size = m.box().size()
}

// box is where the object is taken to be.
func (m *motion) box() box {
	return box{m.cx.x, m.cy.x, max(m.w.x, minSide), max(m.h.x, minSide)}
}
