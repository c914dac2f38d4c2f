// Package track gives detected objects numbers that stay with them from frame to frame.
//
// It is ByteTrack's association: sure detections (Options.Birth) are matched first and only they
// start tracks; doubtful ones (Options.Update) may only continue tracks that are left over. Motion is
// a Kalman filter whose time step comes from presentation times, so that variable frame rates and
// dropped frames need no care. Appearance never matches what motion would not; it only decides
// between candidates that motion finds about equally likely.
package track

import (
	"math"
	"time"

	"sightline/internal/result"
)

// Options are a tracker's settings. A zero value takes the default that its comment names.
type Options struct {
	// Birth is the least score that starts a track: 0.50.
	Birth float32
	// Update is the least score that continues one: 0.40.
	Update float32
	// ConfirmHits is how many frames must show an object before it gets a number: 3.
	ConfirmHits int
	// Lost is how long a confirmed track may go unseen and still keep its number: 1 s. A track
	// survives one missed frame however slow the frame rate is.
	Lost time.Duration
	// MaxGap is the longest pause between two frames over which motion is extrapolated: 3 s.
	MaxGap time.Duration
	// MaxTracks bounds the live tracks; while there are as many, none is started: 256.
	MaxTracks int
	// Slots is the number of rows of the appearance gallery on the device; 0 works without.
	Slots int
	// Person is the class name that appearance rows stand for: "person".
	Person string
}

func (o Options) withDefaults() Options {
	set := func(v *float32, d float32) {
		if !(*v > 0) {
			*v = d
		}
	}
	set(&o.Birth, 0.50)
	set(&o.Update, 0.40)
	o.Update = min(o.Update, o.Birth)
	if o.ConfirmHits <= 0 {
		o.ConfirmHits = 3
	}
	if o.Lost <= 0 {
		o.Lost = time.Second
	}
	if o.MaxGap <= 0 {
		o.MaxGap = 3 * time.Second
	}
	if o.MaxTracks <= 0 {
		o.MaxTracks = 256
	}
	o.Slots = max(o.Slots, 0)
	if o.Person == "" {
		o.Person = "person"
	}
	return o
}

// Appearance is one frame's comparison of the people just seen with the gallery that the tracker
// keeps on the device. Row i is the i-th object of class Options.Person. The zero value is a frame
// without appearance.
type Appearance struct {
	// Cosines is [rows,Options.Slots], row by row. Rows that are missing, slots that no track holds
	// and values that are not finite are ignored.
	Cosines []float32
	// Actions receives what device.Blend is to do with the row: s >= 0 blend into slot s, -2-s make
	// slot s a copy, -1 leave the gallery alone. All of it is written; people beyond its length get
	// no slot.
	Actions []int32
}

// Tracker holds one camera's tracks. It belongs to one goroutine.
type Tracker struct {
	o      Options
	tracks []tracked
	// last is the highest number given so far.
	last    int64
	started bool
	pts     time.Duration
	// jumped says that the clock jumped before this frame: what is not found again now is gone.
	jumped bool

	seen  []detection
	owner []bool // of gallery slots: true while a track holds it
	match matcher
	// rows (indices into tracks) and columns (into seen) are the sides of the problem in hand.
	rows, columns []int
	order         []int // indices into columns, by left edge: see sweep
}

// tracked is one object that is being followed.
type tracked struct {
	motion motion
	// box is the object as last seen, predicted where it should be now.
	box, predicted box
	class          string
	number         int64 // 0 until confirmed
	hits, misses   int
	lastSeen       time.Duration
	slot           int32 // -1 for none
	// filled says that the slot holds this track's vector.
	filled bool
	found  int // index into seen, -1 while not matched in this frame
}

// detection is one usable object of the frame.
type detection struct {
	object int // index into the caller's objects
	row    int // appearance row, -1 for none
	box    box
	class  string
	score  float32
	taken  bool
	// grouped says that its class has had its turn in the current round.
	grouped bool
}

// New makes a tracker. It allocates what it needs as it sees more objects and then no more.
func New(o Options) *Tracker {
	o = o.withDefaults()
	return &Tracker{o: o, owner: make([]bool, o.Slots)}
}

// Count is how many tracks have been confirmed so far, which is also the highest number given.
func (t *Tracker) Count() int64 { return t.last }

// Live is how many tracks are being followed, confirmed or not.
func (t *Tracker) Live() int { return len(t.tracks) }

// Update takes the next frame's objects and sets every Track: the number of the object's track, 0
// while it has none. pts must rise from frame to frame; if it falls, or jumps by more than
// Options.MaxGap, tracks start again from where they were last seen. Objects with a box or score that
// is not finite, or with an empty box, are passed over.
func (t *Tracker) Update(pts time.Duration, objects []result.Object, a Appearance) {
	t.advance(pts)
	t.read(objects)
	for i := range a.Actions {
		a.Actions[i] = -1
	}
	t.associate(a.Cosines)
	t.refresh(objects, a.Actions)
	t.retire()
	t.bear(objects, a.Actions)
}

// advance predicts every track to pts.
func (t *Tracker) advance(pts time.Duration) {
	dt := pts - t.pts
	t.jumped = t.started && (dt < 0 || dt > t.o.MaxGap)
	t.started, t.pts = true, pts
	for i := range t.tracks {
		k := &t.tracks[i]
		k.found = -1
		if t.jumped {
			k.motion.start(k.box)
			k.lastSeen = pts
		} else {
			k.motion.predict(dt.Seconds(), k.misses > 0)
		}
		k.predicted = k.motion.box()
	}
	if t.jumped {
		t.keep(func(k *tracked) bool { return k.number != 0 && k.misses == 0 })
	}
}

// read lists the objects that can take part.
func (t *Tracker) read(objects []result.Object) {
	t.seen = t.seen[:0]
	people := 0
	for i := range objects {
		o := &objects[i]
		o.Track = 0
		row := -1
		if o.Class == t.o.Person {
			row = people
			people++
		}
		b, ok := newBox(o.Box)
		if !ok || !(o.Score >= t.o.Update) || math.IsInf(float64(o.Score), 0) {
			continue
		}
		t.seen = append(t.seen, detection{object: i, row: row, box: b, class: o.Class, score: o.Score})
	}
}

// refresh moves the matched tracks to where they were seen.
func (t *Tracker) refresh(objects []result.Object, actions []int32) {
	for i := range t.tracks {
		k := &t.tracks[i]
		if k.found < 0 {
			k.misses++
			continue
		}
		d := &t.seen[k.found]
		k.motion.update(d.box)
		k.box, k.lastSeen, k.misses = d.box, t.pts, 0
		if d.score >= t.o.Birth {
			k.hits++
		}
		t.confirm(k)
		objects[d.object].Track = k.number
		if k.filled && d.row >= 0 && d.row < len(actions) && d.score >= t.o.Birth && !t.crowded(d) {
			actions[d.row] = k.slot
		}
	}
}

func (t *Tracker) confirm(k *tracked) {
	if k.number == 0 && k.hits >= t.o.ConfirmHits {
		t.last++
		k.number = t.last
	}
}

// retire drops tracks that were not seen for too long; unconfirmed ones at their first miss.
func (t *Tracker) retire() {
	t.keep(func(k *tracked) bool {
		if k.misses == 0 {
			return true
		}
		return k.number != 0 && !t.jumped && (k.misses == 1 || t.pts-k.lastSeen <= t.o.Lost)
	})
}

// keep drops the tracks that wanted does not want, in place, and frees their slots.
func (t *Tracker) keep(wanted func(*tracked) bool) {
	n := 0
	for i := range t.tracks {
		k := &t.tracks[i]
		if !wanted(k) {
			if k.slot >= 0 {
				t.owner[k.slot] = false
			}
			continue
		}
		if n != i {
			t.tracks[n] = *k
		}
		n++
	}
	clear(t.tracks[n:])
	t.tracks = t.tracks[:n]
}

// bear starts tracks and hands out gallery slots, to those first that have waited longest.
func (t *Tracker) bear(objects []result.Object, actions []int32) {
	for i := range t.seen {
		d := &t.seen[i]
		if d.taken || d.score < t.o.Birth || len(t.tracks) >= t.o.MaxTracks {
			continue
		}
		d.taken = true
		k := tracked{box: d.box, class: d.class, hits: 1, lastSeen: t.pts, slot: -1, found: i}
		k.motion.start(d.box)
		t.confirm(&k)
		objects[d.object].Track = k.number
		t.tracks = append(t.tracks, k)
	}
	free := 0
	for i := range t.tracks {
		k := &t.tracks[i]
		if k.filled || k.found < 0 {
			continue
		}
		d := &t.seen[k.found]
		if d.row < 0 || d.row >= len(actions) {
			continue
		}
		for free < len(t.owner) && t.owner[free] {
			free++
		}
		if free == len(t.owner) {
			return
		}
		t.owner[free] = true
		k.slot, k.filled = int32(free), true
		actions[d.row] = -2 - k.slot
	}
}

// crowded says that another object of its class covers much of d: its vector would be of both.
func (t *Tracker) crowded(d *detection) bool {
	for i := range t.seen {
		o := &t.seen[i]
		if o != d && o.class == d.class && o.box.overlap(d.box, 0) > 0.3 {
			return true
		}
	}
	return false
}
