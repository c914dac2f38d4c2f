package track

import "math"

// What a round of association accepts: the least overlap of the predicted with the seen box.
const (
	sureOverlap    = 0.15
	newOverlap     = 0.15
	doubtfulExcess = 0.35
)

// Parts of the cost of a match beside 1 - overlap. They are small: they decide between candidates
// that overlap about as much and never exclude one.
const (
	appearanceWeight = 0.25
	ageWeight        = 0.1
)

// associate matches tracks and detections in three rounds: confirmed tracks with sure detections, new
// tracks with the sure ones left, any track left with the doubtful ones.
func (t *Tracker) associate(cosines []float32) {
	sure := func(d *detection) bool { return d.score >= t.o.Birth }
	doubtful := func(d *detection) bool { return d.score < t.o.Birth }
	t.round(sure, func(k *tracked) bool { return k.number != 0 }, sureOverlap, cosines)
	t.round(sure, func(k *tracked) bool { return k.number == 0 }, newOverlap, cosines)
	t.round(doubtful, func(*tracked) bool { return true }, doubtfulExcess, cosines)
}

// round matches class by class what is left of the wanted detections and tracks.
func (t *Tracker) round(seen func(*detection) bool, tracks func(*tracked) bool, least float64, cosines []float32) {
	for i := range t.seen {
		t.seen[i].grouped = false
	}
	for i := range t.seen {
		first := &t.seen[i]
		if first.taken || first.grouped || !seen(first) {
			continue
		}
		t.rows, t.columns = t.rows[:0], t.columns[:0]
		for j := i; j < len(t.seen); j++ {
			d := &t.seen[j]
			if !d.taken && d.class == first.class && seen(d) {
				d.grouped = true
				t.columns = append(t.columns, j)
			}
		}
		for j := range t.tracks {
			k := &t.tracks[j]
			if k.found < 0 && k.class == first.class && tracks(k) {
				t.rows = append(t.rows, j)
			}
		}
		if len(t.rows) > 0 {
			t.solve(least, cosines)
		}
	}
}

// solve matches the rows and columns. Only pairs that overlap are ever costed.
func (t *Tracker) solve(least float64, cosines []float32) {
	t.match.begin(len(t.rows), len(t.columns))
	widest := t.sweep(t.columns)
	for _, row := range t.rows {
		t.match.row()
		k := &t.tracks[row]
		age := min((t.pts - k.lastSeen).Seconds(), 1)
		grow := growFor(k, age)
		for _, c := range t.near(t.columns, k.predicted, widest, grow) {
			d := &t.seen[t.columns[c]]
			overlap := d.box.overlap(k.predicted, grow)
			if overlap < least {
				continue
			}
			cost := 1 - overlap + appearanceWeight*t.unlike(k, d, cosines)
			if k.misses > 0 {
				cost += ageWeight * age
			}
			t.match.add(c, cost)
		}
	}
	for r, c := range t.match.assign() {
		if c >= 0 {
			t.tracks[t.rows[r]].found = t.columns[c]
			t.seen[t.columns[c]].taken = true
		}
	}
}

// growFor is by what share of their size boxes grow before they are compared: more the longer ago the
// track was seen, and more while its speed is not known.
func growFor(k *tracked, age float64) float64 {
	grow := 0.1 + 0.3*age
	if k.hits < 2 {
		grow += 0.2
	}
	return grow
}

// unlike is 0 for the same appearance and 1 for nothing in common; 0.5 where it is not known.
func (t *Tracker) unlike(k *tracked, d *detection, cosines []float32) float64 {
	if !k.filled || d.row < 0 || (d.row+1)*t.o.Slots > len(cosines) {
		return 0.5
	}
	c := float64(cosines[d.row*t.o.Slots+int(k.slot)])
	if math.IsNaN(c) || math.IsInf(c, 0) {
		return 0.5
	}
	return min(max(1-c, 0), 1)
}
