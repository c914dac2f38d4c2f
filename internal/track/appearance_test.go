package track

import (
	"math"
	"slices"
	"testing"
	"time"

	"sightline/internal/result"
)

// gallery plays the device: it keeps a vector for each slot and follows the tracker's actions. What
// it holds here is who was seen, and the cosine is 0.9 for the same and 0.2 for somebody else.
type gallery struct {
	slots  []int
	frames int
}

func newGallery(n int) *gallery {
	g := &gallery{slots: make([]int, n)}
	for i := range g.slots {
		g.slots[i] = -1
	}
	return g
}

// frame runs one frame of the objects, whose rows show people who, and returns the actions.
func (g *gallery) frame(t *testing.T, tracker *core, objects []result.Object, who ...int) []int32 {
	t.Helper()
	cosines := make([]float32, len(who)*len(g.slots))
	for i, w := range who {
		for s, held := range g.slots {
			switch held {
			case -1:
				cosines[i*len(g.slots)+s] = float32(math.NaN())
			case w:
				cosines[i*len(g.slots)+s] = 0.9
			default:
				cosines[i*len(g.slots)+s] = 0.2
			}
		}
	}
	actions := make([]int32, len(who))
	tracker.Update(time.Duration(g.frames)*frame, objects, Appearance{Cosines: cosines, Actions: actions})
	g.frames++
	used := map[int32]bool{}
	for i, a := range actions {
		s := a
		if a <= -2 {
			s = -2 - a
			g.slots[s] = who[i]
		} else if a >= 0 && g.slots[s] == -1 {
			t.Fatalf("row %d blends into slot %d, which was never filled", i, s)
		}
		if s >= 0 && used[s] {
			t.Fatalf("two rows write slot %d: %v", s, actions)
		}
		used[s] = s >= 0
	}
	return actions
}

func TestAppearanceBreaksTies(t *testing.T) {
	for _, slots := range []int{0, 8} {
		tracker, g := newCore(Options{ConfirmHits: 1, Slots: slots}), newGallery(slots)
		pair := func(x1, x2 float32) []result.Object {
			return []result.Object{person(x1, 200, 40, 100, 0.9), person(x2, 200, 40, 100, 0.8)}
		}
		for range 5 {
			g.frame(t, tracker, pair(200, 230), 7, 8)
		}
		// Two boxes as far from one track as from the other: motion alone prefers neither.
		objects := pair(215, 215)
		g.frame(t, tracker, objects, 8, 7)
		if slots > 0 && (objects[0].Track != 2 || objects[1].Track != 1) {
			t.Errorf("tracks %d, %d, want 2, 1 as they look", objects[0].Track, objects[1].Track)
		}
		if slots == 0 && objects[0].Track+objects[1].Track != 3 {
			t.Errorf("tracks %d, %d without appearance, want 1 and 2", objects[0].Track, objects[1].Track)
		}
	}
}

func TestPlaceOutweighsLooks(t *testing.T) {
	tracker, g := newCore(Options{ConfirmHits: 1, Slots: 8}), newGallery(8)
	var objects []result.Object
	for i := range 6 {
		objects = []result.Object{person(200, 200, 40, 100, 0.9), person(230, 200, 40, 100, 0.8)}
		g.frame(t, tracker, objects, 7+i/5, 8-i/5)
	}
	if objects[0].Track != 1 || objects[1].Track != 2 {
		t.Errorf("tracks %d, %d, want 1, 2: neither moved", objects[0].Track, objects[1].Track)
	}
}

func TestActions(t *testing.T) {
	tracker, g := newCore(Options{Slots: 2}), newGallery(2)
	a, b, c := person(100, 200, 40, 100, 0.9), person(300, 200, 40, 100, 0.9), person(500, 200, 40, 100, 0.9)
	dog := a
	dog.Class = "dog"
	check := func(what string, got []int32, want ...int32) {
		t.Helper()
		if !slices.Equal(got, want) {
			t.Errorf("%s: actions %v, want %v", what, got, want)
		}
	}
	check("first frame; a dog has no row", g.frame(t, tracker, []result.Object{dog, a, b}, 1, 2), -2, -3)
	check("seen again", g.frame(t, tracker, []result.Object{a, dog, b}, 1, 2), 0, 1)
	check("no slot left", g.frame(t, tracker, []result.Object{a, b, c}, 1, 2, 3), 0, 1, -1)
	low := b
	low.Score = 0.45
	check("doubtful", g.frame(t, tracker, []result.Object{a, low, c}, 1, 2, 3), 0, -1, -1)
	nan := a
	nan.Box[0] = float32(math.NaN())
	check("a broken box keeps its row", g.frame(t, tracker, []result.Object{nan, b, c}, 1, 2, 3), -1, 1, -1)
	near := person(310, 200, 40, 100, 0.9)
	check("too close to another", g.frame(t, tracker, []result.Object{a, b, near, c}, 1, 2, 4, 3), 0, -1, -1, -1)
	for range 11 {
		g.frame(t, tracker, []result.Object{a, c}, 1, 3)
	}
	check("b's slot went to c", g.frame(t, tracker, []result.Object{a, c}, 1, 3), 0, 1)
	if g.slots[1] != 3 {
		t.Errorf("slot 1 shows %d, want 3", g.slots[1])
	}
	tracker.Update(time.Duration(g.frames)*frame, []result.Object{a, c}, Appearance{Actions: make([]int32, 1)})
	long := []int32{9, 9, 9, 9}
	tracker.Update(time.Duration(g.frames+1)*frame, []result.Object{a, c}, Appearance{Actions: long})
	check("rows beyond the people", long, 0, 1, -1, -1)
}

// Rows stand for the objects that Appearance names, whatever their class.
func TestAppearanceNamesItsObjects(t *testing.T) {
	tracker, err := New(Options{Slots: 4, ConfirmHits: 1})
	if err != nil {
		t.Fatal(err)
	}
	car, truck := person(100, 100, 80, 60, 0.9), person(300, 100, 80, 60, 0.8)
	car.Class, truck.Class = "car", "truck"
	objects := []result.Object{car, truck, person(500, 100, 40, 100, 0.9)}
	actions := make([]int32, 2)
	tracker.Update(0, objects, Appearance{Objects: []int{1, 0}, Actions: actions})
	if want := []int32{-3, -2}; !slices.Equal(actions, want) {
		t.Errorf("actions %v, want %v: slots go to the truck of row 0 after the surer car of row 1", actions, want)
	}
	// Rows beyond the frame's objects are nobody's.
	tracker.Update(frame, objects, Appearance{Objects: []int{1, 7, -1}, Actions: make([]int32, 3)})
}

// Somebody comes out from behind a pillar where no prediction lies on him: looks tell, and only they.
func TestLostAreRecoveredByLooks(t *testing.T) {
	for name, c := range map[string]struct {
		slots, who int
		x          float32
		want       int64
	}{
		"same looks":         {8, 1, 160, 1},
		"a stranger":         {8, 9, 160, 0},
		"out of reach":       {8, 1, 260, 0},
		"no looks are known": {0, 1, 160, 0},
	} {
		t.Run(name, func(t *testing.T) {
			tracker, g := newCore(Options{Slots: c.slots}), newGallery(c.slots)
			others := func() []result.Object {
				var o []result.Object
				for i := range 4 {
					o = append(o, person(400+200*float32(i), 200, 40, 100, 0.9))
				}
				return o
			}
			for range 5 {
				g.frame(t, tracker, append([]result.Object{person(100, 200, 40, 100, 0.9)}, others()...), 1, 2, 3, 4, 5)
			}
			for range 8 {
				g.frame(t, tracker, others(), 2, 3, 4, 5)
			}
			objects := append([]result.Object{person(c.x, 200, 40, 100, 0.9)}, others()...)
			g.frame(t, tracker, objects, c.who, 2, 3, 4, 5)
			if objects[0].Track != c.want {
				t.Errorf("track %d, want %d", objects[0].Track, c.want)
			}
		})
	}
}
