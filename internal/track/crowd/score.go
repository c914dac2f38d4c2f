package crowd

import (
	"time"

	"sightline/internal/result"
	"sightline/internal/track/assign"
)

// Score is what a tracker made of a scene, in the terms of CLEAR MOT and of IDF1.
type Score struct {
	Truth, Matches, Misses, FalsePositives int
	Switches                               int // a person's number changed
	Fragments                              int // a person was lost and found again
	IDF1                                   float64
}

// MOTA is 1 less the errors for each true box.
func (s Score) MOTA() float64 {
	return 1 - float64(s.Misses+s.FalsePositives+s.Switches)/float64(max(s.Truth, 1))
}

const (
	// Wanted is the least visible share of a person that a tracker must report.
	Wanted = 0.1
	// same is the least overlap of a tracked with a true box.
	same = 0.5
)

// Counter compares a tracker's boxes with the truth, frame by frame.
type Counter struct {
	score    Score
	number   map[int]int64 // of a person: the number it had last
	held     map[int]bool  // whether it had one in the frame before that it was in
	together map[pair]int  // frames in which a person and a number overlapped
	people   map[int]int   // frames of a person
	numbers  map[int64]int // frames of a number
	solver   assign.Solver
}

type pair struct {
	identity int
	number   int64
}

// NewCounter begins a scene.
func NewCounter() *Counter {
	return &Counter{number: map[int]int64{}, held: map[int]bool{}, together: map[pair]int{}, people: map[int]int{}, numbers: map[int64]int{}}
}

// Frame counts a frame. Objects without a track are left out; so are people of whom next to nothing is
// to be seen, together with the boxes that lie on them.
func (c *Counter) Frame(truth []Truth, objects []result.Object) {
	var tracked []result.Object
	for _, o := range objects {
		if o.Track != 0 {
			tracked = append(tracked, o)
		}
	}
	c.solver.Reset(len(truth), len(tracked), 2)
	for i, t := range truth {
		for j, o := range tracked {
			iou := t.Box.IoU(o.Box)
			if iou < same || o.Class != t.Class {
				continue
			}
			cost := 2 - iou // above 1: a pair of the frame before goes first
			if c.number[t.Identity] == o.Track {
				cost = 0.5 - iou/2
			}
			c.solver.Add(i, j, float64(cost))
		}
	}
	mine := make([]int, len(tracked)) // the identity that a tracked box lies on
	for i, column := range c.solver.Solve() {
		t := truth[i]
		if t.Visible < Wanted {
			if column >= 0 {
				mine[column] = -1
			}
			continue
		}
		c.score.Truth++
		if column < 0 {
			c.score.Misses++
			c.held[t.Identity] = false
			continue
		}
		mine[column] = t.Identity
		c.score.Matches++
		if before, ok := c.number[t.Identity]; ok {
			if before != tracked[column].Track {
				c.score.Switches++
			}
			if !c.held[t.Identity] {
				c.score.Fragments++
			}
		}
		c.number[t.Identity], c.held[t.Identity] = tracked[column].Track, true
	}
	for j := range tracked {
		if mine[j] == 0 {
			c.score.FalsePositives++
		}
	}
	c.remember(truth, tracked, mine)
}

// remember keeps what IDF1 needs: every overlap, not only the matches.
func (c *Counter) remember(truth []Truth, tracked []result.Object, mine []int) {
	for _, t := range truth {
		if t.Visible < Wanted {
			continue
		}
		c.people[t.Identity]++
		for j, o := range tracked {
			if mine[j] >= 0 && o.Class == t.Class && t.Box.IoU(o.Box) >= same {
				c.together[pair{t.Identity, o.Track}]++
			}
		}
	}
	for j, o := range tracked {
		if mine[j] >= 0 {
			c.numbers[o.Track]++
		}
	}
}

// Update is a tracker's turn: it sets the Track of a frame's objects from the cosines of its people with
// what the gallery holds, and writes the gallery's actions.
type Update func(pts time.Duration, objects []result.Object, cosines []float32, actions []int32)

// Play shows a scene to a tracker that remembers so many appearances, and counts. Afterwards the scene's
// objects carry the tracker's numbers.
func Play(s *Scene, slots int, update Update) Score {
	c, g := NewCounter(), NewGallery(slots)
	for i := range s.Frames {
		f := &s.Frames[i]
		cosines, actions := g.Compare(f)
		update(f.PTS, f.Objects, cosines, actions)
		g.Remember(f)
		c.Frame(f.Truth, f.Objects)
	}
	return c.Score()
}

// Score is the result so far.
func (c *Counter) Score() Score {
	s := c.score
	most, truth, seen := 0, 0, 0
	column := map[int64]int{}
	for number, n := range c.numbers {
		column[number] = len(column)
		seen += n
	}
	row := map[int]int{}
	for identity, n := range c.people {
		row[identity] = len(row)
		truth += n
	}
	for _, n := range c.together {
		most = max(most, n)
	}
	c.solver.Reset(len(row), len(column), float64(most)+1)
	frames := make(map[[2]int]int, len(c.together))
	for p, n := range c.together {
		at := [2]int{row[p.identity], column[p.number]}
		frames[at] = n
		c.solver.Add(at[0], at[1], float64(most-n+1)) // staying alone is as good as no frame together
	}
	right := 0
	for r, k := range c.solver.Solve() {
		if k >= 0 {
			right += frames[[2]int{r, int(k)}]
		}
	}
	if truth+seen > 0 {
		s.IDF1 = 2 * float64(right) / float64(truth+seen)
	}
	return s
}
