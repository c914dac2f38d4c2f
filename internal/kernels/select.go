package kernels

import (
	"math"

	"sightline/internal/device"
)

// MaxWanted is how many classes a detector may have if Select.Wanted is given; without it any number.
const MaxWanted = 2048

// Numbers of select.cu.
const (
	candidateWords = device.MaxCandidates / 32
	bestAnchors    = 32
	bestLanes      = 8
	rankers        = 256
	overlapRows    = 64
)

type selectParams struct {
	Scores, Boxes, Out                       uint64
	Count, Keys, Classes                     uint64
	BoxesSorted, ScoresSorted, ClassesSorted uint64
	Overlaps                                 uint64
	Anchors, ClassCount                      int32
	Left, Top, Scale, Width, Height          float32
	Below, IoU                               float32
	Person, Objects, People, Keep            int32
	EveryClass                               int32
	Wanted                                   [MaxWanted / 32]uint32
}

// selectScratch says where the parts of the scratch buffer lie, in bytes from its start, and its size.
type selectScratch struct {
	count, keys, classes, boxes, scores, chosen, overlaps, size int64
}

func newSelectScratch(anchors int) (s selectScratch) {
	take := func(size int64) int64 {
		at := s.size
		s.size += (size + 15) &^ 15
		return at
	}
	s.count = take(4)
	s.keys = take(8 * int64(anchors))
	s.classes = take(4 * int64(anchors))
	s.boxes = take(16 * device.MaxCandidates)
	s.scores = take(4 * device.MaxCandidates)
	s.chosen = take(4 * device.MaxCandidates)
	s.overlaps = take(4 * device.MaxCandidates * candidateWords)
	return s
}

// SelectScratchSize is the size in bytes of the scratch buffer that Select needs for so many anchors: 151 KiB
// and 12 bytes an anchor. Its content need not outlive a run; two runs at the same time need one each.
func SelectScratchSize(anchors int) int64 { return newSelectScratch(anchors).size }

// Select plans device.Kernels.Select: five launches that belong together, in order.
func Select(k device.Select, scratch *device.Buffer) ([]Launch, error) {
	a := arguments{kernel: "select"}
	a.between("anchors", k.Anchors, 1, math.MaxInt32-bestAnchors*bestLanes)
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
	if len(k.Wanted) > MaxWanted {
		a.fail("wanted", "has %d entries, at most %d are possible", len(k.Wanted), MaxWanted)
	}
	a.holds("scores", k.Scores, 4, k.Anchors, k.Classes)
	a.holds("boxes", k.Boxes, 4, k.Anchors, 4)
	a.holds("out", k.Out, 4)
	a.holds("scratch", scratch, 8)
	if a.err == nil && k.Out.Size() < k.Limits.SelectionSize() {
		a.fail("out", "has %d bytes, its limits need %d", k.Out.Size(), k.Limits.SelectionSize())
	}
	s := newSelectScratch(k.Anchors)
	if a.err == nil && (scratch.Size() < s.size || scratch.Address()%16 != 0) {
		a.fail("scratch", "has %d bytes at %#x, expected %d at a multiple of 16", scratch.Size(), scratch.Address(), s.size)
	}
	if a.err != nil {
		return nil, a.err
	}
	p := newSelectParams(k, s, address(scratch))
	line := func(n, size int) [3]uint32 { return [3]uint32{blocks(n, size), 1, 1} }
	return []Launch{
		newLaunch("select_clear", line(1, 1), line(1, 1), p),
		newLaunch("select_best", line(k.Anchors, bestAnchors), line(bestAnchors*bestLanes, 1), p),
		newLaunch("select_rank", line(k.Anchors, rankers), line(rankers, 1), p),
		newLaunch("select_overlap", [3]uint32{candidateWords, device.MaxCandidates / overlapRows, 1}, line(overlapRows, 1), p),
		newLaunch("select_keep", line(1, 1), line(candidateWords, 1), p),
	}, nil
}

func newSelectParams(k device.Select, s selectScratch, at uint64) *selectParams {
	part := func(offset int64) uint64 { return at + uint64(offset) }
	p := &selectParams{
		Scores: address(k.Scores), Boxes: address(k.Boxes), Out: address(k.Out),
		Count: part(s.count), Keys: part(s.keys), Classes: part(s.classes),
		BoxesSorted: part(s.boxes), ScoresSorted: part(s.scores), ClassesSorted: part(s.chosen), Overlaps: part(s.overlaps),
		Anchors: int32(k.Anchors), ClassCount: int32(k.Classes),
		Left: float32(k.Fit.Left), Top: float32(k.Fit.Top), Scale: k.Fit.Scale,
		Width: float32(k.Width), Height: float32(k.Height),
		// Above the number just below ScoreMin means at least ScoreMin, and never holds for NaN.
		Below: math.Nextafter32(k.ScoreMin, float32(math.Inf(-1))), IoU: k.IoU,
		Person: int32(k.Person), Objects: int32(k.Limits.Objects), People: int32(k.Limits.People),
		Keep:       int32(min(k.Limits.Objects, device.MaxCandidates)),
		EveryClass: flag(k.Wanted == nil),
	}
	for class, wanted := range k.Wanted {
		if wanted {
			p.Wanted[class/32] |= 1 << (class % 32)
		}
	}
	return p
}
