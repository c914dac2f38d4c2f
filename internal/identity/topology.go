package identity

import (
	"fmt"
	"time"
)

// topology is what is known of where the cameras stand.
type topology struct {
	skew time.Duration
	// site is the index of a camera's site; all is set where every camera is of one.
	site  map[string]int
	all   bool
	names []string
	links map[[2]string]link
	// linked cameras are reached by their links only.
	linked map[string]bool
	// mapped cameras have a map to another one's picture.
	mapped map[string]bool
}

// link is what leads from one camera to another.
type link struct {
	overlap  bool
	ground   *Homography // from the one's picture to the other's; nil: not known
	route    bool
	min, max time.Duration
}

func newTopology(o Options) (*topology, error) {
	t := &topology{skew: o.Skew, all: len(o.Sites) == 0, names: []string{""}, site: map[string]int{}, links: map[[2]string]link{}, linked: map[string]bool{}, mapped: map[string]bool{}}
	if !t.all {
		t.names = nil
	}
	for i, s := range o.Sites {
		t.names = append(t.names, s.Name)
		for _, c := range s.Cameras {
			t.site[c] = i
		}
		for _, v := range s.Overlaps {
			var back *Homography
			if v.Map != nil {
				var err error
				if back, err = v.Map.inverse(); err != nil {
					return nil, fmt.Errorf("site %s, cameras %s and %s: %w", s.Name, v.A, v.B, err)
				}
				t.mapped[v.A], t.mapped[v.B] = true, true
			}
			t.link(v.A, v.B, func(l *link) { l.overlap, l.ground = true, v.Map })
			t.link(v.B, v.A, func(l *link) { l.overlap, l.ground = true, back })
		}
		for _, r := range s.Routes {
			t.link(r.From, r.To, func(l *link) { l.route, l.min, l.max = true, r.Min, r.Max })
		}
	}
	return t, nil
}

func (t *topology) link(from, to string, set func(*link)) {
	l := t.links[[2]string{from, to}]
	set(&l)
	t.links[[2]string{from, to}] = l
	t.linked[from], t.linked[to] = true, true
}

// siteOf is the index of a camera's site; false if it is of none.
func (t *topology) siteOf(camera string) (int, bool) {
	if t.all {
		return 0, true
	}
	i, ok := t.site[camera]
	return i, ok
}

// seen is when and where a track was in sight.
type seen struct {
	camera      string
	first, last time.Time
}

// atOnce says that two tracks cannot be of one person, because they were in sight at once where that cannot be.
func (t *topology) atOnce(a, b seen) bool {
	if a.camera == b.camera {
		return !a.first.After(b.last) && !b.first.After(a.last)
	}
	if t.links[[2]string{a.camera, b.camera}].overlap {
		return false
	}
	return a.first.Before(b.last.Add(-t.skew)) && b.first.Before(a.last.Add(-t.skew))
}

// leads says that somebody seen first as a may be seen next as b.
func (t *topology) leads(a, b seen) bool {
	if a.camera == b.camera {
		return true
	}
	l := t.links[[2]string{a.camera, b.camera}]
	switch {
	case l.overlap:
		return true
	case l.route:
		gap := b.first.Sub(a.last)
		return gap >= l.min-t.skew && gap <= l.max+t.skew
	}
	return !t.linked[a.camera] && !t.linked[b.camera]
}

// apartInTime is the time between two tracks; 0 where they were in sight at once.
func apartInTime(a, b seen) time.Duration {
	return max(b.first.Sub(a.last), a.first.Sub(b.last), 0)
}
