package host

import (
	"fmt"
	"math"
	"slices"
	"unsafe"

	"sightline/internal/device"
)

// candidate is a box of the picture that takes part in non-maximum suppression.
type candidate struct {
	box           [4]float32
	score         float32
	class, anchor int32
}

// selector is the work of one Select. What it works in is of Scratch, which recorded calls that never run side by side
// may share.
type selector struct {
	k      device.Select
	head   head
	ints   []int32
	floats []float32
	// below is the number just below the least score: above it means at least that, and never holds for NaN.
	below float32
	// order holds a key a candidate: ascending is best first, then the lower anchor, then the lower class.
	order []uint64
	// classes are the candidates' by anchor.
	classes []int32
	kept    []candidate
	// none counts numbers that are none.
	none int32
}

// Select: see device.Select.
func (kernels) Select(s device.Stream, k device.Select) error {
	if err := k.Check(); err != nil {
		return err
	}
	most, size := k.Candidates(), int64(0)
	if k.Scratch != nil {
		size = k.Scratch.Size()
	}
	if need := device.SelectScratch(most); size < need || k.Scratch.Address()%8 != 0 {
		return &ArgumentError{Kernel: "select", Argument: "scratch", Problem: fmt.Sprintf("has %d bytes, expected %d at a multiple of 8", size, need)}
	}
	k.Wanted = slices.Clone(k.Wanted)
	w := &selector{
		k: k, head: newHead(&k), ints: intsOf(k.Out), floats: floatsOf(k.Out),
		below: math.Nextafter32(k.ScoreMin, float32(math.Inf(-1))),
	}
	// The keys and classes are 12 bytes a candidate, and what is kept is of the rest.
	at := unsafe.Pointer(unsafe.SliceData(bytesOf(k.Scratch)))
	w.order = unsafe.Slice((*uint64)(at), most)[:0]
	at = unsafe.Add(at, 8*most)
	w.kept = unsafe.Slice((*candidate)(at), min(k.Limits.Objects, device.MaxCandidates))[:0]
	at = unsafe.Add(at, device.MaxCandidates*int(unsafe.Sizeof(candidate{})))
	w.classes = unsafe.Slice((*int32)(at), most)
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
	w.order, w.none = w.order[:0], 0
	columns := w.k.Classes
	if w.head.labels.there() {
		columns = 1
	}
	for anchor := range w.k.Anchors {
		best, class := float32(0), -1
		for c := range columns {
			v := w.head.scores.of(anchor, c)
			if v != v {
				w.none++
			}
			if w.k.Head.Pairs {
				w.offer(anchor, c, anchor*w.k.Classes+c, v)
			} else if v > best || class < 0 && v == v {
				best, class = v, c
			}
		}
		if w.head.objectness.there() {
			if o := w.head.objectness.of(anchor, 0); o != o {
				w.none++
			}
		}
		if class < 0 || w.k.Head.Pairs {
			continue
		}
		if w.head.labels.there() {
			if class = w.head.label(anchor, w.k.Classes); class == -2 {
				w.none++
			}
			if class < 0 {
				continue
			}
		}
		w.offer(anchor, class, anchor, best)
	}
}

// offer makes a candidate of an anchor and its class, if it is good enough. key orders equal scores.
func (w *selector) offer(anchor, class, key int, score float32) {
	if w.k.Head.Sigmoid {
		score = sigmoid(score)
	}
	if w.k.Head.Background {
		if score = w.head.share(anchor, w.k.Classes, score); score != score {
			w.none++
		}
	}
	if w.head.objectness.there() {
		o := w.head.objectness.of(anchor, 0)
		if w.k.Head.Sigmoid {
			o = sigmoid(o)
		}
		score *= o
	}
	if !(score > w.below) || w.k.Wanted != nil && !w.k.Wanted[class] {
		return
	}
	box := w.clip(w.place(w.head.box(anchor)))
	if !(box[2] > box[0] && box[3] > box[1]) {
		if slices.ContainsFunc(box[:], func(v float32) bool { return v != v }) {
			w.none++
		}
		return
	}
	score += 0 // makes -0 and 0 one tie
	if !w.k.Head.Pairs {
		w.classes[key] = int32(class)
	}
	w.order = append(w.order, uint64(descending(score))<<32|uint64(key))
}

// candidate is that of a key. Its box is worked out anew: that is done for few, and memory is needed for all.
func (w *selector) candidate(key uint64) candidate {
	at := int(uint32(key))
	anchor, class := at, int32(0)
	if w.k.Head.Pairs {
		anchor, class = at/w.k.Classes, int32(at%w.k.Classes)
	} else {
		class = w.classes[at]
	}
	box := w.place(w.head.box(anchor))
	if !w.k.Head.Unclipped {
		box = w.clip(box)
	}
	return candidate{box, ascending(uint32(key >> 32)), class, int32(anchor)}
}

// place maps a box to the picture.
func (w *selector) place(b [4]float32) [4]float32 {
	f := w.k.Fit
	left, top := float32(f.Left), float32(f.Top)
	return [4]float32{(b[0] - left) / f.ScaleX, (b[1] - top) / f.ScaleY, (b[2] - left) / f.ScaleX, (b[3] - top) / f.ScaleY}
}

// clip is what of a box lies in the picture; min and max hand NaN through.
func (w *selector) clip(b [4]float32) [4]float32 {
	width, height := float32(w.k.Width), float32(w.k.Height)
	return [4]float32{max(0, min(b[0], width)), max(0, min(b[1], height)), max(0, min(b[2], width)), max(0, min(b[3], height))}
}

// descending orders scores as unsigned numbers, the best lowest.
func descending(score float32) uint32 {
	b := math.Float32bits(score)
	if b>>31 == 0 {
		return ^(b | 1<<31)
	}
	return b
}

// ascending undoes descending.
func ascending(key uint32) float32 {
	if key>>31 == 0 {
		return math.Float32frombits(^key &^ (1 << 31))
	}
	return math.Float32frombits(key)
}

func (w *selector) suppress() {
	w.kept = w.kept[:0]
candidates:
	for _, key := range w.order {
		if len(w.kept) == cap(w.kept) {
			return
		}
		c := w.candidate(key)
		for i := range w.kept {
			if k := &w.kept[i]; !w.k.Head.Final && k.class == c.class && overlap(&k.box, &c.box) > w.k.IoU {
				continue candidates
			}
		}
		w.kept = append(w.kept, c)
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
	for i := range w.kept {
		c := &w.kept[i]
		at := recordHeader + recordWords*i
		box := w.clip(c.box)
		copy(w.floats[at:], box[:])
		w.floats[at+4] = c.score
		w.ints[at+5], w.ints[at+6], w.ints[at+7] = c.class, c.anchor, 0
	}
	w.ints[0], w.ints[1], w.ints[2], w.ints[3] = int32(len(w.kept)), w.none, 0, 0
}

// Choose: see device.Choose.
func (kernels) Choose(s device.Stream, k device.Choose) error {
	if err := k.Check(); err != nil {
		return err
	}
	k.Wanted = slices.Clone(k.Wanted)
	ints, floats := intsOf(k.Selection), floatsOf(k.Selection)
	outInts, out := intsOf(k.Out), floatsOf(k.Out)
	return launch(s, func() {
		n := 0
		for i := range min(int(ints[0]), k.Limits.Objects, device.MaxCandidates) {
			at, to := recordHeader+recordWords*i, recordHeader+recordWords*n
			box, class := floats[at:][:4], int(ints[at+5])
			if k.Wanted != nil && (class < 0 || class >= len(k.Wanted) || !k.Wanted[class]) {
				continue
			}
			if n == k.Limits.People || !(box[2]-box[0] >= k.MinWidth && box[3]-box[1] >= k.MinHeight) {
				continue
			}
			copy(out[to:], box)
			outInts[to+4], outInts[to+5], outInts[to+6], outInts[to+7] = int32(i), ints[at+6], 0, 0
			n++
		}
		outInts[0], outInts[1], outInts[2], outInts[3] = int32(n), 0, 0, 0
	})
}
