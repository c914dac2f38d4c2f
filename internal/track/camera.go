package track

import (
	"math"
	"slices"
)

// camera estimates how the picture as a whole moved since the last frame: a shaken or panned camera
// moves every box alike, which no single track can tell from its own motion.
type camera struct {
	votes  []vote
	sizes  []float64
	counts [bins * bins]int
}

// vote is one pair of a track and an object that might be it.
type vote struct {
	track  int
	x, y   float64 // where the track was expected
	dx, dy float64 // how far from there the object is
}

const (
	// reach is how far the picture may move between two frames, in median sizes of objects, and
	// bins the number of steps each way in which its motion is looked for.
	reach = 1.5
	bins  = 25
	// fewest is how many tracks must agree. Fewer could be a group that starts to walk.
	fewest = 5
	// enough is how many tracks are asked; more would cost time and tell nothing new.
	enough = 64
)

// steady moves every track by what most of them moved by together beyond what was expected. It is false
// where too few agree.
func (t *core) steady() bool {
	c := &t.camera
	size := t.collect()
	if len(c.votes) < fewest {
		return false
	}
	bin := 2 * reach * size / bins
	dx, dy := c.peak(bin, reach*size)
	dx, dy, agree := c.refine(dx, dy, 1.5*bin)
	if agree < fewest || agree*2 < len(c.sizes) {
		return false
	}
	turn := c.similarity(dx, dy, 1.5*bin, size)
	for i := range t.tracks {
		k := &t.tracks[i]
		mx, my := turn.at(k.predicted.cx, k.predicted.cy)
		k.motion.cx.x += mx
		k.motion.cy.x += my
		k.predicted = k.motion.box()
	}
	return true
}

// shaken says that most tracks are surprised by where they are seen. One or two are wherever people hide each other; all
// are where the camera moves.
func (t *core) shaken() bool {
	surprised, all := 0, 0
	for i := range t.tracks {
		if k := &t.tracks[i]; k.found >= 0 && k.number != 0 && k.misses == 0 {
			all++
			if k.motion.surprised(t.seen[k.found].box) {
				surprised++
			}
		}
	}
	return all > 1 && 2*surprised > all
}

// collect lists the pairs of some tracks in sight with sure objects of about their size, and returns the
// median size of these tracks, of which sizes has one each.
func (t *core) collect() float64 {
	c := &t.camera
	c.votes, c.sizes = c.votes[:0], c.sizes[:0]
	steady := func(k *tracked) bool { return k.number != 0 && k.misses == 0 && !t.kinds[k.kind].resting }
	step := (len(t.tracks) + enough - 1) / enough
	for i := 0; i < len(t.tracks); i += step {
		if k := &t.tracks[i]; steady(k) {
			c.sizes = append(c.sizes, k.predicted.size())
		}
	}
	if len(c.sizes) < fewest {
		return 0
	}
	slices.Sort(c.sizes)
	size := c.sizes[len(c.sizes)/2]
	for i := 0; i < len(t.tracks); i += step {
		k := &t.tracks[i]
		if !steady(k) {
			continue
		}
		around := box{k.predicted.cx, k.predicted.cy, 2 * reach * size, 2 * reach * size}
		for _, j := range t.near.query(around, 0) {
			d := &t.seen[j]
			dx, dy := d.box.cx-k.predicted.cx, d.box.cy-k.predicted.cy
			if math.Abs(dx) >= reach*size || math.Abs(dy) >= reach*size || d.score < t.o.Birth || d.kind != k.kind {
				continue
			}
			if ratio := d.box.w * d.box.h / (k.predicted.w * k.predicted.h); ratio > 0.56 && ratio < 1.78 {
				c.votes = append(c.votes, vote{i, k.predicted.cx, k.predicted.cy, dx, dy})
			}
		}
	}
	return size
}

// peak is the motion that most votes are near, to a bin: each counts for its bin and those around it.
func (c *camera) peak(bin, limit float64) (dx, dy float64) {
	clear(c.counts[:])
	at := func(d float64) int { return min(max(int((d+limit)/bin), 0), bins-1) }
	for _, v := range c.votes {
		x, y := at(v.dx), at(v.dy)
		for j := max(y-1, 0); j <= min(y+1, bins-1); j++ {
			for i := max(x-1, 0); i <= min(x+1, bins-1); i++ {
				c.counts[j*bins+i]++
			}
		}
	}
	best := -1.0
	for i, n := range c.counts {
		if float64(n) <= best {
			continue
		}
		x, y := i%bins, i/bins
		// Of equal peaks the one nearest to no motion.
		height := float64(n) - 0.01*math.Hypot(float64(x-bins/2), float64(y-bins/2))
		if height > best {
			best, dx, dy = height, (float64(x)+0.5)*bin-limit, (float64(y)+0.5)*bin-limit
		}
	}
	return dx, dy
}

// near says whether a vote lies within tolerance of a motion.
func (v *vote) near(dx, dy, tolerance float64) bool {
	x, y := v.dx-dx, v.dy-dy
	return x*x+y*y <= tolerance*tolerance
}

// refine is the mean of the votes within tolerance of a motion, and how many tracks have one.
func (c *camera) refine(dx, dy, tolerance float64) (x, y float64, agree int) {
	for range 3 {
		var sx, sy, n float64
		last := -1
		agree = 0
		for _, v := range c.votes {
			if !v.near(dx, dy, tolerance) {
				continue
			}
			sx, sy, n = sx+v.dx, sy+v.dy, n+1
			if v.track != last {
				agree, last = agree+1, v.track
			}
		}
		if n == 0 {
			return dx, dy, 0
		}
		dx, dy = sx/n, sy/n
	}
	return dx, dy, agree
}

// turn is a shift, with a small rotation and change of scale around a point.
type turn struct{ x, y, dx, dy, scale, rotation float64 }

// at is how far a point moves.
func (m turn) at(x, y float64) (dx, dy float64) {
	x, y = x-m.x, y-m.y
	return m.dx + m.scale*x - m.rotation*y, m.dy + m.rotation*x + m.scale*y
}

// similarity fits rotation and scale to what the agreeing votes differ from their mean by. Objects
// close together say nothing about either, which the addition to the denominator stands for.
func (c *camera) similarity(dx, dy, tolerance, size float64) turn {
	m := turn{dx: dx, dy: dy}
	var n float64
	each := func(f func(v vote)) {
		for _, v := range c.votes {
			if v.near(dx, dy, tolerance) {
				f(v)
			}
		}
	}
	each(func(v vote) { m.x, m.y, n = m.x+v.x, m.y+v.y, n+1 })
	m.x, m.y = m.x/n, m.y/n
	spread := 16 * size * size
	var scale, rotation float64
	each(func(v vote) {
		x, y, ex, ey := v.x-m.x, v.y-m.y, v.dx-dx, v.dy-dy
		spread += x*x + y*y
		scale += x*ex + y*ey
		rotation += x*ey - y*ex
	})
	m.scale, m.rotation = scale/spread, rotation/spread
	return m
}
