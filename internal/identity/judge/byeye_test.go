package main

import (
	"strings"
	"testing"

	"sightline/internal/result"
	"sightline/internal/track/plaza"
)

// person stands where someone does.
func person(number int, x float32, counts bool) plaza.Person {
	return plaza.Person{Identity: number, Box: result.Box{x, 100, x + 40, 200}, Visible: 1, Counts: counts}
}

func TestByEye(t *testing.T) {
	w, e := scene()
	everybody := make([][]plaza.Person, 14)
	for i := range everybody[:5] {
		// 2 of west and 8 of east are people, too.
		everybody[i] = []plaza.Person{person(11, 351, true), person(12, 50, true), person(13, 421, true)}
	}
	for i := 10; i < 14; i++ {
		// 1 and 7 are back as 3 and 9.
		everybody[i] = []plaza.Person{person(11, 401, true)}
	}
	told := newByEye(w, e, everybody)
	wantJudged(t, told, []judgement{
		{1, 7, true, true}, {1, 8, false, true}, {2, 7, false, true}, {2, 8, false, true}, {3, 9, true, true},
		// What geometry alone cannot tell.
		{1, 9, true, true}, {3, 7, true, true}, {2, 9, false, true},
	})
	got := told.pairs(map[seen]int64{{west, 1}: 5, {east, 7}: 5, {west, 2}: 6, {east, 8}: 6, {west, 3}: 5})
	if want := (score{right: 2, wrong: 1, missed: 2}); got != want || told.unknown != 0 {
		t.Errorf("pairs %+v, %d unknown", got, told.unknown)
	}
	if got, want := told.moments(w, e), (score{right: 5, wrong: 5, missed: 4}); got != want {
		t.Errorf("moments %+v, want %+v", got, want)
	}
	if text := told.agrees(newTruth(w, e)); !strings.Contains(text, "of 5 of 5 pairs") {
		t.Error(text)
	}
	if got, want := followed(plaza.West, w, everybody), "| plaza-west | 3 | 3 | 1 | 0 | 0.606 | 0.684 |"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// A track that changes to somebody else is judged by the picture; what lies on nobody or on somebody hidden is not
// taken for a person.
func TestByEyeOfOneMoment(t *testing.T) {
	w := []result.Frame{frame(0, someone(1, 300, 0, 5)), frame(1, someone(1, 300, 0, 5)), frame(2, someone(1, 300, 0, 5), someone(2, 390, 0, 6))}
	e := []result.Frame{frame(0, someone(4, 300, shift, 5)), frame(1, someone(4, 300, shift, 5)), frame(2, someone(4, 390, shift, 5))}
	told := newByEye(w, e, [][]plaza.Person{{person(1, 300, true)}, {person(1, 300, true)}, {person(1, 300, true), person(2, 390, true)}})
	if got, want := told.moments(w, e), (score{right: 2, wrong: 1, missed: 1}); got != want {
		t.Errorf("moments %+v, want %+v", got, want)
	}
	hidden := newByEye(w, e, [][]plaza.Person{{person(1, 300, false)}, {person(1, 300, false)}, {person(1, 300, false)}})
	if got, want := hidden.moments(w, e), (score{}); got != want {
		t.Errorf("moments %+v, want %+v", got, want)
	}
	if _, known := hidden.judged(seen{west, 1}, seen{east, 4}); known {
		t.Error("a track on somebody who does not count is judged")
	}
	if same, known := hidden.judged(seen{west, 2}, seen{west, 2}); !same || !known {
		t.Error("a track on nobody is a person of its own")
	}
}
