package track

import (
	"math"
	"slices"
	"time"

	"sightline/internal/result"
	"sightline/internal/track/assign"
)

// core is the Tracker of every method.
type core struct {
	o      Options
	method traits
	tracks []tracked
	// last is the highest number given so far.
	last    int64
	started bool
	pts     time.Duration
	// jumped says that the clock jumped before this frame: what is not found again now is gone.
	jumped bool

	seen []detection
	// kinds are those seen so far.
	kinds []kind
	// rowOf is the row of appearance by object, -1 for none.
	rowOf []int
	owner []bool // of gallery slots: true while a track holds it
	near  grid   // the seen boxes
	// crowding says that the seen objects' crowded is known.
	crowding bool
	match    assign.Solver
	// rows are the tracks that take part in a round, by their index.
	rows []int
	// known are the tracks whose looks the gallery has.
	known  []int
	camera camera
}

// tracked is one object that is being followed.
type tracked struct {
	motion motion
	// box is the object as last seen, predicted where it should be now.
	box, predicted box
	kind           int32 // index of core.kinds
	number         int64 // 0 until confirmed
	hits, misses   int
	born, lastSeen time.Duration
	slot           int32 // -1 for none
	// filled says that the slot holds this track's vector.
	filled bool
	found  int // index into seen, -1 while not matched in this frame
}

// kind is what tracks and objects must have in common. Two detectors that find the same make tracks of their own: one
// track with both would show a person twice, or miss somebody.
type kind struct {
	detector, class string
	// resting says that the detector does not look at this frame.
	resting bool
	// rested says that it did not look at the last one.
	rested bool
	// foretold is how much predicted and seen boxes overlapped lately; overlaps and compared are sum and number of
	// this frame.
	foretold, overlaps, compared float64
}

// kindOf finds an object's kind, of which there are few.
func (t *core) kindOf(o *result.Object) int32 {
	i := slices.IndexFunc(t.kinds, func(k kind) bool { return k.class == o.Class && k.detector == o.Detector })
	if i < 0 {
		i, t.kinds = len(t.kinds), append(t.kinds, kind{detector: o.Detector, class: o.Class, foretold: 1})
	}
	return int32(i)
}

// detection is one usable object of the frame.
type detection struct {
	object int // index into the caller's objects
	row    int // appearance row, -1 for none
	box    box
	kind   int32 // index of core.kinds
	score  float32
	taken  bool
	// crowded says that another object of its kind covers much of it, once core.crowding is set: its vector would be of
	// both.
	crowded bool
	// like is the track that it looks most like, once compared.
	compared bool
	like     int
}

func newCore(o Options) *core {
	o = o.withDefaults()
	return &core{o: o, last: o.After, method: methods[o.Method], owner: make([]bool, o.Slots)}
}

func (t *core) Count() int64 { return t.last }

func (t *core) Live() int { return len(t.tracks) }

func (t *core) Rest(detectors []string) {
	for i := range t.kinds {
		t.kinds[i].resting = slices.Contains(detectors, t.kinds[i].detector)
	}
}

func (t *core) Update(pts time.Duration, objects []result.Object, a Appearance) {
	t.advance(pts)
	t.read(objects, a.Objects)
	for i := range a.Actions {
		a.Actions[i] = -1
	}
	steadied := t.method.camera && !t.jumped && t.steady()
	t.associate(a.Cosines)
	t.refresh(objects, a.Actions, steadied)
	t.retire()
	t.bear(objects, a.Actions)
	for i := range t.kinds {
		t.kinds[i].rested, t.kinds[i].resting = t.kinds[i].resting, false
	}
}

// advance predicts every track to pts.
func (t *core) advance(pts time.Duration) {
	dt := pts - t.pts
	t.jumped = t.started && (dt < 0 || dt > t.o.MaxGap)
	t.started, t.pts = true, pts
	for i := range t.tracks {
		k := &t.tracks[i]
		k.found = -1
		if t.jumped {
			k.motion.start(k.box)
			k.born, k.lastSeen = pts, pts
		} else {
			k.motion.predict(dt.Seconds(), k.misses > 0)
		}
		k.predicted = k.motion.box()
		if !t.method.predicts {
			k.predicted = k.box
		}
	}
	if t.jumped {
		t.keep(func(k *tracked) bool { return k.number != 0 && k.misses == 0 })
	}
}

// read lists the objects that can take part; listed are those of the rows of appearance, ascending or not.
func (t *core) read(objects []result.Object, listed []int) {
	t.seen, t.crowding = t.seen[:0], false
	t.rowOf = slices.Grow(t.rowOf[:0], len(objects))[:len(objects)]
	for i := range t.rowOf {
		t.rowOf[i] = -1
	}
	for row, i := range listed {
		if i >= 0 && i < len(t.rowOf) {
			t.rowOf[i] = row
		}
	}
	people := 0
	for i := range objects {
		o := &objects[i]
		o.Track, o.TrackBox = 0, result.Box{}
		row := t.rowOf[i]
		if listed == nil && o.Class == t.o.Person {
			row = people
			people++
		}
		b, ok := newBox(o.Box)
		if !ok || !(o.Score >= t.o.Update) || math.IsInf(float64(o.Score), 0) {
			continue
		}
		t.seen = append(t.seen, detection{object: i, row: row, box: b, kind: t.kindOf(o), score: o.Score})
	}
	t.near.fill(t.seen)
}

// refresh moves the matched tracks to where they were seen; steadied says that the camera's motion is known and taken
// out of what is predicted.
func (t *core) refresh(objects []result.Object, actions []int32, steadied bool) {
	t.compare()
	shaken := !steadied && t.shaken()
	for i := range t.tracks {
		k := &t.tracks[i]
		if k.found < 0 {
			if !t.kinds[k.kind].resting {
				k.misses++
			}
			continue
		}
		d := &t.seen[k.found]
		k.motion.update(d.box, shaken)
		k.box, k.lastSeen, k.misses = d.box, t.pts, 0
		if d.score >= t.o.Birth {
			k.hits++
		}
		t.confirm(k)
		t.tell(k, &objects[d.object])
		if k.filled && d.row >= 0 && d.row < len(actions) && d.score >= t.o.Birth && !t.isCrowded(d) {
			actions[d.row] = k.slot
		}
	}
}

func (t *core) confirm(k *tracked) {
	if k.number == 0 && k.hits >= t.o.ConfirmHits {
		t.last++
		k.number = t.last
	}
}

// retire drops tracks that were not seen for too long; unconfirmed ones at their first miss.
func (t *core) retire() {
	t.keep(func(k *tracked) bool {
		if k.misses == 0 {
			return true
		}
		return k.number != 0 && !t.jumped && (k.misses == 1 || t.pts-k.lastSeen <= t.o.Lost)
	})
}

// keep drops the tracks that wanted does not want, in place, and frees their slots.
func (t *core) keep(wanted func(*tracked) bool) {
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
func (t *core) bear(objects []result.Object, actions []int32) {
	for i := range t.seen {
		d := &t.seen[i]
		if d.taken || d.score < t.o.Birth || len(t.tracks) >= t.o.MaxTracks {
			continue
		}
		d.taken = true
		k := tracked{box: d.box, kind: d.kind, hits: 1, born: t.pts, lastSeen: t.pts, slot: -1, found: i}
		k.motion.start(d.box)
		t.confirm(&k)
		t.tell(&k, &objects[d.object])
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

// isCrowded finds out for all objects of the frame when it is first asked.
func (t *core) isCrowded(d *detection) bool {
	if !t.crowding {
		t.crowding = true
		t.near.pairs(func(i, j int32) {
			a, b := &t.seen[i], &t.seen[j]
			if a.kind == b.kind && a.box.shared(b.box, 0.5) > 0.3 {
				a.crowded, b.crowded = true, true
			}
		})
	}
	return d.crowded
}
