package main

import (
	"fmt"

	"sightline/internal/result"
	"sightline/internal/track/assign"
	"sightline/internal/track/crowd"
	"sightline/internal/track/plaza"
)

// sight is a track in one picture.
type sight struct {
	seen
	seq uint64
}

const (
	nobody   = 0  // a box that lies on no person
	unjudged = -1 // one that lies on somebody of whom too little is to be seen
)

// newByEye is the truth by the annotation of both clips, which knows nothing of our boxes, tracks and geometry: in each
// picture a box is the person that it lies on, and a track is whom it lies on most of the time. A track that lies on
// nobody is a person of its own.
func newByEye(w, e []result.Frame, everybody [][]plaza.Person) *truth {
	t := &truth{person: map[seen]int{}, at: map[sight]int{}}
	strangers := 1000
	for _, c := range []struct {
		view   plaza.View
		frames []result.Frame
	}{{plaza.West, w}, {plaza.East, e}} {
		often := map[seen]map[int]int{}
		for _, f := range c.frames {
			objects := people(f)
			who := lying(objects, c.view.People(everybody[f.Seq]))
			for i, o := range objects {
				s := seen{c.view.Name, o.Track}
				t.at[sight{s, f.Seq}] = who[i]
				if often[s] == nil {
					often[s] = map[int]int{}
				}
				often[s][who[i]]++
			}
		}
		for s, counts := range often {
			best := nobody
			for p, n := range counts {
				if p > 0 && (n > counts[best] || n == counts[best] && p < best) {
					best = p
				}
			}
			switch {
			case best != nobody:
			case counts[unjudged] > counts[nobody]:
				best = unjudged
			default:
				strangers++
				best = strangers
			}
			t.person[s] = best
		}
	}
	return t
}

// lying tells which person each object lies on, each on another.
func lying(objects []result.Object, persons []plaza.Person) []int {
	var solver assign.Solver
	solver.Reset(len(persons), len(objects), 1)
	for i, p := range persons {
		for j, o := range objects {
			if iou := p.Box.IoU(o.Box); iou >= lies {
				solver.Add(i, j, float64(1-iou))
			}
		}
	}
	who := make([]int, len(objects))
	for i, j := range solver.Solve() {
		switch {
		case j < 0:
		case persons[i].Counts:
			who[j] = persons[i].Identity
		default:
			who[j] = unjudged
		}
	}
	return who
}

// together says whether two boxes are one person.
func (t *truth) together(a, b sight) (same, known bool) {
	if t.at == nil {
		return t.judged(a.seen, b.seen)
	}
	p, q := t.at[a], t.at[b]
	return p == q && p != nobody, p != unjudged && q != unjudged
}

// agrees compares two truths about pairs of a track of west and one of east.
func (t *truth) agrees(o *truth) string {
	both, alike := 0, 0
	for a := range t.person {
		for b := range t.person {
			same, known := t.judged(a, b)
			other, too := o.judged(a, b)
			if a.camera == west && b.camera == east && known && too {
				both++
				if same == other {
					alike++
				}
			}
		}
	}
	return fmt.Sprintf("Truth made of the geometry alone, from our own tracks, says the same of %d of %d pairs that it knows about.", alike, both)
}

// followed is how one clip's tracks do, as a line of a table.
func followed(view plaza.View, frames []result.Frame, everybody [][]plaza.Person) string {
	counter, persons, tracks := crowd.NewCounter(), map[int]bool{}, map[int64]bool{}
	for _, f := range frames {
		var truth []crowd.Truth
		for _, p := range view.People(everybody[f.Seq]) {
			if p.Counts {
				persons[p.Identity] = true
			} else {
				p.Visible = 0
			}
			truth = append(truth, crowd.Truth{Identity: p.Identity, Box: p.Box, Visible: p.Visible, Class: "person"})
		}
		tracked := people(f)
		for _, o := range tracked {
			tracks[o.Track] = true
		}
		counter.Frame(truth, tracked)
	}
	s := counter.Score()
	return fmt.Sprintf("| %s | %d | %d | %d | %d | %.3f | %.3f |", view.Name, len(persons), len(tracks), s.Switches, s.Fragments, s.IDF1, s.MOTA())
}
