package track

import (
	"math"
	"testing"
	"time"

	"sightline/internal/result"
)

const frame = 100 * time.Millisecond

// person is an object of class person with its centre at x, y.
func person(x, y, w, h, score float32) result.Object {
	return result.Object{Class: "person", Score: score, Box: result.Box{x - w/2, y - h/2, x + w/2, y + h/2}}
}

// feed gives the tracker frames from 0 at 10 fps; frames returns the objects of frame i. It returns
// the numbers of every frame.
func feed(t *core, n int, frames func(i int) []result.Object) [][]int64 {
	var out [][]int64
	for i := range n {
		objects := frames(i)
		t.Update(time.Duration(i)*frame, objects, Appearance{})
		var numbers []int64
		for _, o := range objects {
			numbers = append(numbers, o.Track)
		}
		out = append(out, numbers)
	}
	return out
}

func TestConfirmsAfterThreeHits(t *testing.T) {
	got := feed(newCore(Options{}), 5, func(i int) []result.Object {
		return []result.Object{person(100, 100, 40, 100, 0.9)}
	})
	for i, want := range []int64{0, 0, 1, 1, 1} {
		if got[i][0] != want {
			t.Errorf("frame %d: track %d, want %d", i, got[i][0], want)
		}
	}
	if n := feed(newCore(Options{ConfirmHits: 1}), 1, func(int) []result.Object {
		return []result.Object{person(100, 100, 40, 100, 0.9)}
	}); n[0][0] != 1 {
		t.Errorf("one hit wanted: track %d in the first frame, want 1", n[0][0])
	}
}

// walkers are two people who meet in the middle. What the hidden one's box does then is what
// detectors do: it is gone for a while.
func walkers(i int, hidden bool) []result.Object {
	x := float32(i) * 12
	objects := []result.Object{person(100+x, 200, 40, 100, 0.9)}
	if !hidden {
		objects = append(objects, person(580-x, 206, 40, 100, 0.85))
	}
	return objects
}

func TestCrossingPeopleKeepTheirNumbers(t *testing.T) {
	for name, hide := range map[string]func(i int) bool{
		"both seen":         func(int) bool { return false },
		"one hidden behind": func(i int) bool { return i >= 18 && i <= 22 },
	} {
		t.Run(name, func(t *testing.T) {
			got := feed(newCore(Options{}), 41, func(i int) []result.Object { return walkers(i, hide(i)) })
			for i := 2; i < len(got); i++ {
				if got[i][0] != 1 || (len(got[i]) == 2 && got[i][1] != 2) {
					t.Fatalf("frame %d: tracks %v, want 1 and 2", i, got[i])
				}
			}
		})
	}
}

func TestOcclusionKeepsNumber(t *testing.T) {
	for missing, want := range map[int]int64{1: 1, 5: 1, 9: 1, 15: 2} {
		tracker := newCore(Options{})
		got := feed(tracker, 10+missing+5, func(i int) []result.Object {
			if i >= 10 && i < 10+missing {
				return nil
			}
			return []result.Object{person(100+10*float32(i), 200, 40, 100, 0.9)}
		})
		if n := got[len(got)-1][0]; n != want {
			t.Errorf("%d frames unseen: track %d, want %d", missing, n, want)
		}
	}
}

func TestBirthsOnlyFromSureScores(t *testing.T) {
	for score, want := range map[float32]int64{0.39: 0, 0.40: 0, 0.49: 0, 0.499999: 0, 0.50: 1, 0.99: 1} {
		got := feed(newCore(Options{}), 10, func(int) []result.Object {
			return []result.Object{person(100, 100, 40, 100, score)}
		})
		if n := got[9][0]; n != want {
			t.Errorf("score %v: track %d, want %d", score, n, want)
		}
	}
}

func TestDoubtfulScoreKeepsTrack(t *testing.T) {
	for score, want := range map[float32]int64{0.39: 0, 0.40: 1, 0.45: 1} {
		tracker := newCore(Options{})
		got := feed(tracker, 40, func(i int) []result.Object {
			s := float32(0.9)
			if i >= 5 {
				s = score
			}
			return []result.Object{person(100+6*float32(i), 100, 40, 100, s)}
		})
		if n := got[39][0]; n != want {
			t.Errorf("score %v for 35 frames: track %d, want %d", score, n, want)
		}
	}
}

func TestSureBeatsDoubtful(t *testing.T) {
	tracker := newCore(Options{ConfirmHits: 1})
	feed(tracker, 3, func(int) []result.Object { return []result.Object{person(100, 100, 40, 100, 0.9)} })
	objects := []result.Object{person(100, 100, 40, 100, 0.45), person(104, 100, 40, 100, 0.8)}
	tracker.Update(3*frame, objects, Appearance{})
	if objects[0].Track != 0 || objects[1].Track != 1 {
		t.Errorf("tracks %d, %d, want 0 for the doubtful and 1 for the sure box", objects[0].Track, objects[1].Track)
	}
}

func TestClassesAreApart(t *testing.T) {
	tracker := newCore(Options{})
	both := func(first, second string) func(int) []result.Object {
		return func(int) []result.Object {
			a, b := person(100, 100, 40, 100, 0.9), person(100, 100, 40, 100, 0.8)
			a.Class, b.Class = first, second
			return []result.Object{a, b}
		}
	}
	got := feed(tracker, 5, both("person", "dog"))
	if got[4][0] != 1 || got[4][1] != 2 {
		t.Fatalf("tracks %v, want 1 and 2", got[4])
	}
	objects := both("dog", "cat")(0)
	tracker.Update(5*frame, objects, Appearance{})
	if objects[0].Track != 2 || objects[1].Track != 0 {
		t.Errorf("dog %d, cat %d, want 2 and 0", objects[0].Track, objects[1].Track)
	}
}

func TestEmptyFrames(t *testing.T) {
	tracker := newCore(Options{})
	feed(tracker, 20, func(i int) []result.Object {
		if i < 3 {
			return []result.Object{person(100, 100, 40, 100, 0.9)}
		}
		return nil
	})
	if n := tracker.Live(); n != 0 {
		t.Errorf("%d tracks left after 1.7 s of empty frames, want 0", n)
	}
	objects := []result.Object{person(100, 100, 40, 100, 0.9)}
	for i := range 3 {
		tracker.Update(time.Duration(20+i)*frame, objects, Appearance{})
	}
	if objects[0].Track != 2 || tracker.Count() != 2 {
		t.Errorf("track %d of %d, want 2 of 2: numbers are not used again", objects[0].Track, tracker.Count())
	}
}

func TestBrokenBoxesDoNotPoison(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	broken := []result.Object{
		person(nan, 100, 40, 100, 0.9), person(100, 100, nan, 100, 0.9), person(100, 100, 40, 100, nan),
		person(inf, 100, 40, 100, 0.9), person(100, -inf, 40, 100, 0.9), person(100, 100, inf, inf, 0.9),
		person(100, 100, 40, 100, inf), person(100, 100, 0, 100, 0.9), person(100, 100, -40, 100, 0.9),
		person(3e38, 3e38, 1e38, 1e38, 0.9),
	}
	got := feed(newCore(Options{}), 20, func(i int) []result.Object {
		return append(append([]result.Object{}, broken...), person(100, 100, 40, 100, 0.9))
	})
	for i, want := range map[int]int64{2: 1, 19: 1} {
		for j, n := range got[i] {
			if j < len(broken) && n != 0 {
				t.Errorf("frame %d: broken object %d has track %d", i, j, n)
			}
			if j == len(broken) && n != want {
				t.Errorf("frame %d: sound object has track %d, want %d", i, n, want)
			}
		}
	}
}

func TestVariableFrameRate(t *testing.T) {
	tracker := newCore(Options{})
	pts, last := time.Duration(0), int64(0)
	for i := range 60 {
		x := 100 + 120*float32(pts.Seconds())
		objects := []result.Object{person(x, 200, 40, 100, 0.9)}
		tracker.Update(pts, objects, Appearance{})
		last = objects[0].Track
		if i >= 2 && last != 1 {
			t.Fatalf("frame %d at %v: track %d, want 1", i, pts, last)
		}
		// 33 ms mostly; pauses of up to a second come when the speed is known.
		pts += 33 * time.Millisecond
		if i > 5 && i%7 == 0 {
			pts += time.Duration(i) * 16 * time.Millisecond
		}
	}
}

func TestClockJumps(t *testing.T) {
	for name, c := range map[string]struct {
		to    time.Duration
		x     float32
		first int64 // right after the jump
		third int64
	}{
		"back, still there": {0, 200, 1, 1},
		"on, still there":   {time.Hour, 200, 1, 1},
		"back, elsewhere":   {0, 500, 0, 2},
		"far below zero":    {math.MinInt64, 200, 1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			tracker := newCore(Options{})
			for i := range 10 {
				tracker.Update(10*time.Second+time.Duration(i)*frame, []result.Object{person(110+10*float32(i), 200, 40, 100, 0.9)}, Appearance{})
			}
			for i := range 3 {
				objects := []result.Object{person(c.x, 200, 40, 100, 0.9)}
				tracker.Update(c.to+time.Duration(i)*frame, objects, Appearance{})
				if want := [3]int64{c.first, c.first, c.third}[i]; objects[0].Track != want {
					t.Errorf("frame %d after the jump: track %d, want %d", i, objects[0].Track, want)
				}
			}
			if n := tracker.Live(); n != 1 {
				t.Errorf("%d tracks live, want 1", n)
			}
		})
	}
}

func TestTooManyTracks(t *testing.T) {
	tracker := newCore(Options{MaxTracks: 3, ConfirmHits: 1})
	var objects []result.Object
	for i := range 5 {
		objects = append(objects, person(float32(i)*200, 100, 40, 100, 0.9))
	}
	tracker.Update(0, objects, Appearance{})
	if objects[2].Track != 3 || objects[3].Track != 0 || tracker.Live() != 3 {
		t.Errorf("third %d, fourth %d, live %d: want 3, 0, 3", objects[2].Track, objects[3].Track, tracker.Live())
	}
}

// TestHalfHidden is a scene of plaza-2: before somebody passes in front of a person who stands nearly
// still, the detector sees only the upper half. The half box must not be taken for a jump upwards.
func TestHalfHidden(t *testing.T) {
	got := feed(newCore(Options{}), 26, func(i int) []result.Object {
		switch {
		case i == 16 || i >= 18 && i <= 20:
			return nil
		case i == 17:
			return []result.Object{{Class: "person", Score: 0.5, Box: result.Box{566, 242, 595, 291}}}
		}
		x := 585 - 0.6*float32(i)
		return []result.Object{person(x, 300-float32(i)/2, 36, 108, 0.8)}
	})
	if n := got[25][0]; n != 1 {
		t.Errorf("track %d after a half-hidden frame, want 1", n)
	}
}

// Two detectors that see the same person make a track each, and neither takes over the other's.
func TestDetectorsHaveTheirOwnTracks(t *testing.T) {
	for _, m := range Methods {
		tracker := newCore(Options{Method: m})
		for i := range 20 {
			near, far := person(100+4*float32(i), 200, 40, 100, 0.9), person(102+4*float32(i), 201, 42, 99, 0.8)
			near.Detector, far.Detector = "near", "far"
			o := []result.Object{near, far}
			switch { // each misses some
			case i > 5 && i%3 == 1:
				o = o[:1]
			case i > 5 && i%3 == 2:
				o = o[1:]
			}
			tracker.Update(time.Duration(i)*frame, o, Appearance{})
			for _, o := range o {
				if want := map[string]int64{"near": 1, "far": 2}[o.Detector]; o.Track != 0 && o.Track != want {
					t.Fatalf("%s: frame %d: %s has track %d, want %d", m, i, o.Detector, o.Track, want)
				}
			}
		}
		if tracker.Count() != 2 {
			t.Errorf("%s: %d tracks, want 2", m, tracker.Count())
		}
	}
}
