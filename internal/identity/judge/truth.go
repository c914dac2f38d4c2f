package main

import (
	"fmt"

	"sightline/internal/identity"
	"sightline/internal/result"
)

// seen is a track of one of the two cameras.
type seen struct {
	camera string
	track  int64
}

// truth is who is who: by eye (newByEye), or by where the two pictures were cut from (newTruth), which needs no annotation:
// boxes that lie on each other, moved to one picture, are one person, and boxes of one moment that do not are two.
type truth struct {
	person map[seen]int // the same number: one person
	// apart are pairs of persons that were in sight at once. Two that never were may be one: nobody knows.
	apart   map[[2]int]bool
	unknown int
	// at is who it is in each picture; nil where it is known of whole tracks only.
	at map[sight]int
}

const (
	// lies is how much two boxes must overlap to be of one person.
	lies = 0.5
	// often is in how many pictures, and in what share of those that show both in the common strip, they must.
	often, mostly = 3, 0.5
	border        = 2 // pixels from the edge of the common strip, within which boxes are cut
)

// whole says that a box of west, or one of east moved to west's picture, lies in the strip that both show.
func whole(b result.Box) bool { return b[0] > shift+border && b[2] < 480-border }

func moved(b result.Box) result.Box { return result.Box{b[0] + shift, b[1], b[2] + shift, b[3]} }

// people are a frame's tracked persons.
func people(f result.Frame) (list []result.Object) {
	for _, o := range f.Objects {
		if o.Track != 0 && o.Class == "person" {
			list = append(list, o)
		}
	}
	return list
}

// moments calls with every pair of frames of the same number.
func moments(w, e []result.Frame, with func(w, e result.Frame)) {
	at := map[uint64]result.Frame{}
	for _, f := range e {
		at[f.Seq] = f
	}
	for _, f := range w {
		if o, ok := at[f.Seq]; ok {
			with(f, o)
		}
	}
}

func newTruth(w, e []result.Frame) *truth {
	type count struct{ on, both int }
	met := map[[2]seen]*count{}
	t := &truth{person: map[seen]int{}, apart: map[[2]int]bool{}}
	moments(w, e, func(w, e result.Frame) {
		for _, a := range people(w) {
			t.person[seen{west, a.Track}] = 0
			for _, b := range people(e) {
				if !whole(a.Box) || !whole(moved(b.Box)) {
					continue
				}
				key := [2]seen{{west, a.Track}, {east, b.Track}}
				if met[key] == nil {
					met[key] = &count{}
				}
				met[key].both++
				if a.Box.IoU(moved(b.Box)) >= lies {
					met[key].on++
				}
			}
		}
		for _, b := range people(e) {
			t.person[seen{east, b.Track}] = 0
		}
	})
	n := 0
	for s := range t.person {
		n++
		t.person[s] = n
	}
	for key, c := range met {
		if c.on >= often && float64(c.on) >= mostly*float64(c.both) {
			from, to := t.person[key[0]], t.person[key[1]]
			for s, p := range t.person {
				if p == from {
					t.person[s] = to
				}
			}
		}
	}
	moments(w, e, t.separate)
	return t
}

// separate notes who is in sight at once.
func (t *truth) separate(w, e result.Frame) {
	var all []int
	for _, a := range people(w) {
		all = append(all, t.person[seen{west, a.Track}])
	}
	for _, b := range people(e) {
		all = append(all, t.person[seen{east, b.Track}])
	}
	for _, p := range all {
		for _, q := range all {
			if p != q {
				t.apart[[2]int{p, q}] = true
			}
		}
	}
}

// judged says whether two tracks are one person; known is false where nobody can tell.
func (t *truth) judged(a, b seen) (same, known bool) {
	p, q := t.person[a], t.person[b]
	if p == unjudged || q == unjudged {
		return false, false
	}
	return p == q, p == q || t.at != nil || t.apart[[2]int{p, q}]
}

// pairs scores identities on the pairs of a track of west and one of east.
func (t *truth) pairs(identity map[seen]int64) (s score) {
	t.unknown = 0
	for a := range t.person {
		for b := range t.person {
			if a.camera != west || b.camera != east {
				continue
			}
			same, known := t.judged(a, b)
			if !known {
				t.unknown++
				continue
			}
			s.add(same, identity[a] != 0 && identity[a] == identity[b])
		}
	}
	return s
}

// moments scores what the results said at the time: pairs of objects of one moment.
func (t *truth) moments(w, e []result.Frame) (s score) {
	moments(w, e, func(w, e result.Frame) {
		for _, a := range people(w) {
			for _, b := range people(e) {
				if same, known := t.together(sight{seen{west, a.Track}, w.Seq}, sight{seen{east, b.Track}, e.Seq}); known {
					s.add(same, a.Identity != 0 && a.Identity == b.Identity)
				}
			}
		}
	})
	return s
}

func (t *truth) String() string {
	persons, same := map[int]bool{}, 0
	cameras := map[string]int{}
	for a, p := range t.person {
		persons[p] = true
		cameras[a.camera]++
		for b, q := range t.person {
			if a.camera == west && b.camera == east && p == q {
				same++
			}
		}
	}
	return fmt.Sprintf("Truth: %d tracks in west and %d in east, of %d persons at the most; of the %d pairs %d are one person, and of %d nobody can tell.",
		cameras[west], cameras[east], len(persons), cameras[west]*cameras[east], same, t.unknown)
}

// replay is the identity of every track at the end, by the audit.
func replay(events []identity.Event) map[seen]int64 {
	now := map[seen]int64{}
	for _, e := range events {
		switch e.Kind {
		case identity.Newcomer, identity.Join, identity.Merge:
			for _, s := range e.Tracks {
				now[seen{s.Camera, s.Track}] = e.Identities[0]
			}
		case identity.Split:
			for _, s := range e.Tracks {
				now[seen{s.Camera, s.Track}] = e.Identities[1]
			}
		}
	}
	return now
}

// score counts pairs.
type score struct{ right, wrong, missed int }

func (s *score) add(same, said bool) {
	switch {
	case same && said:
		s.right++
	case said:
		s.wrong++
	case same:
		s.missed++
	}
}

func (s score) String() string {
	p := float64(s.right) / float64(max(s.right+s.wrong, 1))
	r := float64(s.right) / float64(max(s.right+s.missed, 1))
	f := 0.0
	if p+r > 0 {
		f = 2 * p * r / (p + r)
	}
	return fmt.Sprintf("%.2f (%d of %d) | %.2f (%d of %d) | %.2f", p, s.right, s.right+s.wrong, r, s.right, s.right+s.missed, f)
}
