package crowd

import (
	"math"
	"reflect"
	"testing"
	"time"

	"sightline/internal/result"
)

func level(name string) Level {
	for _, l := range Levels {
		if l.Name == name {
			return l
		}
	}
	panic(name)
}

func TestSameSeedSameScene(t *testing.T) {
	l := level("dense")
	l.Frames = 50
	if !reflect.DeepEqual(Make(l, 3), Make(l, 3)) {
		t.Error("two scenes of one seed differ")
	}
	if reflect.DeepEqual(Make(l, 3).Frames, Make(l, 4).Frames) {
		t.Error("two seeds make the same scene")
	}
}

// TestSceneIsAsStated measures what a level promises.
func TestSceneIsAsStated(t *testing.T) {
	for _, l := range Levels {
		s := Make(l, 1)
		var people, found, clear, ghosts, hidden, leavers int
		var same, other, sames, others float64
		lastSeen := map[int]int{}
		vectors := map[int][]float32{}
		for i, f := range s.Frames {
			people += len(f.Truth)
			visible := map[int]float64{}
			for _, p := range f.Truth {
				if last, ok := lastSeen[p.Identity]; ok && last != i-1 {
					t.Fatalf("%s: person %d came back", l.Name, p.Identity)
				}
				lastSeen[p.Identity] = i
				visible[p.Identity] = p.Visible
				if p.Visible > 0.95 {
					clear++
				}
				if p.Visible < 0.5 {
					hidden++
				}
			}
			for j, who := range f.Who {
				if who == 0 {
					ghosts++
					continue
				}
				if visible[who] <= 0.95 {
					continue
				}
				found++
				for k, v := range vectors {
					c := dot(v, f.Vectors[j])
					if k == who {
						same, sames = same+c, sames+1
					} else {
						other, others = other+c, others+1
					}
				}
				vectors[who] = f.Vectors[j]
			}
		}
		for _, last := range lastSeen {
			if last < len(s.Frames)-1 {
				leavers++
			}
		}
		if mean := float64(people) / float64(l.Frames); mean < float64(l.People) || mean > float64(l.People)+0.01 {
			t.Errorf("%s: %.1f people a frame, want %d", l.Name, mean, l.People)
		}
		if hidden == 0 || leavers == 0 {
			t.Errorf("%s: %d boxes half hidden, %d people left: want some of both", l.Name, hidden, leavers)
		}
		if miss := 1 - float64(found)/float64(clear); math.Abs(miss-l.Miss) > 0.01 {
			t.Errorf("%s: %.3f of people in sight missed, want %.3f", l.Name, miss, l.Miss)
		}
		if rate := float64(ghosts) / float64(l.Frames); rate < l.False || rate > 4*l.False {
			t.Errorf("%s: %.2f false positives a frame, want %.2f and the ones that stay", l.Name, rate, l.False)
		}
		want := 1 / (1 + l.Noise*l.Noise)
		if c := same / sames; math.Abs(c-want) > 0.06 {
			t.Errorf("%s: cosine %.2f of the same person, want %.2f", l.Name, c, want)
		}
		if c := other / others; math.Abs(c-want*l.Alike) > 0.08 {
			t.Errorf("%s: cosine %.2f of two people, want %.2f", l.Name, c, want*l.Alike)
		}
	}
}

func dot(a, b []float32) (sum float64) {
	for i := range a {
		sum += float64(a[i]) * float64(b[i])
	}
	return sum
}

// at is a person and the object that shows it.
func at(identity int, x float32, number int64) (Truth, result.Object) {
	b := result.Box{x, 0, x + 40, 100}
	return Truth{identity, b, 1, "person"}, result.Object{Class: "person", Score: 0.9, Box: b, Track: number}
}

// TestCounter plays ten frames of two people whose result can be counted on fingers.
func TestCounter(t *testing.T) {
	c := NewCounter()
	for i := range 10 {
		a, seenA := at(1, 100, 1)
		b, seenB := at(2, 300, 2)
		objects := []result.Object{seenA}
		switch {
		case i == 3: // b is missed
		case i >= 6: // and changes its number
			seenB.Track = 3
			objects = append(objects, seenB)
		default:
			objects = append(objects, seenB)
		}
		if i == 8 {
			_, ghost := at(0, 600, 4)
			objects = append(objects, ghost)
			_, silent := at(0, 800, 0)
			objects = append(objects, silent)
		}
		c.Frame([]Truth{a, b}, objects)
	}
	got := c.Score()
	// 20 true boxes and 20 tracked ones; 10 of person 1 and 5 of person 2 have their best number.
	want := Score{Truth: 20, Matches: 19, Misses: 1, FalsePositives: 1, Switches: 1, Fragments: 1, IDF1: 2 * 15.0 / 40}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if m := got.MOTA(); math.Abs(m-0.85) > 1e-9 {
		t.Errorf("MOTA %v, want 0.85", m)
	}
}

func TestCounterPassesOverTheHidden(t *testing.T) {
	c := NewCounter()
	a, seen := at(1, 100, 1)
	a.Visible = 0.05
	c.Frame([]Truth{a}, []result.Object{seen})
	if got := c.Score(); got != (Score{}) {
		t.Errorf("got %+v, want nothing", got)
	}
}

// TestPlayKnowsAPerfectTracker gives every object the number of the person it shows.
func TestPlayKnowsAPerfectTracker(t *testing.T) {
	l := level("easy")
	l.False = 0
	s := Make(l, 2)
	i := 0
	got := Play(s, 4, func(pts time.Duration, objects []result.Object, _ []float32, _ []int32) {
		for k := range objects {
			objects[k].Track = int64(s.Frames[i].Who[k])
		}
		i++
	})
	if got.Switches != 0 || got.FalsePositives*200 > got.Truth || got.IDF1 < 0.97 {
		t.Errorf("got %+v", got)
	}
}

func TestGalleryRemembers(t *testing.T) {
	g := NewGallery(2)
	f := Frame{Objects: []result.Object{{Class: "dog"}, {Class: "person"}}, Vectors: [][]float32{{0, 1}, {1, 0}}}
	cosines, actions := g.Compare(&f)
	if len(cosines) != 2 || !math.IsNaN(float64(cosines[0])) || len(actions) != 1 {
		t.Fatalf("cosines %v, %d actions of an empty gallery", cosines, len(actions))
	}
	actions[0] = -2 - 1
	g.Remember(&f)
	f.Vectors[1] = []float32{0.6, 0.8}
	cosines, actions = g.Compare(&f)
	if !math.IsNaN(float64(cosines[0])) || math.Abs(float64(cosines[1])-0.6) > 1e-6 {
		t.Fatalf("cosines %v, want none and 0.6", cosines)
	}
	actions[0] = 1
	g.Remember(&f)
	if cosines, _ = g.Compare(&f); !(cosines[1] > 0.6 && cosines[1] < 0.75) {
		t.Errorf("cosine %v after blending, want a little above 0.6", cosines[1])
	}
}
