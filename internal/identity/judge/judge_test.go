package main

import (
	"math"
	"reflect"
	"strings"
	"testing"

	"sightline/internal/identity"
	"sightline/internal/result"
)

func frame(seq uint64, objects ...result.Object) result.Frame {
	return result.Frame{Seq: seq, Objects: objects}
}

// someone stands with the left edge of the box at x of west's picture; left is that of the camera's own.
func someone(track int64, x, left float32, identity int64) result.Object {
	return result.Object{Track: track, Identity: identity, Class: "person", Box: result.Box{x - left, 100, x - left + 40, 200}}
}

func scene() (w, e []result.Frame) {
	for i := range uint64(5) {
		// 1 of west is 7 of east; 2 of west walks outside the common strip, 8 of east elsewhere in it.
		w = append(w, frame(i, someone(1, 350, 0, 5), someone(2, 50, 0, 6)))
		e = append(e, frame(i, someone(7, 352, shift, 5), someone(8, 420, shift, 6)))
	}
	// Later: 3 of west is 9 of east, seen with 2 and 8 by nobody.
	for i := uint64(10); i < 14; i++ {
		w = append(w, frame(i, someone(3, 400, 0, 5)))
		e = append(e, frame(i, someone(9, 400, shift, 0)))
	}
	return w, e
}

func TestTruth(t *testing.T) {
	w, e := scene()
	told := newTruth(w, e)
	wantJudged(t, told, []judgement{
		{1, 7, true, true}, {1, 8, false, true}, {2, 7, false, true}, {2, 8, false, true}, {3, 9, true, true},
		{1, 9, false, false}, {3, 7, false, false},
	})
	got := told.pairs(map[seen]int64{{west, 1}: 5, {east, 7}: 5, {west, 2}: 6, {east, 8}: 6, {west, 3}: 5})
	if want := (score{right: 1, wrong: 1, missed: 1}); got != want || told.unknown != 4 {
		t.Errorf("pairs %+v, %d unknown", got, told.unknown)
	}
	if got, want := told.moments(w, e), (score{right: 5, wrong: 5, missed: 4}); got != want {
		t.Errorf("moments %+v, want %+v", got, want)
	}
	if text := told.String(); !strings.HasPrefix(text, "Truth: 3 tracks in west and 3 in east, of 4 persons at the most; of the 9 pairs 2 are one person, and of 4 nobody") {
		t.Error(text)
	}
}

func TestReplay(t *testing.T) {
	at := func(camera string, track int64) identity.Track {
		return identity.Track{Camera: camera, Track: track}
	}
	got := replay([]identity.Event{
		{Kind: identity.Newcomer, Identities: []int64{1}, Tracks: []identity.Track{at(west, 1)}},
		{Kind: identity.Join, Identities: []int64{1}, Tracks: []identity.Track{at(east, 1)}},
		{Kind: identity.Newcomer, Identities: []int64{2}, Tracks: []identity.Track{at(west, 2)}},
		{Kind: identity.Split, Identities: []int64{1, 3}, Tracks: []identity.Track{at(east, 1)}},
		{Kind: identity.Merge, Identities: []int64{2, 3}, Tracks: []identity.Track{at(east, 1)}},
		{Kind: identity.Forget, Identities: []int64{1}, Tracks: []identity.Track{at(west, 1)}},
	})
	if want := (map[seen]int64{{west, 1}: 1, {west, 2}: 2, {east, 1}: 2}); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestFigures(t *testing.T) {
	if got := (score{right: 3, wrong: 1, missed: 2}).String(); got != "0.75 (3 of 4) | 0.60 (3 of 5) | 0.67" {
		t.Error(got)
	}
	for _, c := range []struct {
		same, other []float64
		want        float64
	}{{[]float64{2, 3}, []float64{0, 1}, 1}, {[]float64{0}, []float64{1, 1}, 0}, {[]float64{1, 1}, []float64{1}, 0.5}, {[]float64{1, 3}, []float64{0, 2}, 0.75}} {
		if got := (cosines{c.same, c.other}).auc(); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%+v: %v", c, got)
		}
	}
	if got := widen([]byte{0, 0x3c, 0, 0xc0, 1, 0, 0, 0}); !reflect.DeepEqual(got, []float32{1, -2, 1.0 / (1 << 24), 0}) {
		t.Errorf("widen %v", got)
	}
}

// Views of one track apart in time are of one person; those of tracks seen together of two.
func TestCosinesWithinACamera(t *testing.T) {
	object := func(track int64, vector byte) result.Object {
		return result.Object{Track: track, Class: "person", ReID: []byte{0, vector}}
	}
	c := within([]result.Frame{
		{PTS: 0, Objects: []result.Object{object(1, 0x3c), object(2, 0x40)}},
		{PTS: 1, Objects: []result.Object{object(1, 0x3c)}},
		{PTS: 2.5, Objects: []result.Object{object(1, 0x3c), object(3, 0x3c)}},
	})
	// 1 with itself at 0 and 2.5; 2 of the first with 1 of the last. 1 and 3 are together, too: 3 with both early views.
	if want := (cosines{same: []float64{1}, other: []float64{2, 1}}); !reflect.DeepEqual(c, want) {
		t.Errorf("%+v, want %+v", c, want)
	}
}

// judgement is what a truth is to say of a track of west and one of east.
type judgement struct {
	west, east  int64
	same, known bool
}

func wantJudged(t *testing.T, told *truth, want []judgement) {
	t.Helper()
	for _, c := range want {
		if same, known := told.judged(seen{west, c.west}, seen{east, c.east}); same != c.same || known != c.known {
			t.Errorf("%d and %d: same %t, known %t", c.west, c.east, same, known)
		}
	}
}
