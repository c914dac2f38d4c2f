package identity

import (
	"testing"
	"time"
)

// BenchmarkReport is one report of eight tracks, decided, with a gallery that is full: what the registry's goroutine
// does five times a second for each camera.
func BenchmarkReport(b *testing.B) {
	d := hostDevice(b)
	o := settings()
	o.Gallery, o.Length, o.Forget = 1024, 1280, 1000*time.Hour
	r, _ := open(b, d, o)
	l := newLookout(b, d, r, "door")
	people := []int{0, 1, 2, 3, 4, 5, 6, 7}
	for i := range 1024 {
		s := scene{camera: "before", run: 9, at: at(float64(i)), width: 1000, height: 1000, sightings: []Sighting{{Track: int64(i + 1), Row: 0}}}
		slots := make([]int32, 1)
		for _, t := range r.book.see(&s, slots) {
			t.views = o.Views
			r.book.found(t, "made up")
		}
	}
	// What the goroutine owns was touched before anything was sent to it.
	n := 0
	for b.Loop() {
		if !l.look(at(2000+0.2*float64(n)), people...) {
			b.Fatal("no report is free")
		}
		l.reporter.Drain()
		n++
	}
	l.close()
	if err := r.Close(); err != nil {
		b.Error(err)
	}
}
