package track

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"sightline/internal/result"
)

func TestNearMissesNoOverlap(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 9))
	random := func() box { return box{r.Float64() * 500, r.Float64() * 500, 1 + r.Float64()*80, 1 + r.Float64()*80} }
	for range 200 {
		tracker := New(Options{})
		var columns []int
		for i := range 50 {
			tracker.seen = append(tracker.seen, detection{box: random()})
			columns = append(columns, i)
		}
		widest := tracker.sweep(columns)
		k, grow := random(), r.Float64()*0.6
		found := map[int]bool{}
		for _, c := range tracker.near(columns, k, widest, grow) {
			found[c] = true
		}
		for c := range columns {
			if tracker.seen[c].box.overlap(k, grow) > 0 && !found[c] {
				t.Fatalf("box %+v overlaps %+v grown by %v and was not near", tracker.seen[c].box, k, grow)
			}
		}
	}
}

// square is frame i of n people of 40 x 100 in a square, about a third of each hidden by the next.
func square(objects []result.Object, n, i int) {
	side := 1
	for side*side < n {
		side++
	}
	for j := range n {
		objects[j] = person(float32(j%side)*28+float32(i%7), float32(j/side)*70, 40, 100, 0.9)
	}
}

func TestCrowdAllocatesNothing(t *testing.T) {
	tracker := New(Options{})
	objects := make([]result.Object, 200)
	i := 0
	run := func() {
		square(objects, 200, i)
		tracker.Update(time.Duration(i)*frame, objects, Appearance{})
		i++
	}
	for range 20 {
		run()
	}
	if tracker.Live() != 200 {
		t.Fatalf("%d tracks, want 200", tracker.Live())
	}
	if got := testing.AllocsPerRun(50, run); got != 0 {
		t.Errorf("%v allocations a frame, want 0", got)
	}
}

func BenchmarkCrowd(b *testing.B) {
	for _, n := range []int{200, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			tracker := New(Options{MaxTracks: n})
			objects := make([]result.Object, n)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				square(objects, n, i)
				tracker.Update(time.Duration(i)*frame, objects, Appearance{})
			}
		})
	}
}
