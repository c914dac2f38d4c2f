package host

import (
	"math"
	"slices"

	"sightline/internal/device"
)

// candidate is a box of the picture that takes part in non-maximum suppression.
type candidate struct {
	box   [4]float32
	score float32
	class int32
}

// selector is the work and scratch of one Select.
type selector struct {
	k             device.Select
	scores, boxes []float32
	ints          []int32
	floats        []float32
	// order holds a key an anchor that passed: ascending is best first, then the lower anchor.
	order []uint64
	found []candidate // by anchor, where it passed
	kept  []candidate
}

// Select never selects a score that is not a number, nor a box with such a corner.
func (kernels) Select(s device.Stream, k device.Select) error {
	a := arguments{kernel: "select"}
	a.atLeast("anchors", k.Anchors, 1)
	a.atLeast("classes", k.Classes, 1)
	a.atLeast("width", k.Width, 1)
	a.atLeast("height", k.Height, 1)
	a.limits(k.Limits)
	if !(k.Fit.Scale > 0) {
		a.fail("fit", "has the scale %v, expected a number above 0", k.Fit.Scale)
	}
	if k.Wanted != nil && len(k.Wanted) != k.Classes {
		a.fail("wanted", "has %d entries, expected %d, one a class", len(k.Wanted), k.Classes)
	}
	a.holds("scores", k.Scores, 4, k.Anchors, k.Classes)
	a.holds("boxes", k.Boxes, 4, k.Anchors, 4)
	if a.err == nil {
		a.holds("out", k.Out, k.Limits.SelectionSize())
	}
	if a.err != nil {
		return a.err
	}
	k.Wanted = slices.Clone(k.Wanted)
	w := &selector{
		k: k, scores: floatsOf(k.Scores)[:k.Anchors*k.Classes], boxes: floatsOf(k.Boxes)[:4*k.Anchors],
		ints: intsOf(k.Out), floats: floatsOf(k.Out),
		order: make([]uint64, 0, k.Anchors), found: make([]candidate, k.Anchors),
		kept: make([]candidate, 0, min(k.Limits.Objects, device.MaxCandidates)),
	}
	return launch(s, w.run)
}

func (w *selector) run() {
	w.collect()
	slices.Sort(w.order)
	w.order = w.order[:min(len(w.order), device.MaxCandidates)]
	w.suppress()
	w.write()
}

// collect finds the anchors whose best class is wanted, good enough and has a box in the picture.
func (w *selector) collect() {
	w.order = w.order[:0]
	// Above the number just below ScoreMin means at least ScoreMin, and never holds for NaN.
	below := math.Nextafter32(w.k.ScoreMin, float32(math.Inf(-1)))
	classes := w.k.Classes
	for anchor := range w.k.Anchors {
		best, class := below, -1
		for c, score := range w.scores[anchor*classes:][:classes] {
			if score > best {
				best, class = score, c
			}
		}
		if class < 0 || w.k.Wanted != nil && !w.k.Wanted[class] {
			continue
		}
		box, ok := w.place([4]float32(w.boxes[4*anchor:]))
		if !ok {
			continue
		}
		w.found[anchor] = candidate{box, best, int32(class)}
		w.order = append(w.order, uint64(descending(best))<<32|uint64(anchor))
	}
}

// place maps a box to the picture and clips it; false if nothing is left.
func (w *selector) place(b [4]float32) ([4]float32, bool) {
	left, top, scale := float32(w.k.Fit.Left), float32(w.k.Fit.Top), w.k.Fit.Scale
	width, height := float32(w.k.Width), float32(w.k.Height)
	b = [4]float32{
		max(0, min((b[0]-left)/scale, width)), max(0, min((b[1]-top)/scale, height)),
		max(0, min((b[2]-left)/scale, width)), max(0, min((b[3]-top)/scale, height)),
	}
	return b, b[2] > b[0] && b[3] > b[1] // false for NaN, which min and max hand through
}

// descending orders scores as unsigned numbers, the best lowest.
func descending(score float32) uint32 {
	b := math.Float32bits(score + 0) // the sum makes -0 and 0 one tie
	if b>>31 == 0 {
		return ^(b | 1<<31)
	}
	return b
}

func (w *selector) suppress() {
	w.kept = w.kept[:0]
candidates:
	for _, key := range w.order {
		if len(w.kept) == cap(w.kept) {
			return
		}
		c := &w.found[uint32(key)]
		for i := range w.kept {
			if k := &w.kept[i]; k.class == c.class && overlap(&k.box, &c.box) > w.k.IoU {
				continue candidates
			}
		}
		w.kept = append(w.kept, *c)
	}
}

// overlap is the intersection over union.
func overlap(a, b *[4]float32) float32 {
	width := min(a[2], b[2]) - max(a[0], b[0])
	height := min(a[3], b[3]) - max(a[1], b[1])
	if width <= 0 || height <= 0 {
		return 0
	}
	both := width * height
	return both / ((a[2]-a[0])*(a[3]-a[1]) + (b[2]-b[0])*(b[3]-b[1]) - both)
}

func (w *selector) write() {
	people, list := 0, w.ints[2+6*w.k.Limits.Objects:]
	for i := range w.kept {
		c := &w.kept[i]
		copy(w.floats[2+6*i:], c.box[:])
		w.floats[2+6*i+4] = c.score
		w.ints[2+6*i+5] = c.class
		if int(c.class) == w.k.Person && people < w.k.Limits.People {
			list[people] = int32(i)
			people++
		}
	}
	w.ints[0], w.ints[1] = int32(len(w.kept)), int32(people)
}
