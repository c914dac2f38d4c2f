package track

import "math"

// Method is the name of a way to bring tracks and objects together.
type Method string

const (
	// IoU compares where a track was last seen: the baseline.
	IoU Method = "iou"
	// SORT compares where a Kalman filter expects it, and looks at sure objects only.
	SORT Method = "sort"
	// ByteTrack then lets doubtful objects continue the tracks that are left.
	ByteTrack Method = "bytetrack"
	// BoTSORT adds appearance, the camera's motion, and boxes that grow with what is not known.
	BoTSORT Method = "botsort"
)

// Methods are all methods, the simplest first.
var Methods = []Method{IoU, SORT, ByteTrack, BoTSORT}

// traits are what sets a method apart.
type traits struct {
	predicts bool // a Kalman filter says where tracks are
	looks    bool // appearance takes part
	camera   bool // the camera's own motion is estimated and taken out
	grows    bool // boxes are compared larger than they are, by how little is known
	rounds   []round
}

// round is one assignment between what is left of some objects and some tracks.
type round struct {
	sure  bool // objects from Options.Birth on; else those below
	which population
	// least is the smallest overlap of the expected with the seen box that may be a match.
	least float64
}

type population int

const (
	everyTrack population = iota
	confirmedTracks
	newTracks
)

var methods = map[Method]traits{
	IoU:       {rounds: []round{{true, everyTrack, 0.3}}},
	SORT:      {predicts: true, rounds: []round{{true, everyTrack, 0.3}}},
	ByteTrack: {predicts: true, rounds: []round{{true, confirmedTracks, 0.2}, {false, confirmedTracks, 0.5}, {true, newTracks, 0.3}}},
	BoTSORT: {predicts: true, looks: true, camera: true, grows: true,
		rounds: []round{{true, confirmedTracks, 0.25}, {false, confirmedTracks, 0.5}, {true, newTracks, 0.25}}},
}

// alone is the price of leaving a track without an object: more than the worst match costs (BoTSORT's, 1 - 0.25 and
// both weights below). So a match is better than none, but not at the expense of making a good match a bad one.
const alone = 1.25

// Parts of the cost of a match beside 1 - overlap. They are small: they decide between candidates
// that overlap about as much and never exclude one. More weight for looks is a little better where a network tells people
// apart well, and swaps two of plaza-west with the demo's, which does not.
const (
	appearanceWeight = 0.3
	ageWeight        = 0.1
)

func (t *core) associate(cosines []float32) {
	if !t.method.looks {
		cosines = nil
	}
	for _, r := range t.method.rounds {
		t.round(r, cosines)
	}
	if len(cosines) > 0 {
		t.recover(cosines)
	}
}

func (r round) takes(k *tracked) bool {
	return k.found < 0 && (r.which == everyTrack || (k.number != 0) == (r.which == confirmedTracks))
}

func (t *core) round(r round, cosines []float32) {
	t.rows = t.rows[:0]
	for i := range t.tracks {
		if r.takes(&t.tracks[i]) {
			t.rows = append(t.rows, i)
		}
	}
	t.match.Reset(len(t.rows), len(t.seen), alone)
	for row, i := range t.rows {
		t.candidates(row, &t.tracks[i], r, cosines)
	}
	t.settle()
}

// settle solves the assignment of t.rows and notes who has whom.
func (t *core) settle() {
	for row, c := range t.match.Solve() {
		if c >= 0 {
			t.tracks[t.rows[row]].found = int(c)
			t.seen[c].taken = true
		}
	}
}

// candidates adds the objects near a track to the assignment.
func (t *core) candidates(row int, k *tracked, r round, cosines []float32) {
	age, grow := 0.0, 0.0
	if t.method.grows {
		age = min((t.pts - k.lastSeen).Seconds(), 1)
		grow = growFor(k, age)
	}
	for _, c := range t.near.query(k.predicted, grow) {
		d := &t.seen[c]
		if d.taken || d.kind != k.kind || (d.score >= t.o.Birth) != r.sure {
			continue
		}
		overlap := d.box.shared(k.predicted, 0.5+grow) // the query has left out what is apart
		if overlap < r.least {
			continue
		}
		cost := 1 - overlap
		if t.method.looks {
			cost += appearanceWeight * t.unlike(k, d, cosines)
		}
		if t.method.grows && k.misses > 0 {
			cost += ageWeight * age
		}
		t.match.Add(row, int(c), cost)
	}
}

// growFor is by what share of their size boxes grow before they are compared: more the longer ago the
// track was seen, and more while its speed is not known. It is at most mostGrowth.
func growFor(k *tracked, age float64) float64 {
	grow := 0.05 + 0.2*age
	if k.hits < 2 {
		grow += 0.2
	}
	return grow
}

const mostGrowth = 0.45

// unlike is 0 for the same appearance and 1 for nothing in common; 0.5 where it is not known.
func (t *core) unlike(k *tracked, d *detection, cosines []float32) float64 {
	if !k.filled || d.row < 0 || (d.row+1)*t.o.Slots > len(cosines) {
		return 0.5
	}
	c := float64(cosines[d.row*t.o.Slots+int(k.slot)])
	if math.IsNaN(c) || math.IsInf(c, 0) {
		return 0.5
	}
	return min(max(1-c, 0), 1)
}
