package track

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"sightline/internal/result"
)

// street is n people spread over a picture that is as full at any n, with a gallery for all of them.
type street struct {
	tracker *core
	objects []result.Object
	look    Appearance
	start   []result.Box
	unseen  []result.Unseen
	r       *rand.Rand
	frames  int
}

func newStreet(m Method, n, slots int) *street {
	s := &street{tracker: newCore(Options{Method: m, MaxTracks: 2 * n, Slots: slots}), r: rand.New(rand.NewPCG(1, uint64(n)))}
	// A third of the picture is covered by boxes, whatever their number.
	scale := float32(math.Sqrt(14 / float64(n)))
	for range n {
		w := 200 * (0.7 + 0.6*s.r.Float32()) * scale
		x, y := s.r.Float32()*1920, s.r.Float32()*1080
		s.start = append(s.start, result.Box{x, y, x + w, y + 2.4*w})
	}
	s.objects = make([]result.Object, n)
	s.look = Appearance{Cosines: make([]float32, n*slots), Actions: make([]int32, n)}
	for i := range s.look.Cosines {
		s.look.Cosines[i] = s.r.Float32()
	}
	return s
}

// step shows every person, one in twenty of them doubtful, after a step to one side and back.
func (s *street) step() {
	for i, b := range s.start {
		d := float32(s.frames%20-10) * b.Width() * 0.02 * float32(i%5-2)
		score := float32(0.8)
		if (i+s.frames)%20 == 0 {
			score = 0.45
		}
		s.objects[i] = result.Object{Class: "person", Score: score, Box: result.Box{b[0] + d, b[1], b[2] + d, b[3]}}
	}
	s.tracker.Update(time.Duration(s.frames)*40*time.Millisecond, s.objects, s.look)
	s.unseen = s.tracker.Unseen(s.unseen[:0], 1920, 1080)
	s.frames++
}

func TestFullFrameAllocatesNothing(t *testing.T) {
	for _, m := range Methods {
		s := newStreet(m, 200, 256)
		for range 100 {
			s.step()
		}
		if n := s.tracker.Live(); n < 190 {
			t.Fatalf("%s: %d tracks live, want about 200", m, n)
		}
		if got := testing.AllocsPerRun(40, s.step); got != 0 {
			t.Errorf("%s: %v allocations a frame, want 0", m, got)
		}
	}
}

// TestWorkGrowsWithNeighbours counts the pairs that are compared, which a clock could not do reliably.
func TestWorkGrowsWithNeighbours(t *testing.T) {
	pairs := func(n int) float64 {
		s := newStreet(BoTSORT, n, 0)
		for range 5 {
			s.step()
		}
		sum := 0
		for i := range s.tracker.tracks {
			sum += len(s.tracker.near.query(s.tracker.tracks[i].predicted, mostGrowth))
		}
		return float64(sum) / float64(n)
	}
	few, many := pairs(100), pairs(2000)
	if many > 2*few {
		t.Errorf("%.1f objects looked at for each of 100 tracks, %.1f for each of 2,000", few, many)
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
	for _, m := range Methods {
		tracker := newCore(Options{Method: m})
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
			t.Fatalf("%s: %d tracks, want 200", m, tracker.Live())
		}
		if got := testing.AllocsPerRun(50, run); got != 0 {
			t.Errorf("%s: %v allocations a frame, want 0", m, got)
		}
	}
}

// BenchmarkCrowd is the worst case of neighbours: everybody touches some.
func BenchmarkCrowd(b *testing.B) {
	for _, m := range Methods {
		for _, n := range []int{200, 1000} {
			b.Run(fmt.Sprintf("%s/%d", m, n), func(b *testing.B) {
				tracker := newCore(Options{Method: m, MaxTracks: n})
				objects := make([]result.Object, n)
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					square(objects, n, i)
					tracker.Update(time.Duration(i)*frame, objects, Appearance{})
				}
			})
		}
	}
}

func BenchmarkFrame(b *testing.B) {
	for _, m := range Methods {
		for _, n := range []int{7, 20, 200, 1000} {
			b.Run(fmt.Sprintf("%s/%d", m, n), func(b *testing.B) {
				s := newStreet(m, n, 256)
				for range 50 {
					s.step()
				}
				b.ReportAllocs()
				for b.Loop() {
					s.step()
				}
			})
		}
	}
}
