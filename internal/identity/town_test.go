package identity

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// town is four cameras: lane and square see the same crossing, from the square people walk to the park and on to the
// pier. Everybody looks like everybody else by alike, and every view is off by noise, as in package crowd.
type town struct {
	name         string
	people       int
	alike, noise float64
	fragments    float64 // chance that a track breaks in the middle
	precision    float64 // least wanted
	recall       float64
}

var towns = []town{
	{"good network", 80, 0.4, 0.6, 0.1, 0.98, 0.95},
	{"fair network", 80, 0.5, 0.8, 0.2, 0.97, 0.93},
	{"poor network", 80, 0.7, 1.0, 0.2, 0.70, 0.90},
}

var townSite = Site{
	Name: "town", Cameras: []string{"lane", "square", "park", "pier"}, Overlaps: []Overlap{{"lane", "square", Shift(-600, 0)}},
	Routes: []Route{{"square", "park", 2 * time.Second, 12 * time.Second}, {"park", "pier", 2 * time.Second, 12 * time.Second}},
}

type passage struct {
	seconds float64
	camera  string
	who     int
	x       float64
	fresh   bool // a new track begins
}

// passages are what the cameras see, in the order of time.
func (w town) passages(r *rand.Rand) (all []passage) {
	for who := range w.people {
		s := 3 * float64(who) * r.Float64() // from three seconds apart to a crowd
		s = 0.2 * float64(int(s*5))
		walk := func(camera string, from, to, speed float64) {
			broken := r.Float64() < w.fragments
			n := int(math.Abs(to-from) / speed * 5)
			for i := range n {
				all = append(all, passage{s + 0.2*float64(i), camera, who, from + math.Copysign(0.2*speed, to-from)*float64(i), i == 0 || broken && i == n/2})
			}
		}
		// Through the lane, whose last third the square sees too, at 600 less.
		walk("lane", 100, 900, 150)
		s += 18 * 0.2 // at 640 in the lane
		walk("square", 40, 790, 150)
		s += 750.0/150 + 0.2*float64(10+r.IntN(45))
		walk("park", 100, 900, 200)
		s += 4 + 0.2*float64(10+r.IntN(45))
		walk("pier", 900, 100, 200)
	}
	slices.SortStableFunc(all, func(a, b passage) int {
		switch {
		case a.seconds < b.seconds-1e-6:
			return -1
		case a.seconds > b.seconds+1e-6:
			return 1
		}
		return 0
	})
	return all
}

// TestTown plays people with known looks through the cameras, and scores the pairs of tracks that are one person's.
func TestTown(t *testing.T) {
	for _, w := range towns {
		t.Run(w.name, func(t *testing.T) {
			var right, wrong, missed int
			for seed := range uint64(4) {
				a, b, c := w.play(t, seed)
				right, wrong, missed = right+a, wrong+b, missed+c
			}
			precision, recall := float64(right)/float64(max(right+wrong, 1)), float64(right)/float64(max(right+missed, 1))
			t.Logf("precision %.3f, recall %.3f", precision, recall)
			if precision < w.precision || recall < w.recall {
				t.Errorf("precision %.3f, recall %.3f: want at least %.2f and %.2f", precision, recall, w.precision, w.recall)
			}
		})
	}
}

func (w town) play(t *testing.T, seed uint64) (right, wrong, missed int) {
	r := rand.New(rand.NewPCG(seed, 7))
	common, looks := direction(r), make([][]float64, w.people)
	for i := range looks {
		looks[i] = mixAlike(common, direction(r), w.alike)
	}
	o := settings(townSite)
	o.Gallery = 1024
	p := newPlay(t, o)
	type place struct {
		camera string
		who    int
	}
	current, owner, last := map[place]int64{}, map[trackKey]int{}, map[string]int64{}
	all := w.passages(r)
	for i := 0; i < len(all); {
		j := i
		frames := map[string][]sight{}
		for ; j < len(all) && all[j].seconds < all[i].seconds+1e-6; j++ {
			v := all[j]
			at := place{v.camera, v.who}
			if v.fresh {
				last[v.camera]++
				current[at] = last[v.camera]
				owner[trackKey{v.camera, 1, current[at]}] = v.who
			}
			frames[v.camera] = append(frames[v.camera], sight{current[at], mix(looks[v.who], 1, direction(r), w.noise), v.x})
		}
		for _, camera := range townSite.Cameras {
			if len(frames[camera]) > 0 {
				p.show(camera, all[i].seconds, frames[camera]...)
			}
		}
		i = j
	}
	var keys []trackKey
	for k := range owner {
		keys = append(keys, k)
	}
	for i, a := range keys {
		for _, b := range keys[:i] {
			same, x, y := owner[a] == owner[b], p.of(a.camera, a.number), p.of(b.camera, b.number)
			switch said := x != 0 && x == y; {
			case same && said:
				right++
			case said:
				wrong++
			case same:
				missed++
			}
		}
	}
	return right, wrong, missed
}

// mixAlike is a look that has a cosine of about alike with all others made from the same common one.
func mixAlike(common, own []float64, alike float64) []float64 {
	out := make([]float64, len(own))
	for i := range out {
		out[i] = math.Sqrt(alike)*common[i] + math.Sqrt(1-alike)*own[i]
	}
	return mix(out, 1, out, 0)
}
