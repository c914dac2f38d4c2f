package identity

import (
	"cmp"
	"slices"
	"time"

	"sightline/internal/result"
)

// Sighting is one track in one picture.
type Sighting struct {
	Track int64
	Box   result.Box
	// Row is where its vector lies in the report; -1 if the view is not good enough to be remembered.
	Row int
}

// scene is what one camera saw at one time. run tells a camera's pipelines apart: each numbers tracks from 1.
type scene struct {
	camera        string
	run           int64
	at            time.Time
	width, height int
	sightings     []Sighting
}

// tie is what a track was given its identity for, the weakest first.
type tie uint8

const (
	byAppearance tie = iota
	byGeometry
	founder // it was the first of its identity
)

// track is one camera's track as the book remembers it.
type track struct {
	seen
	site   int
	run    int64 // below 0: of a former run of the program
	number int64
	views  int // good ones, which its vector is the mean of
	row    int // in the gallery, -1 for none

	identity   *person
	tie        tie
	similarity float64 // when it was joined

	points   []point
	meetings map[*track]*meeting
	// rival is the identity that the last reviews would rather give it, doubts how many in a row.
	rival  *person
	doubts int
}

// person is an identity: tracks of one site.
type person struct {
	number int64
	site   int
	tracks []*track
}

func (p *person) remove(t *track) {
	p.tracks = slices.DeleteFunc(p.tracks, func(u *track) bool { return u == t })
}

// last is when somebody was last seen.
func (p *person) last() time.Time {
	var last time.Time
	for _, t := range p.tracks {
		if t.last.After(last) {
			last = t.last
		}
	}
	return last
}

// book is who was seen, without vectors: those are in the gallery, of which it knows the cosines. It belongs to one
// goroutine.
type book struct {
	o       Options
	where   *topology
	tracks  map[trackKey]*track
	cameras map[string][]*track // those with points
	persons []*person           // by number
	rows    []*track            // of the gallery
	next    int64               // the highest number given
	now     time.Time
	swept   time.Time
	// refused counts tracks that found no room in the gallery.
	refused int
	former  int64          // the run given to the track restored last
	changed map[int64]bool // runs whose identities are to be told anew
	tell    func(Event)
}

type trackKey struct {
	camera string
	run    int64
	number int64
}

func newBook(o Options, tell func(Event)) (*book, error) {
	where, err := newTopology(o)
	if err != nil {
		return nil, err
	}
	return &book{
		o: o, where: where, tracks: map[trackKey]*track{}, cameras: map[string][]*track{}, rows: make([]*track, o.Gallery),
		changed: map[int64]bool{}, tell: tell,
	}, nil
}

// see notes what a camera saw. For each sighting it returns the track, nil where there is none to be remembered, and
// writes what device.Blend is to do with each row of vectors.
func (b *book) see(s *scene, slots []int32) (seen []*track) {
	for i := range slots {
		slots[i] = -1
	}
	site, ok := b.where.siteOf(s.camera)
	if !ok {
		return nil
	}
	if s.at.After(b.now) {
		b.now = s.at
	}
	for _, v := range s.sightings {
		t := b.track(s, site, v.Track)
		if !s.at.After(t.last) && len(t.points) > 0 {
			continue // the camera's clock stood still or went back
		}
		t.last = s.at
		b.locate(t, newPoint(s.at, v.Box, s.width, s.height))
		if v.Row >= 0 && v.Row < len(slots) && b.room(t) {
			slots[v.Row] = int32(t.row)
			if t.views == 0 {
				slots[v.Row] = -2 - int32(t.row)
			}
			t.views++
		}
		seen = append(seen, t)
	}
	return seen
}

func (b *book) track(s *scene, site int, number int64) *track {
	key := trackKey{s.camera, s.run, number}
	t := b.tracks[key]
	if t == nil {
		t = &track{seen: seen{camera: s.camera, first: s.at, last: s.at}, site: site, run: s.run, number: number, row: -1, meetings: map[*track]*meeting{}}
		b.tracks[key] = t
	}
	return t
}

// locate adds a point to a track's way and compares it with those in the cameras that see the same ground; where there
// are none the last point is enough.
func (b *book) locate(t *track, p point) {
	if !b.where.mapped[t.camera] {
		t.points = append(t.points[:0], p)
		return
	}
	if len(t.points) == 0 {
		b.cameras[t.camera] = append(b.cameras[t.camera], t)
	}
	if len(t.points) == mostPoints {
		t.points = append(t.points[:0], t.points[1:]...)
	}
	t.points = append(t.points, p)
	for camera, others := range b.cameras {
		l := b.where.links[[2]string{t.camera, camera}]
		if l.ground == nil {
			continue
		}
		for _, u := range others {
			if last := u.points[len(u.points)-1].at; last+bridged >= t.points[max(len(t.points)-2, 0)].at {
				b.meet(t, u, l.ground)
			}
		}
	}
}

// room finds a row of the gallery for a track's vector: a free one, the lowest, or that of the track unseen longest.
func (b *book) room(t *track) bool {
	if t.row >= 0 {
		return true
	}
	free := slices.Index(b.rows, nil)
	if free < 0 {
		oldest := slices.MinFunc(b.rows, func(x, y *track) int { return x.last.Compare(y.last) })
		if b.now.Sub(oldest.last) < 2*b.o.Every+time.Second {
			b.refused++ // all are in sight
			return false
		}
		free = oldest.row
		b.drop(oldest, "made room in the gallery")
	}
	t.row = free
	b.rows[free] = t
	return true
}

// sweep forgets, once a second of the cameras' time.
func (b *book) sweep() {
	if b.now.Sub(b.swept) < time.Second {
		return
	}
	b.swept = b.now
	var gone []*track
	for _, t := range b.tracks {
		if b.now.Sub(t.last) > b.o.Forget {
			gone = append(gone, t)
		}
	}
	slices.SortFunc(gone, older)
	for _, t := range gone {
		b.drop(t, "unseen for "+b.o.Forget.String())
	}
}

// older orders tracks by when they were first seen.
func older(a, b *track) int {
	return cmp.Or(a.first.Compare(b.first), cmp.Compare(a.camera, b.camera), cmp.Compare(a.run, b.run), cmp.Compare(a.number, b.number))
}

// drop forgets a track, and with the last one the identity.
func (b *book) drop(t *track, reason string) {
	delete(b.tracks, trackKey{t.camera, t.run, t.number})
	if t.row >= 0 {
		b.rows[t.row] = nil
	}
	for u := range t.meetings {
		delete(u.meetings, t)
	}
	b.cameras[t.camera] = slices.DeleteFunc(b.cameras[t.camera], func(u *track) bool { return u == t })
	p := t.identity
	if p == nil {
		return
	}
	p.remove(t)
	b.changed[t.run] = true
	if len(p.tracks) == 0 {
		b.retire(p)
		b.tell(b.event(Forget, reason, 0, []*person{p}, t))
	}
}

// retire takes an identity off the list.
func (b *book) retire(p *person) {
	b.persons = slices.DeleteFunc(b.persons, func(q *person) bool { return q == p })
}

// names are the identities of a run's tracks.
func (b *book) names(run int64) map[int64]int64 {
	names := map[int64]int64{}
	for k, t := range b.tracks {
		if k.run == run && t.identity != nil {
			names[k.number] = t.identity.number
		}
	}
	return names
}

// used is how many rows of the gallery, from the first, hold all that are taken.
func (b *book) used() int {
	for i := len(b.rows); i > 0; i-- {
		if b.rows[i-1] != nil {
			return i
		}
	}
	return 0
}
