package track

import "math"

// People come out from behind something where no prediction lies on them. They are recovered by their looks, in
// reach of where they could have gone.

const (
	// atOnce and pace are how far from where it is expected a lost track may be found, in sizes: at first, and
	// more for every second unseen, up to longest.
	atOnce, pace, longest = 0.3, 1.0, 2.0
	// distinct is how far an object must lie between what it has in common with others on average and being the
	// same. It is relative, because one network's cosine for the same person is another's for strangers.
	distinct = 0.3
	// strangers is how many others it takes to know that average.
	strangers = 3
)

// recover matches confirmed tracks that were lost before with sure objects that nobody has.
func (t *core) recover(cosines []float32) {
	t.rows, t.known = t.rows[:0], t.known[:0]
	for i := range t.tracks {
		k := &t.tracks[i]
		if !k.filled {
			continue
		}
		t.known = append(t.known, i)
		if k.found < 0 && k.number != 0 && k.misses > 0 {
			t.rows = append(t.rows, i)
		}
	}
	t.match.Reset(len(t.rows), len(t.seen), 1)
	for row, i := range t.rows {
		k := &t.tracks[i]
		far := (atOnce + pace*min((t.pts-k.lastSeen).Seconds(), longest)) * k.predicted.size()
		for _, c := range t.near.query(box{k.predicted.cx, k.predicted.cy, 2 * far, 2 * far}, 0) {
			d := &t.seen[c]
			if d.taken || d.kind != k.kind || d.score < t.o.Birth || math.Hypot(d.box.cx-k.predicted.cx, d.box.cy-k.predicted.cy) > far {
				continue
			}
			ratio := d.box.h / k.predicted.h
			if ratio > 0.6 && ratio < 1.7 && t.looksMostLike(d, cosines) == i {
				t.match.Add(row, int(c), t.unlike(k, d, cosines))
			}
		}
	}
	t.settle()
}

// looksMostLike is the index of the track that an object looks most like, -1 where none stands out. It is
// asked for once an object and frame.
func (t *core) looksMostLike(d *detection, cosines []float32) int {
	if d.compared {
		return d.like
	}
	d.compared, d.like = true, -1
	if d.row < 0 || (d.row+1)*t.o.Slots > len(cosines) {
		return -1
	}
	row := cosines[d.row*t.o.Slots : (d.row+1)*t.o.Slots]
	best, at, sum, n := -1.0, -1, 0.0, 0.0
	for _, i := range t.known {
		c := float64(row[t.tracks[i].slot])
		if math.IsNaN(c) || math.IsInf(c, 0) || t.tracks[i].kind != d.kind {
			continue
		}
		sum, n = sum+c, n+1
		if c > best {
			best, at = c, i
		}
	}
	if n <= strangers {
		return -1
	}
	others := (sum - best) / (n - 1)
	if best-others >= distinct*(1-others) {
		d.like = at
	}
	return d.like
}
