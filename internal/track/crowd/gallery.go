package crowd

import "math"

// Gallery does on the host what a pipeline's device does with appearance vectors: it compares a frame's
// people with the ones remembered and follows the tracker's actions.
type Gallery struct {
	slots   [][]float32
	cosines []float32
	actions []int32
	rows    []int // of people: the index of the object
}

// keep is how much of a remembered vector stays when it is seen again.
const keep = 0.9

// NewGallery makes one that remembers so many vectors.
func NewGallery(slots int) *Gallery { return &Gallery{slots: make([][]float32, slots)} }

// Compare returns the cosines [people,slots] of a frame, NaN for a slot that nobody filled, and the
// memory for the tracker's actions, a row each. Both are valid until the next call.
func (g *Gallery) Compare(f *Frame) (cosines []float32, actions []int32) {
	g.rows, g.cosines, g.actions = g.rows[:0], g.cosines[:0], g.actions[:0]
	for i := range f.Objects {
		if f.Objects[i].Class != "person" {
			continue
		}
		g.rows, g.actions = append(g.rows, i), append(g.actions, -1)
		for _, s := range g.slots {
			c := float32(math.NaN())
			if s != nil {
				c = 0
				for k := range s {
					c += s[k] * f.Vectors[i][k]
				}
			}
			g.cosines = append(g.cosines, c)
		}
	}
	return g.cosines, g.actions
}

// Remember does what the tracker wrote into the actions of the last Compare.
func (g *Gallery) Remember(f *Frame) {
	for row, a := range g.actions {
		v := f.Vectors[g.rows[row]]
		switch {
		case a <= -2:
			g.slots[-2-a] = append([]float32(nil), v...)
		case a >= 0:
			var norm float64
			s := g.slots[a]
			for k := range s {
				s[k] = keep*s[k] + (1-keep)*v[k]
				norm += float64(s[k]) * float64(s[k])
			}
			for k := range s {
				s[k] /= float32(math.Sqrt(norm))
			}
		}
	}
}
