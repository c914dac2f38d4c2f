package identity

import (
	"strings"
	"testing"
	"time"
)

// Ann and Bob look alike by 0.5, Ann and her twin by 0.99.
var (
	ann  = axis(0)
	bob  = mix(axis(0), 0.5, axis(1), 0.866)
	twin = mix(axis(0), 0.99, axis(2), 0.141)
)

var (
	overlapping = Site{Name: "plaza", Cameras: []string{"west", "east"}, Overlaps: []Overlap{{"west", "east", Shift(-300, 0)}}}
	routed      = Site{Name: "hall", Cameras: []string{"door", "desk", "yard", "roof"}, Routes: []Route{{"door", "desk", 2 * time.Second, 10 * time.Second}, {"desk", "yard", 0, time.Minute}}}
)

func TestAppearance(t *testing.T) {
	p := newPlay(t, settings())
	p.show("a", 0, sight{1, ann, 100})
	p.show("a", 0.2, sight{1, nil, 100}) // not a good view
	p.show("a", 0.4, sight{1, ann, 100})
	if p.of("a", 1) != 0 {
		t.Error("two good views are enough, want three")
	}
	p.show("a", 0.6, sight{1, ann, 100})
	p.stay("b", 5, 6, sight{1, ann, 500})
	p.stay("b", 7, 8, sight{2, bob, 500})
	p.stay("a", 9, 10, sight{2, bob, 500})
	p.wantHistory("new[1] join[1] new[2] join[2]")
	if e := p.events[1]; e.Similarity < 0.99 || len(e.Tracks) != 1 || e.Tracks[0] != (Track{"b", 1, at(5)}) || !e.Time.Equal(at(5.4)) {
		t.Errorf("event %+v", e)
	}
}

func TestTwoAlikeAreNotChosenBetween(t *testing.T) {
	p := newPlay(t, settings())
	p.stay("a", 0, 1, sight{1, ann, 100})
	p.stay("b", 0, 1, sight{1, twin, 100}) // at once in another camera: somebody else
	p.stay("a", 5, 6, sight{2, mix(ann, 1, twin, 1), 100})
	p.wantHistory("new[1] join[1] split[1 2] new[3]") // half a second is what clocks may be apart
}

func TestAgeAsksForMore(t *testing.T) {
	seen := mix(axis(0), 0.9, axis(3), 0.436) // 0.9 like Ann
	for _, c := range []struct {
		after float64
		want  string
	}{{60, "new[1] join[1]"}, {3600, "new[1] new[2]"}} {
		o := settings()
		o.Decay, o.Forget = 20*time.Minute, 24*time.Hour
		p := newPlay(t, o)
		p.stay("a", 0, 1, sight{1, ann, 100})
		p.stay("a", c.after, c.after+0.5, sight{2, seen, 100})
		p.wantHistory(c.want)
	}
}

func TestNobodyIsAtTwoPlacesAtOnce(t *testing.T) {
	for name, c := range map[string]struct {
		site          Site
		first, second string
		at            float64
		want          string
	}{
		"one camera":            {first: "a", second: "a", at: 1, want: "new[1] new[2]"},
		"one camera, later":     {first: "a", second: "a", at: 3, want: "new[1] join[1]"},
		"two cameras":           {first: "a", second: "b", at: 1, want: "new[1] new[2]"},
		"clocks are a bit off":  {first: "a", second: "b", at: 1.8, want: "new[1] join[1]"},
		"they overlap":          {site: Site{Cameras: []string{"a", "b"}, Overlaps: []Overlap{{"a", "b", nil}}}, first: "a", second: "b", at: 1, want: "new[1] join[1]"},
		"too soon":              {site: routed, first: "door", second: "desk", at: 3, want: "new[1] new[2]"},
		"as long as it takes":   {site: routed, first: "door", second: "desk", at: 5, want: "new[1] join[1]"},
		"too late":              {site: routed, first: "door", second: "desk", at: 14, want: "new[1] new[2]"},
		"the other way":         {site: routed, first: "desk", second: "door", at: 5, want: "new[1] new[2]"},
		"no way":                {site: routed, first: "door", second: "yard", at: 5, want: "new[1] new[2]"},
		"no way to an islet":    {site: routed, first: "door", second: "roof", at: 5, want: "new[1] new[2]"},
		"a camera of no site":   {site: routed, first: "door", second: "elsewhere", at: 5, want: "new[1]"},
		"back in the same":      {site: routed, first: "door", second: "door", at: 60, want: "new[1] join[1]"},
		"at once, but not seen": {first: "a", second: "b", at: 2.2, want: "new[1] join[1]"},
	} {
		t.Run(name, func(t *testing.T) {
			o := settings()
			if c.site.Cameras != nil {
				o.Sites = []Site{c.site}
			}
			p := newPlay(t, o)
			p.stay(c.first, 0, 2, sight{1, ann, 100})
			p.stay(c.second, c.at, c.at+1, sight{2, ann, 600})
			p.wantHistory(c.want)
		})
	}
}

func TestSitesKnowNothingOfEachOther(t *testing.T) {
	p := newPlay(t, settings(overlapping, routed))
	p.stay("west", 0, 1, sight{1, ann, 100})
	p.stay("door", 5, 6, sight{1, ann, 100})
	p.wantHistory("new[1] new[2]")
	if p.events[0].Site != "plaza" || p.events[1].Site != "hall" {
		t.Errorf("events %+v", p.events)
	}
}

func TestGeometryDecides(t *testing.T) {
	for name, c := range map[string]struct {
		look []float64
		x    float64 // in east, of somebody at 500 in west: 200 is the same place
		late float64 // by which east's reports are later
		want string
	}{
		"the same place, another look": {bob, 205, 0, "new[1] join[1]"},
		"another place, the same look": {ann, 600, 0, "new[1] new[2]"},
		"nearer than a body, the same": {ann, 240, 0, "new[1] new[2]"}, // not sure, so appearance must not decide
		"between two reports":          {bob, 205, 0.1, "new[1] join[1]"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlay(t, settings(overlapping))
			for i := range 10 {
				s := 0.2 * float64(i)
				p.show("west", s, sight{1, ann, 500})
				p.show("east", s+c.late, sight{1, c.look, c.x})
			}
			p.wantHistory(c.want)
		})
	}
}

// A recording that is read faster is ahead of the other: what geometry says comes when both have told.
func TestGeometryOfCamerasOutOfStep(t *testing.T) {
	p := newPlay(t, settings(overlapping))
	for i := range 30 {
		p.show("west", 0.2*float64(i), sight{1, ann, 400 + 5*float64(i)})
	}
	for i := range 30 {
		p.show("east", 0.2*float64(i)+0.1, sight{1, bob, 100 + 5*(float64(i)+0.5)})
	}
	p.wantHistory("new[1] join[1]")
	if _, reason := p.history(); !strings.HasPrefix(reason, "geometry: feet 0.00 of a height apart") {
		t.Error(reason)
	}
}

// A box that the picture's edge cuts does not show where the feet are.
func TestCutBoxesDoNotVote(t *testing.T) {
	p := newPlay(t, settings(overlapping))
	for i := range 10 {
		p.show("west", 0.2*float64(i), sight{1, ann, 310})
		p.show("east", 0.2*float64(i), sight{1, bob, 10})
	}
	p.wantHistory("new[1] new[2]")
}

func TestMergeByAppearance(t *testing.T) {
	p := newPlay(t, settings())
	p.stay("a", 0, 2, sight{1, ann, 100})
	p.stay("b", 10, 10.5, sight{1, bob, 100}) // seen badly at first
	p.wantHistory("new[1] new[2]")
	p.stay("b", 10.6, 16, sight{1, ann, 100})
	p.wantHistory("new[1] new[2] merge[1 2]")
	if e := p.events[2]; e.Reason != "appearance" || e.Similarity < 0.8 || e.Tracks[0] != (Track{"b", 1, at(10)}) || p.of("b", 1) != 1 {
		t.Errorf("event %+v", e)
	}
}

func TestSplitWhenSeenElsewhereAtOnce(t *testing.T) {
	p := newPlay(t, settings())
	p.stay("a", 0, 2, sight{1, ann, 100})
	p.stay("b", 3, 5, sight{1, ann, 100}) // joins: Ann seems to have left a
	p.stay("a", 5, 6, sight{1, ann, 100}) // she has not: her track goes on
	p.wantHistory("new[1] join[1] split[1 2]")
	if _, reason := p.history(); reason != "in a and b at once" || p.of("a", 1) != 1 || p.of("b", 1) != 2 {
		t.Errorf("%s; a has %d, b has %d", reason, p.of("a", 1), p.of("b", 1))
	}
}

func TestSplitByAppearance(t *testing.T) {
	p := newPlay(t, settings())
	p.stay("a", 0, 2, sight{1, ann, 100})
	p.stay("b", 5, 5.5, sight{1, ann, 100})
	p.wantHistory("new[1] join[1]")
	p.stay("b", 5.6, 16, sight{1, axis(5), 100})
	p.wantHistory("new[1] join[1] split[1 2]")
	if p.of("b", 1) != 2 {
		t.Errorf("b has %d", p.of("b", 1))
	}
}

// Somebody joined by appearance is moved to who geometry says it is.
func TestGeometryTakesAppearanceBack(t *testing.T) {
	p := newPlay(t, settings(overlapping))
	// Ann and her twin walk in west, far from each other; the twin alone is in the common part.
	for i := range 20 {
		s := 0.2 * float64(i)
		p.show("west", s, sight{1, ann, 100}, sight{2, axis(1), 500})
	}
	for i := range 5 { // east is late: appearance is asked first
		p.show("east", 4+0.2*float64(i), sight{1, ann, 200})
	}
	p.wantHistory("new[1] new[2] join[1]")
	for i := range 10 {
		s := 5 + 0.2*float64(i)
		p.show("west", s, sight{1, ann, 100}, sight{2, axis(1), 500})
		p.show("east", s, sight{1, ann, 200})
	}
	if p.of("east", 1) != p.of("west", 2) || p.of("west", 1) == p.of("west", 2) {
		kinds, reason := p.history()
		t.Errorf("%s(%s)", kinds, reason)
	}
}

func TestAgeing(t *testing.T) {
	p := newPlay(t, settings())
	p.stay("a", 0, 1, sight{1, ann, 100})
	p.stay("a", 300, 301, sight{2, ann, 100})
	p.stay("b", 650, 651, sight{1, bob, 100})
	p.wantHistory("new[1] join[1] new[2]")
	if len(p.book.tracks) != 2 {
		t.Errorf("%d tracks, want the first of Ann's forgotten", len(p.book.tracks))
	}
	p.stay("b", 2000, 2001, sight{2, ann, 100})
	p.wantHistory("new[1] join[1] new[2] forget[1] forget[2] new[3]")
}

// Two thousand people come and go: what is remembered stays within the gallery.
func TestMemoryIsBounded(t *testing.T) {
	o := settings(overlapping)
	o.Gallery = 16
	p := newPlay(t, o)
	for i := range 2_000 {
		s := float64(i)
		track := int64(i + 1)
		for k := range 3 {
			p.show("west", s+0.2*float64(k), sight{track, axis(i % 64), 500})
			p.show("east", s+0.2*float64(k), sight{track, axis(i % 64), 200})
		}
	}
	meetings, points := 0, 0
	for _, t := range p.book.tracks {
		meetings += len(t.meetings)
		points += len(t.points)
	}
	if n := len(p.book.tracks); n > 16 || meetings > 16*16 || points > 16*mostPoints || len(p.book.cameras["west"]) > 16 {
		t.Errorf("%d tracks with %d meetings and %d points, %d in west", n, meetings, points, len(p.book.cameras["west"]))
	}
	if p.book.next < 1_000 {
		t.Errorf("%d identities given", p.book.next)
	}
}

// With a full gallery of people in sight somebody new gets no row, and nothing of the others is lost.
func TestFullGallery(t *testing.T) {
	o := settings()
	o.Gallery = 16
	p := newPlay(t, o)
	var all []sight
	for i := range 20 {
		all = append(all, sight{int64(i + 1), axis(i), float64(40 * (i + 1))})
	}
	for i := range 5 {
		p.show("a", 0.2*float64(i), all...)
	}
	if p.book.next != 16 || p.book.refused != 4*5 || p.of("a", 16) == 0 || p.of("a", 17) != 0 {
		t.Errorf("%d identities, %d refused", p.book.next, p.book.refused)
	}
}

func TestClockThatGoesBack(t *testing.T) {
	p := newPlay(t, settings())
	p.stay("a", 10, 11, sight{1, ann, 100})
	p.stay("a", 5, 9, sight{1, bob, 100}) // passed over
	p.stay("a", 11.1, 12, sight{1, ann, 100})
	p.wantHistory("new[1]")
	if tr := p.book.tracks[trackKey{"a", 1, 1}]; !tr.last.Equal(at(11.9)) || !tr.first.Equal(at(10)) {
		t.Errorf("from %v to %v", tr.first, tr.last)
	}
}

func TestTopologyRefusesAMapWithoutInverse(t *testing.T) {
	_, err := newTopology(settings(Site{Name: "x", Cameras: []string{"a", "b"}, Overlaps: []Overlap{{"a", "b", &Homography{1, 0, 0, 1, 0, 0, 0, 0, 1}}}}))
	if err == nil || !strings.Contains(err.Error(), "cannot be inverted") {
		t.Errorf("got %v", err)
	}
}
