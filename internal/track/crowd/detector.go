package crowd

import (
	"math"

	"sightline/internal/result"
)

// length of appearance vectors.
const length = 64

// ghost is a false positive that stays for some frames, as a sign or a shadow does.
type ghost struct {
	box    result.Box
	score  float64
	frames int
}

// least is the lowest score that the detector reports.
const least = 0.1

// detect fills what a detector finds of f.Truth: less of it, less sure of it and worse placed the more
// is hidden; and what a network says about its looks.
func (w *world) detect(f *Frame) {
	l := &w.level
	for _, t := range f.Truth {
		hidden := 1 - t.Visible
		// Hardly anything in sight is hardly ever found.
		miss := l.Miss + (1-l.Miss)*smooth((hidden-0.45)/0.45)
		score := 0.88 - 0.75*hidden*hidden + 0.06*w.r.NormFloat64()
		if w.r.Float64() < l.Miss {
			score -= 0.3 // a blurred moment
		}
		if w.r.Float64() < miss || score < least {
			continue
		}
		h := float64(t.Box.Height())
		b := t.Box
		for i := range b {
			b[i] += float32(l.Jitter * (1 + 2*hidden) * h * w.r.NormFloat64() * []float64{0.5, 1, 0.5, 1}[i])
		}
		if hidden > 0.3 && w.r.Float64() < 0.5 {
			b[3] -= float32(0.5 * hidden * h) // the legs are behind somebody, and the box ends there
		}
		f.add(result.Object{Class: t.Class, Score: float32(min(score, 0.99)), Box: b}, t.Identity, w.seen(w.look(t.Identity), w.nearest(f, t), hidden))
	}
	w.haunt(f)
	w.r.Shuffle(len(f.Objects), func(i, j int) {
		f.Objects[i], f.Objects[j] = f.Objects[j], f.Objects[i]
		f.Who[i], f.Who[j] = f.Who[j], f.Who[i]
		f.Vectors[i], f.Vectors[j] = f.Vectors[j], f.Vectors[i]
	})
}

func (f *Frame) add(o result.Object, who int, vector []float32) {
	f.Objects, f.Who, f.Vectors = append(f.Objects, o), append(f.Who, who), append(f.Vectors, vector)
}

// haunt adds the false positives.
func (w *world) haunt(f *Frame) {
	l := &w.level
	kept := w.ghosts[:0]
	for _, g := range w.ghosts {
		if g.frames--; g.frames > 0 {
			kept = append(kept, g)
		}
	}
	w.ghosts = kept
	for range w.poisson(l.False) {
		y := w.top() + w.r.Float64()*(float64(l.Height)-w.top())
		h := w.tall(y) * (0.6 + 0.6*w.r.Float64())
		x := w.r.Float64() * float64(l.Width)
		g := ghost{score: 0.15 + 0.4*w.r.Float64(), frames: 1,
			box: result.Box{float32(x - 0.2*h), float32(y - h), float32(x + 0.2*h), float32(y)}}
		if w.r.IntN(2) == 0 {
			g.frames += w.r.IntN(6)
		}
		w.ghosts = append(w.ghosts, g)
	}
	for _, g := range w.ghosts {
		b := g.box
		for i := range b {
			b[i] += float32(l.Jitter * float64(g.box.Height()) * w.r.NormFloat64())
		}
		score := float32(min(max(g.score+0.05*w.r.NormFloat64(), least), 0.9))
		f.add(result.Object{Class: "person", Score: score, Box: b}, 0, w.seen(w.direction(), nil, 0))
	}
}

// nearest is the look of the person who hides most of t, or nil.
func (w *world) nearest(f *Frame, t Truth) []float64 {
	most, who := float32(0), 0
	for _, o := range f.Truth {
		width := min(o.Box[2], t.Box[2]) - max(o.Box[0], t.Box[0])
		if o.Box[3] > t.Box[3] && width > most && o.Box[1] < t.Box[3] {
			most, who = width, o.Identity
		}
	}
	return w.look(who)
}

func (w *world) look(identity int) []float64 {
	for i := range w.people {
		if w.people[i].identity == identity {
			return w.people[i].look
		}
	}
	return nil
}

// seen is the vector that a network gives for a look of which a share is hidden by another.
func (w *world) seen(look, other []float64, hidden float64) []float32 {
	noise := w.direction()
	out, norm := make([]float32, length), 0.0
	for i := range out {
		v := look[i] + w.level.Noise*(1+hidden)*noise[i]
		if other != nil {
			v += 0.8 * hidden * (other[i] - look[i])
		}
		out[i] = float32(v)
		norm += v * v
	}
	for i := range out {
		out[i] /= float32(math.Sqrt(norm))
	}
	return out
}

// direction is a random vector of length 1.
func (w *world) direction() []float64 {
	out, norm := make([]float64, length), 0.0
	for i := range out {
		out[i] = w.r.NormFloat64()
		norm += out[i] * out[i]
	}
	for i := range out {
		out[i] /= math.Sqrt(norm)
	}
	return out
}

func (w *world) poisson(mean float64) int {
	n, p, stop := 0, w.r.Float64(), math.Exp(-mean)
	for p > stop {
		n, p = n+1, p*w.r.Float64()
	}
	return n
}

// smooth rises from 0 to 1 between 0 and 1.
func smooth(x float64) float64 {
	x = min(max(x, 0), 1)
	return x * x * (3 - 2*x)
}
