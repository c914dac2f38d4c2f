package plaza

import (
	"reflect"
	"strings"
	"testing"

	"sightline/internal/result"
)

func TestParse(t *testing.T) {
	good := "1,2,10,20,30,40,1,1,0.50\n2,2,-5,20,30,40,0,1,1\n"
	got, err := parse(good, 2)
	if want := [][]Person{{{2, result.Box{10, 20, 40, 60}, 0.5, true}}, {{2, result.Box{-5, 20, 25, 60}, 1, false}}}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v, %v", got, err)
	}
	for _, c := range []struct{ text, want string }{
		{"", "line 1: 1 fields"},
		{"1,1,0,0,5,5,1,1,1\n\n", "line 2: 1 fields"},
		{"1,1,0,0,5,x,1,1,1", `field 6 is no number: "x"`},
		{"1,1,NaN,0,5,5,1,1,1", "field 3 is no number"},
		{"3,1,0,0,5,5,1,1,1", "frame 3, want 1 to 2"},
		{"1.5,1,0,0,5,5,1,1,1", "frame 1.5"},
		{"1e300,1,0,0,5,5,1,1,1", "frame 1e+300"},
		{"1,0,0,0,5,5,1,1,1", "number 0"},
		{"1,1,0,0,0,5,1,1,1", "an empty box"},
		{"1,1,0,0,5,5,2,1,1", "counts 2 and class 1"},
		{"1,1,0,0,5,5,1,8,1", "counts 1 and class 8"},
		{"1,1,0,0,5,5,1,1,1.1", "visible share 1.1"},
		{"1,1,0,0,5,5,1,1,1\n1,1,9,9,5,5,1,1,1", "line 2: person 1 is in frame 1 twice"},
	} {
		if _, err := parse(c.text, 2); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, want %q", c.text, err, c.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("1,2,10,20,30,40,1,1,0.50\n")
	f.Add("1,1,,0,5,5,1,1")
	f.Fuzz(func(t *testing.T, text string) {
		all, err := parse(text, 3)
		if err != nil {
			return
		}
		for _, frame := range all {
			for _, v := range []View{West, East} {
				for _, p := range v.People(frame) {
					if b := p.Box; b[0] < 0 || b[2] > v.Right-v.Left || p.Visible < 0 || p.Visible > 1 {
						t.Errorf("%s: %+v", v.Name, p)
					}
				}
			}
		}
	})
}

func TestPeople(t *testing.T) {
	at := func(left, right float32, visible float64, counts bool) Person {
		return Person{1, result.Box{left, 100, right, 200}, visible, counts}
	}
	for _, c := range []struct {
		what       string
		person     Person
		west, east []Person
	}{
		{"in both", at(300, 340, 0.5, true), []Person{at(300, 340, 0.5, true)}, []Person{at(12, 52, 0.5, true)}},
		{"cut by east's left edge", at(278, 298, 1, true), []Person{at(278, 298, 1, true)}, []Person{at(0, 10, 0.5, true)}},
		{"little left in west", at(475, 515, 1, true), []Person{at(475, 480, 0.125, false)}, []Person{at(187, 227, 1, true)}},
		{"doubtful", at(100, 140, 1, false), []Person{at(100, 140, 1, false)}, nil},
		{"hidden", at(100, 140, 0.2, true), []Person{at(100, 140, 0.2, false)}, nil},
		// A half that lies outside the recording is in the visible share already.
		{"leaving the recording", at(748, 788, 0.5, true), nil, []Person{at(460, 480, 0.5, true)}},
		{"just outside", at(480, 500, 1, true), nil, []Person{at(192, 212, 1, true)}},
	} {
		if got := West.People([]Person{c.person}); !reflect.DeepEqual(got, c.west) {
			t.Errorf("%s, west: %v, want %v", c.what, got, c.west)
		}
		if got := East.People([]Person{c.person}); !reflect.DeepEqual(got, c.east) {
			t.Errorf("%s, east: %v, want %v", c.what, got, c.east)
		}
	}
}

// near says that a walking person may have both boxes one after the other: legs and arms open and close.
func near(a, b result.Box) bool {
	return max(abs(a[0]+a[2]-b[0]-b[2])/2, abs(a[3]-b[3])) < 20 && abs(a[1]-b[1]) < 8
}

func abs(v float32) float32 { return max(v, -v) }

// The boxes of a person move and change by no more than people do, but for the moment at which the recording jumps.
func TestTruth(t *testing.T) {
	all, err := Truth()
	if err != nil {
		t.Fatal(err)
	}
	const jump = 104 // counted from 0, the first picture after it
	before, persons := map[int]result.Box{}, map[int]bool{}
	for i, frame := range all {
		now := map[int]result.Box{}
		for _, p := range frame {
			now[p.Identity] = p.Box
			if p.Counts {
				persons[p.Identity] = true
			}
			if b, ok := before[p.Identity]; ok && i != jump && !near(b, p.Box) {
				t.Errorf("frame %d: person %d jumps from %v to %v", i+1, p.Identity, b, p.Box)
			}
			if h := p.Box.Height(); h < 55 || h > 115 || p.Box.Width() > 0.7*h {
				t.Errorf("frame %d: person %d is %v", i+1, p.Identity, p.Box)
			}
		}
		if len(now) < 2 {
			t.Errorf("frame %d: %d people", i+1, len(now))
		}
		before = now
	}
	if len(persons) != 6 {
		t.Errorf("%d persons, want 6", len(persons))
	}
}
