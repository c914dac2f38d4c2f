package crowd

import (
	"math"
	"math/rand/v2"
	"slices"
	"strconv"

	"sightline/internal/result"
)

// walker is a person on the ground. x, y are the feet in pixels of a camera at rest.
type walker struct {
	identity       int
	x, y           float64
	heading, speed float64 // radians; heights a second
	girth          float64 // width by height
	stature        float64 // against the others
	rest           float64 // seconds of standing still that are left
	class          string
	look           []float64
}

type world struct {
	level   Level
	r       *rand.Rand
	people  []walker
	last    int          // identity given last
	pillars []result.Box // their lower edge is where they stand
	common  []float64    // what all people look like
	sx, sy  float64      // where the camera is
	pan     float64
	ghosts  []ghost
}

func newWorld(level Level, seed uint64) *world {
	w := &world{level: level, r: rand.New(rand.NewPCG(seed, 0x5167))}
	w.common = w.direction()
	for range level.Pillars {
		x, foot := w.r.Float64()*float64(level.Width), (0.5+0.4*w.r.Float64())*float64(level.Height)
		half := 0.25 * w.tall(foot)
		w.pillars = append(w.pillars, result.Box{float32(x - half), 0, float32(x + half), float32(foot)})
	}
	for range level.People {
		w.enter(false)
	}
	return w
}

// tall is how high a person whose feet are at y is.
func (w *world) tall(y float64) float64 {
	l := &w.level
	return l.Smallest + (l.Tallest-l.Smallest)*min(max((y-w.top())/(float64(l.Height)-w.top()), 0), 1)
}

// top is the farthest place of feet.
func (w *world) top() float64 { return 0.25 * float64(w.level.Height) }

// enter adds a person, at an edge or anywhere.
func (w *world) enter(atEdge bool) {
	l := &w.level
	width, height := float64(l.Width), float64(l.Height)
	w.last++
	p := walker{identity: w.last, x: w.r.Float64() * width, y: w.top() + w.r.Float64()*(height-w.top()),
		heading: w.r.Float64() * 2 * math.Pi, speed: l.Speed * (0.5 + w.r.Float64()),
		girth: 0.32 + 0.1*w.r.Float64(), stature: 0.9 + 0.2*w.r.Float64(), class: "person"}
	if k := w.last % max(l.Classes, 1); k > 0 {
		p.class = "class-" + strconv.Itoa(k)
	}
	if atEdge {
		p.heading = (w.r.Float64() - 0.5) * math.Pi / 2
		p.x = -10
		if w.r.IntN(2) == 0 {
			p.x, p.heading = width+10, p.heading+math.Pi
		}
	}
	// The cosine of two people's looks is then Alike, apart from chance.
	own := w.direction()
	p.look = make([]float64, len(own))
	for i := range own {
		p.look[i] = math.Sqrt(l.Alike)*w.common[i] + math.Sqrt(1-l.Alike)*own[i]
	}
	w.people = append(w.people, p)
}

// step moves the world by a frame.
func (w *world) step() {
	l := &w.level
	dt := 1 / l.FPS
	for i := range w.people {
		w.walk(&w.people[i], dt)
	}
	w.people = slices.DeleteFunc(w.people, func(p walker) bool {
		half := p.girth * w.tall(p.y)
		return p.x < -half || p.x > float64(l.Width)+half || p.y < w.top()-20 || p.y > float64(l.Height)+w.tall(p.y)
	})
	for len(w.people) < l.People {
		w.enter(true)
	}
	keep := math.Exp(-dt / 0.15)
	push := l.Shake * math.Sqrt(1-keep*keep)
	if w.r.Float64() < l.Jolt {
		push = 3 * l.Shake
	}
	w.sx = keep*w.sx + push*w.r.NormFloat64()
	w.sy = keep*w.sy + push*w.r.NormFloat64()
	// To and fro, so that the scene stays in the picture.
	w.pan += l.Pan * dt
}

func (w *world) walk(p *walker, dt float64) {
	if p.rest > 0 {
		p.rest -= dt
		return
	}
	if w.r.Float64() < 0.05*dt {
		p.rest = 1 + 3*w.r.Float64()
	}
	p.heading += w.level.Turning * math.Sqrt(dt) * w.r.NormFloat64()
	step := p.speed * w.tall(p.y) * dt
	p.x += step * math.Cos(p.heading)
	p.y += 0.4 * step * math.Sin(p.heading) // the ground is seen at a slant
}

// offset is what the camera moves the picture by.
func (w *world) offset() (x, y float64) {
	swing := float64(w.level.Width) / 8
	return w.sx + swing*math.Sin(w.pan/swing), w.sy
}

// truth lists the people with what hides them: those whose feet are lower in the picture, and pillars.
func (w *world) truth() []Truth {
	ox, oy := w.offset()
	shifted := func(b result.Box) result.Box {
		return result.Box{b[0] + float32(ox), b[1] + float32(oy), b[2] + float32(ox), b[3] + float32(oy)}
	}
	var out []Truth
	for _, p := range w.people {
		h := p.stature * w.tall(p.y)
		half := p.girth * h / 2
		b := shifted(result.Box{float32(p.x - half), float32(p.y - h), float32(p.x + half), float32(p.y)})
		out = append(out, Truth{Identity: p.identity, Box: b, Class: p.class})
	}
	for i := range out {
		hiders := []result.Box{}
		for _, o := range w.pillars {
			if b := shifted(o); b[3] > out[i].Box[3] {
				hiders = append(hiders, b)
			}
		}
		for j := range out {
			if out[j].Box[3] > out[i].Box[3] {
				hiders = append(hiders, body(out[j].Box))
			}
		}
		out[i].Visible = w.visible(out[i].Box, hiders)
	}
	return out
}

// body is the part of a box that a person fills.
func body(b result.Box) result.Box {
	in := b.Width() * 0.12
	return result.Box{b[0] + in, b[1], b[2] - in, b[3]}
}

// visible samples a box.
func (w *world) visible(b result.Box, hiders []result.Box) float64 {
	const columns, rows = 8, 16
	seen := 0
	for j := range rows {
		for i := range columns {
			x := b[0] + (float32(i)+0.5)/columns*(b[2]-b[0])
			y := b[1] + (float32(j)+0.5)/rows*(b[3]-b[1])
			hidden := x < 0 || y < 0 || x >= float32(w.level.Width) || y >= float32(w.level.Height)
			for _, h := range hiders {
				hidden = hidden || x >= h[0] && x < h[2] && y >= h[1] && y < h[3]
			}
			if !hidden {
				seen++
			}
		}
	}
	return float64(seen) / (columns * rows)
}
