package track

import (
	"math/rand/v2"
	"testing"
)

// TestGridMissesNoOverlap asks a grid for everything that a box could match, at any growth there is.
func TestGridMissesNoOverlap(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 9))
	var g grid
	for try := range 500 {
		// Sometimes one box is far larger than the rest, or all lie far from the picture.
		far := float64(try%3-1) * 1e5
		random := func() box {
			b := box{far + r.Float64()*500, far + r.Float64()*500, 1 + r.Float64()*80, 1 + r.Float64()*80}
			if r.IntN(40) == 0 {
				b.w, b.h = b.w*50, b.h*50
			}
			return b
		}
		seen := make([]detection, r.IntN(120))
		for i := range seen {
			seen[i].box = random()
		}
		g.fill(seen)
		together := map[[2]int32]bool{}
		g.pairs(func(i, j int32) { together[[2]int32{min(i, j), max(i, j)}] = true })
		for i := range seen {
			for j := range i {
				if touch := seen[i].box.overlap(seen[j].box, 0) > 0; touch != together[[2]int32{int32(j), int32(i)}] {
					t.Fatalf("try %d: boxes %+v and %+v: touch %v", try, seen[i].box, seen[j].box, touch)
				}
			}
		}
		for range 5 {
			k, grow := random(), r.Float64()*mostGrowth
			found := map[int32]bool{}
			for _, c := range g.query(k, grow) {
				if found[c] {
					t.Fatalf("try %d: box %d came twice", try, c)
				}
				found[c] = true
			}
			for c := range seen {
				if seen[c].box.overlap(k, grow) > 0 && !found[int32(c)] {
					t.Fatalf("try %d: box %+v overlaps %+v grown by %v and was not found", try, seen[c].box, k, grow)
				}
			}
		}
	}
}
