package track

import (
	"testing"
	"time"

	"sightline/internal/result"
	"sightline/internal/track/crowd"
)

// play shows a scene to a method.
func play(m Method, level crowd.Level, seed uint64) crowd.Score {
	o := Options{Method: m, Update: 0.1, Lost: 2 * time.Second, Slots: 128}
	t := newCore(o)
	return crowd.Play(crowd.Make(level, seed), o.Slots, func(pts time.Duration, objects []result.Object, cosines []float32, actions []int32) {
		t.Update(pts, objects, Appearance{Cosines: cosines, Actions: actions})
	})
}

// bounds are the means over three fixed seeds that a method must keep: what it had when they were
// written, with a margin of a third more switches and 0.04 of IDF1.
var bounds = map[string]map[Method]struct {
	idf1     float64
	switches int // over all three seeds
}{
	"easy":   {IoU: {0.90, 1}, SORT: {0.92, 2}, ByteTrack: {0.90, 1}, BoTSORT: {0.90, 1}},
	"busy":   {IoU: {0.68, 165}, SORT: {0.84, 30}, ByteTrack: {0.85, 23}, BoTSORT: {0.84, 25}},
	"slow":   {IoU: {0.62, 300}, SORT: {0.79, 60}, ByteTrack: {0.80, 63}, BoTSORT: {0.81, 40}},
	"shaken": {IoU: {0.49, 960}, SORT: {0.46, 890}, ByteTrack: {0.58, 435}, BoTSORT: {0.88, 15}},
	"dense":  {IoU: {0.58, 620}, SORT: {0.72, 288}, ByteTrack: {0.73, 260}, BoTSORT: {0.78, 197}},
}

func TestQuality(t *testing.T) {
	const seeds = 3
	for _, l := range crowd.Levels {
		for _, m := range Methods {
			t.Run(l.Name+"/"+string(m), func(t *testing.T) {
				t.Parallel()
				var idf1 float64
				switches := 0
				for seed := range uint64(seeds) {
					s := play(m, l, seed)
					idf1 += s.IDF1 / seeds
					switches += s.Switches
				}
				want := bounds[l.Name][m]
				t.Logf("IDF1 %.3f, %d switches", idf1, switches)
				if idf1 < want.idf1 || switches > want.switches {
					t.Errorf("IDF1 %.3f and %d switches, want %.2f at least and %d at most", idf1, switches, want.idf1, want.switches)
				}
			})
		}
	}
}

// TestCameraMotionIsTakenOut compares two methods where nothing else helps as much.
func TestCameraMotionIsTakenOut(t *testing.T) {
	for _, l := range crowd.Levels {
		if l.Name != "shaken" {
			continue
		}
		with, without := play(BoTSORT, l, 7), play(ByteTrack, l, 7)
		if with.Switches*4 > without.Switches || with.IDF1 < without.IDF1+0.1 {
			t.Errorf("%d switches and IDF1 %.3f, without the camera's motion %d and %.3f",
				with.Switches, with.IDF1, without.Switches, without.IDF1)
		}
	}
}

func TestUnknownMethod(t *testing.T) {
	if _, err := New(Options{Method: "guess"}); err == nil {
		t.Error("no error for a method that does not exist")
	}
	for _, m := range Methods {
		if _, err := New(Options{Method: m}); err != nil {
			t.Errorf("%s: %v", m, err)
		}
	}
}
