package main

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"sightline/internal/result"
	"sightline/internal/track/plaza"
)

func TestAsScene(t *testing.T) {
	truth := [][]plaza.Person{
		{{Identity: 3, Box: result.Box{300, 10, 340, 110}, Visible: 1, Counts: true}},
		{{Identity: 3, Box: result.Box{470, 10, 510, 110}, Visible: 0.5, Counts: true}},
	}
	seen := []result.Frame{
		{Objects: []result.Object{
			{Class: "bench", Score: 0.9, Box: result.Box{1, 2, 3, 4}},
			{Track: 7, Class: "person", Score: 0.8, Box: result.Box{301, 11, 339, 109}, ReID: []byte{0, 0x3c, 0, 0xb8}},
		}},
		{},
	}
	s, err := asScene(plaza.West, truth, seen)
	if err != nil {
		t.Fatal(err)
	}
	if s.Level.Width != 480 || s.Level.Height != 576 || s.Level.FPS != 10 {
		t.Errorf("level %+v", s.Level)
	}
	first, second := s.Frames[0], s.Frames[1]
	if want := []result.Object{{Class: "person", Score: 0.8, Box: result.Box{301, 11, 339, 109}}}; !reflect.DeepEqual(first.Objects, want) {
		t.Errorf("objects %+v", first.Objects)
	}
	if !reflect.DeepEqual(first.Vectors, [][]float32{{1, -0.5}}) || first.Truth[0].Visible != 1 || first.Truth[0].Class != "person" {
		t.Errorf("%+v", first)
	}
	// A quarter of the half that is visible lies in west: too little to count.
	if got := second.Truth[0]; got.Visible != 0 || got.Box != (result.Box{470, 10, 480, 110}) || second.PTS != 100*time.Millisecond {
		t.Errorf("%+v", second)
	}
	if _, err := asScene(plaza.East, truth, seen[:1]); err == nil || !strings.Contains(err.Error(), "plaza-east: 1 pictures, the truth is about 2") {
		t.Error(err)
	}
}

func TestWiden(t *testing.T) {
	got := widen([]byte{0, 0x3c, 0, 0xc0, 1, 0, 0, 0, 0x55, 0x35})
	if want := []float32{1, -2, 1.0 / (1 << 24), 0, 0.33325195}; !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
