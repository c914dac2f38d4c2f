package identity

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"sightline/internal/result"
)

var start = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

func at(seconds float64) time.Time { return start.Add(time.Duration(seconds * float64(time.Second))) }

// settings are the defaults of the configuration.
func settings(sites ...Site) Options {
	return Options{
		Similarity: 0.8, Margin: 0.03, Views: 3, Every: 200 * time.Millisecond, Skew: 500 * time.Millisecond,
		Reach: 0.3, Forget: 10 * time.Minute, Gallery: 64, Sites: sites, People: 32, Length: 64, Model: "test 1", Save: time.Hour,
	}
}

// play drives a book as the registry does, with vectors on the host.
type play struct {
	t      testing.TB
	book   *book
	rows   [][]float64
	events []Event
}

func newPlay(t testing.TB, o Options) *play {
	p := &play{t: t, rows: make([][]float64, o.Gallery)}
	var err error
	if p.book, err = newBook(o, func(e Event) { p.events = append(p.events, e) }); err != nil {
		t.Fatal(err)
	}
	return p
}

// sight is one track in a picture of 1000 x 1000, its feet at x, 200; a nil look is a view not to be remembered.
type sight struct {
	track int64
	look  []float64
	x     float64
}

func (p *play) show(camera string, seconds float64, sights ...sight) {
	s := scene{camera: camera, run: 1, at: at(seconds), width: 1000, height: 1000}
	var looks [][]float64
	for _, v := range sights {
		row := -1
		if v.look != nil {
			row = len(looks)
			looks = append(looks, v.look)
		}
		x := float32(v.x)
		s.sightings = append(s.sightings, Sighting{Track: v.track, Box: result.Box{x - 20, 100, x + 20, 200}, Row: row})
	}
	slots := make([]int32, len(looks))
	seen := p.book.see(&s, slots)
	for i, slot := range slots {
		switch {
		case slot <= -2:
			p.rows[-2-slot] = slices.Clone(looks[i])
		case slot >= 0:
			p.rows[slot] = mix(p.rows[slot], keep, looks[i], 1-keep)
		}
	}
	p.book.sweep()
	for _, t := range seen {
		if t.row < 0 {
			continue
		}
		cosines := make([]float32, p.book.used())
		for i := range cosines {
			if p.book.rows[i] != nil {
				cosines[i] = float32(dot(p.rows[t.row], p.rows[i]))
			}
		}
		p.book.decide(t, cosines)
	}
	p.check()
}

// stay shows one track from a time to another, five times a second.
func (p *play) stay(camera string, from, to float64, v sight) {
	for i := 0; from+0.2*float64(i) <= to; i++ {
		p.show(camera, from+0.2*float64(i), v)
	}
}

// check holds the book to what must always be true.
func (p *play) check() {
	p.t.Helper()
	b := p.book
	tracks := 0
	for _, q := range b.persons {
		if len(q.tracks) == 0 || q.number < 1 || q.number > b.next {
			p.t.Fatalf("identity %d of %d has %d tracks", q.number, b.next, len(q.tracks))
		}
		for _, t := range q.tracks {
			if t.identity != q || t.site != q.site || b.tracks[trackKey{t.camera, t.run, t.number}] != t {
				p.t.Fatalf("track %s %d is not as identity %d says", t.camera, t.number, q.number)
			}
			tracks++
		}
	}
	if tracks > len(b.rows) || len(b.persons) > len(b.rows) {
		p.t.Fatalf("%d tracks of %d identities in a gallery of %d", tracks, len(b.persons), len(b.rows))
	}
	for i, t := range b.rows {
		if t != nil && t.row != i {
			p.t.Fatalf("row %d is that of a track which has row %d", i, t.row)
		}
	}
}

// of is a track's identity, 0 for none.
func (p *play) of(camera string, track int64) int64 {
	t := p.book.tracks[trackKey{camera, 1, track}]
	if t == nil || t.identity == nil {
		return 0
	}
	return t.identity.number
}

// history is the kinds of all events and the reason of the last.
func (p *play) history() (kinds string, reason string) {
	for _, e := range p.events {
		kinds += fmt.Sprint(e.Kind, e.Identities, " ")
		reason = e.Reason
	}
	return kinds, reason
}

func (p *play) wantHistory(want string) {
	p.t.Helper()
	if got, reason := p.history(); got != want+" " {
		p.t.Errorf("%s(%s), want %s", got, reason, want)
	}
}

func dot(a, b []float64) (sum float64) {
	for i := range a {
		sum += a[i] * b[i]
	}
	return sum
}

// mix is the unit vector along x*a + y*b.
func mix(a []float64, x float64, b []float64, y float64) []float64 {
	out := make([]float64, len(a))
	for i := range out {
		out[i] = x*a[i] + y*b[i]
	}
	n := math.Sqrt(dot(out, out))
	for i := range out {
		out[i] /= n
	}
	return out
}

// direction is a random unit vector.
func direction(r *rand.Rand) []float64 {
	out := make([]float64, 64)
	for i := range out {
		out[i] = r.NormFloat64()
	}
	return mix(out, 1, out, 0)
}

// axis is the i-th of unit vectors that have nothing in common.
func axis(i int) []float64 {
	out := make([]float64, 64)
	out[i] = 1
	return out
}
