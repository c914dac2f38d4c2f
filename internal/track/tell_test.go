package track

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"sightline/internal/result"
	"sightline/internal/track/crowd"
)

// A walker passes behind something: while it is not seen, and no longer than Coast, it is told of where it is.
func TestUnseenIsToldForAWhile(t *testing.T) {
	at := func(i int) result.Object { return person(100+10*float32(i), 200, 40, 100, 0.9) }
	for name, c := range map[string]struct {
		options Options
		frames  int // after the last sight in which it is told of
	}{
		"by default":               {Options{}, 3},
		"longer":                   {Options{Coast: 500 * time.Millisecond}, 5},
		"not longer than it lives": {Options{Coast: time.Minute, Lost: 400 * time.Millisecond}, 4},
		"not at all":               {Options{Coast: -1}, 0},
		"iou foretells nothing":    {Options{Method: IoU}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			tracker := newCore(c.options)
			feed(tracker, 20, func(i int) []result.Object {
				if n := len(tracker.Unseen(nil, 1920, 1080)); n != 0 {
					t.Errorf("frame %d: %d unseen", i, n)
				}
				return []result.Object{at(i)}
			})
			for i := 20; i < 30; i++ {
				tracker.Update(time.Duration(i)*frame, nil, Appearance{})
				got := tracker.Unseen(nil, 1920, 1080)
				if want := i < 20+c.frames; (len(got) == 1) != want {
					t.Fatalf("frame %d: unseen %+v, want it told: %v", i, got, want)
				}
				if len(got) == 0 {
					continue
				}
				u, box := got[0], at(i).Box
				if u.Track != 1 || u.Class != "person" || u.TrackBox.IoU(box) < 0.8 || math.Abs(u.Since-float64(i-19)*0.1) > 1e-9 {
					t.Errorf("frame %d: %+v, want track 1 about %v", i, u, box)
				}
			}
		})
	}
}

func TestUnseenLeavesThePicture(t *testing.T) {
	tracker := newCore(Options{})
	feed(tracker, 10, func(i int) []result.Object { return []result.Object{person(135-10*float32(i), 200, 40, 100, 0.9)} })
	for i, want := range []int{1, 1, 0} { // its left edge is at 15, 5, -5
		tracker.Update(time.Duration(10+i)*frame, nil, Appearance{})
		if got := tracker.Unseen(nil, 1920, 1080); len(got) != want {
			t.Errorf("%d frames later: %+v, want %d", i, got, want)
		}
	}
}

// A box that shakes is told nearer to the truth than it was seen.
func TestTrackBoxIsEvenedOut(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, m := range Methods {
		tracker := newCore(Options{Method: m})
		var seen, told float64
		for i := range 200 {
			truth := person(100+3*float32(i), 200, 40, 100, 0.9)
			o := []result.Object{truth, person(900, 700, 40, 100, 0.45)}
			for k := range 4 {
				o[0].Box[k] += float32(r.NormFloat64()) * 3
			}
			before := o[0].Box
			tracker.Update(time.Duration(i)*frame, o, Appearance{})
			if o[0].Box != before || o[1].TrackBox != (result.Box{}) || (o[0].TrackBox == result.Box{}) != (o[0].Track == 0) {
				t.Fatalf("%s: frame %d: %+v", m, i, o)
			}
			if i > 10 {
				seen += 1 - float64(before.IoU(truth.Box))
				told += 1 - float64(o[0].TrackBox.IoU(truth.Box))
			}
		}
		if m == IoU && told != seen || m != IoU && told > 0.8*seen {
			t.Errorf("%s: %.1f off, the detector %.1f", m, told, seen)
		}
	}
}

// Where a shaken camera cannot be foretold nothing made up is told; where its motion is taken out it is.
func TestUntrustedPredictionsAreNotTold(t *testing.T) {
	for _, l := range crowd.Levels {
		if l.Name != "shaken" {
			continue
		}
		told := func(m Method) (share float64) {
			tracker, n := newCore(Options{Method: m}), 0
			s := crowd.Make(l, 7)
			crowd.Play(s, 0, func(pts time.Duration, objects []result.Object, _ []float32, _ []int32) {
				tracker.Update(pts, objects, Appearance{})
				n += len(tracker.Unseen(nil, l.Width, l.Height))
			})
			return float64(n) / float64(len(s.Frames))
		}
		if with, without := told(BoTSORT), told(ByteTrack); with < 0.5 || without > with/3 {
			t.Errorf("%.2f unseen a frame with the camera's motion taken out, %.2f without", with, without)
		}
	}
}

// A detector that looks at every n-th picture only has tracks as any other, and between its looks nobody is missed.
func TestRestingDetectors(t *testing.T) {
	for _, m := range Methods {
		for _, every := range []int{2, 3, 5} {
			tracker := newCore(Options{Method: m})
			for i := range 100 {
				walker, sign := person(100+2*float32(i), 300, 40, 100, 0.9), person(900, 100, 60, 60, 0.9)
				walker.Detector, sign.Detector, sign.Class = "people", "signs", "sign"
				objects := []result.Object{walker, sign}
				if i%every != 0 {
					objects = objects[:1]
					tracker.Rest([]string{"signs"})
				}
				tracker.Update(time.Duration(i)*frame, objects, Appearance{})
				if unseen := tracker.Unseen(nil, 1920, 1080); len(unseen) > 0 {
					t.Fatalf("%s, every %d: frame %d: %+v is told as unseen", m, every, i, unseen)
				}
				if len(objects) == 2 && i >= 3*every && objects[1].Track != 2 {
					t.Fatalf("%s, every %d: frame %d: the sign has track %d, want 2", m, every, i, objects[1].Track)
				}
			}
			// What is looked for and not there any more is missed.
			for i := 100; i < 200; i++ {
				tracker.Update(time.Duration(i)*frame, nil, Appearance{})
			}
			if tracker.Live() != 0 || tracker.Count() != 2 {
				t.Errorf("%s, every %d: %d tracks live of %d, want 0 of 2", m, every, tracker.Live(), tracker.Count())
			}
		}
	}
}

// On a picture that its detector does not look at, nothing is told of a track, be it in sight or hidden.
func TestNothingUnseenWhileResting(t *testing.T) {
	tracker := newCore(Options{})
	told := map[bool]int{}
	for i := range 60 {
		objects := []result.Object{person(100+2*float32(i), 300, 40, 100, 0.9), person(900, 300, 40, 100, 0.9)}
		for k := range objects {
			objects[k].Detector = "people"
		}
		if i >= 50 {
			objects = objects[1:] // the walker is hidden
		}
		rests := i%2 == 1
		if rests {
			objects = nil
			tracker.Rest([]string{"people"})
		}
		tracker.Update(time.Duration(i)*frame, objects, Appearance{})
		told[rests] += len(tracker.Unseen(nil, 1920, 1080))
	}
	if told[false] == 0 || told[true] != 0 {
		t.Errorf("%d told on pictures that are looked at, %d on the others", told[false], told[true])
	}
}

// Small things that are foretold badly do not change what is told of people.
func TestKindsAreForetoldApart(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	tracker := newCore(Options{})
	for i := range 60 {
		objects := []result.Object{person(100+4*float32(i), 300, 40, 100, 0.9)}
		for p := range 8 {
			plate := person(100+150*float32(p)+12*float32(r.NormFloat64()), 700+4*float32(r.NormFloat64()), 20, 8, 0.9)
			plate.Class = "plate"
			objects = append(objects, plate)
		}
		if i >= 57 {
			objects = objects[1:] // the walker is hidden
		}
		tracker.Update(time.Duration(i)*frame, objects, Appearance{})
		told := 0
		for _, u := range tracker.Unseen(nil, 1920, 1080) {
			if u.Class == "person" {
				told++
			}
		}
		if want := max(0, min(i-56, 1)); told != want {
			t.Errorf("frame %d: %d people told as unseen, want %d", i, told, want)
		}
	}
}
