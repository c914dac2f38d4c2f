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

// level mirrors Level of select.cu.
type level struct {
	First, Columns int32
	Stride         float32
	Reserved       int32
}

type selectParams struct {
	Scores, Objectness, Labels, Boxes values
	Out                               uint64
	Count, Keys, Classes              uint64
	BoxesSorted, ScoresSorted         uint64
	ClassesSorted, AnchorsSorted      uint64
	Overlaps                          uint64
	Anchors, ClassCount, Form, Bins   int32
	UnitX, UnitY, Shift               float32
	Logits, Pairs, Final, Across      int32
	LevelCount, LabelType             int32
	Left, Top, ScaleX, ScaleY         float32
	Width, Height                     float32
	Below, IoU                        float32
	Objects, Keep, EveryClass         int32
	Levels                            [device.MaxLevels]level
	Wanted                            [MaxWanted / 32]uint32
}

// selectScratch says where the parts of the scratch buffer lie, in bytes from its start, and its size.
type selectScratch struct {
	count, keys, classes, boxes, scores, chosen, anchors, overlaps, size int64
}

func newSelectScratch(candidates int) (s selectScratch) {
	take := func(size int64) int64 {
		at := s.size
		s.size += (size + 15) &^ 15
		return at
	}
	s.count = take(8)
	s.keys = take(8 * int64(candidates))
	s.classes = take(4 * int64(candidates))
	s.boxes = take(16 * device.MaxCandidates)
	s.scores = take(4 * device.MaxCandidates)
	s.chosen = take(4 * device.MaxCandidates)
	s.anchors = take(4 * device.MaxCandidates)
	s.overlaps = take(4 * device.MaxCandidates * candidateWords)
	return s
}

// SelectScratchSize is the size in bytes of the scratch buffer that Select needs for so many candidates: 156 KiB
// and 12 bytes a candidate. Its content need not outlive a run; two runs at the same time need one each.
func SelectScratchSize(candidates int) int64 { return newSelectScratch(candidates).size }

// Select plans device.Kernels.Select: five launches that belong together, in order.
func Select(k device.Select, scratch *device.Buffer) ([]Launch, error) {
	a := arguments{kernel: "select"}
	a.between("anchors", k.Anchors, 1, math.MaxInt32-bestAnchors*bestLanes)
	a.between("classes", k.Classes, 1, math.MaxInt32)
	a.atLeast("width", k.Width, 1)
	a.atLeast("height", k.Height, 1)
	a.limits(k.Limits)
	if !(k.Fit.ScaleX > 0) || !(k.Fit.ScaleY > 0) {
		a.fail("fit", "has the scales %v and %v, expected numbers above 0", k.Fit.ScaleX, k.Fit.ScaleY)
	}
	if k.Wanted != nil && len(k.Wanted) != k.Classes {
		a.fail("wanted", "has %d entries, expected %d, one a class", len(k.Wanted), k.Classes)
	}
	a.wanted(k.Wanted)
	if a.err == nil {
		a.head(&k)
	}
	a.records("out", k.Out, k.Limits.SelectionSize())
	a.holds("scratch", scratch, 8)
	if a.err != nil {
		return nil, a.err
	}
	s := newSelectScratch(k.Candidates())
	if scratch.Size() < s.size || scratch.Address()%16 != 0 {
		a.fail("scratch", "has %d bytes at %#x, expected %d at a multiple of 16", scratch.Size(), scratch.Address(), s.size)
		return nil, a.err
	}
	p := newSelectParams(k, s, address(scratch))
	line := func(n, size int) [3]uint32 { return [3]uint32{blocks(n, size), 1, 1} }
	return []Launch{
		newLaunch("select_clear", line(1, 1), line(2, 1), p),
		newLaunch("select_best", line(k.Anchors, bestAnchors), line(bestAnchors*bestLanes, 1), p),
		newLaunch("select_rank", line(k.Candidates(), rankers), line(rankers, 1), p),
		newLaunch("select_overlap", [3]uint32{candidateWords, device.MaxCandidates / overlapRows, 1}, line(overlapRows, 1), p),
		newLaunch("select_keep", line(1, 1), line(candidateWords, 1), p),
	}, nil
}

// head checks how the outputs are read.
func (a *arguments) head(k *device.Select) {
	h := &k.Head
	columns, numbers := k.Classes, 4
	if h.Labels.Buffer != nil {
		columns = 1
		a.elements("labels", h.Labels, h.LabelType.Size(), k.Anchors, 1)
	}
	if h.Pairs && int64(k.Anchors)*int64(k.Classes) > math.MaxInt32-rankers {
		a.fail("anchors", "and classes make %d pairs, which is too many", int64(k.Anchors)*int64(k.Classes))
	}
	if h.Objectness.Buffer != nil {
		a.values("objectness", h.Objectness, k.Anchors, 1)
	}
	switch h.Form {
	case device.Corners, device.Centre, device.CornersYX:
		if !(h.UnitX > 0) || !(h.UnitY > 0) {
			a.fail("head", "has the units %v and %v, expected numbers above 0", h.UnitX, h.UnitY)
		}
	case device.Grid:
		a.levels(h.Levels)
	case device.Distances:
		a.between("head: bins", h.Bins, 1, 1<<16)
		a.levels(h.Levels)
		numbers = 4 * h.Bins
	default:
		a.fail("head", "has the unknown form %d", h.Form)
	}
	a.values("scores", h.Scores, k.Anchors, columns)
	a.values("boxes", h.Boxes, k.Anchors, numbers)
}

func (a *arguments) levels(levels []device.Level) {
	a.between("head: levels", len(levels), 1, device.MaxLevels)
	for i, l := range levels {
		if l.Columns < 1 || !(l.Stride > 0) || i == 0 && l.First != 0 || i > 0 && l.First <= levels[i-1].First {
			a.fail("head: levels", "are %v, expected ascending first anchors from 0, columns and strides above 0", levels)
		}
	}
}

func newSelectParams(k device.Select, s selectScratch, at uint64) *selectParams {
	part := func(offset int64) uint64 { return at + uint64(offset) }
	h := &k.Head
	p := &selectParams{
		Scores: newValues(h.Scores), Objectness: newValues(h.Objectness), Labels: newElements(h.Labels, h.LabelType.Size()), Boxes: newValues(h.Boxes),
		Out:   address(k.Out),
		Count: part(s.count), Keys: part(s.keys), Classes: part(s.classes),
		BoxesSorted: part(s.boxes), ScoresSorted: part(s.scores), ClassesSorted: part(s.chosen), AnchorsSorted: part(s.anchors),
		Overlaps: part(s.overlaps),
		Anchors:  int32(k.Anchors), ClassCount: int32(k.Classes), Form: int32(h.Form), Bins: int32(h.Bins),
		UnitX: h.UnitX, UnitY: h.UnitY, Shift: h.Shift,
		Logits: flag(h.Sigmoid), Pairs: flag(h.Pairs), Final: flag(h.Final), Across: flag(h.Scores.Anchor < h.Scores.Item),
		LevelCount: int32(len(h.Levels)), LabelType: int32(h.LabelType),
		Left: float32(k.Fit.Left), Top: float32(k.Fit.Top), ScaleX: k.Fit.ScaleX, ScaleY: k.Fit.ScaleY,
		Width: float32(k.Width), Height: float32(k.Height),
		// Above the number just below ScoreMin means at least ScoreMin, and never holds for NaN.
		Below: math.Nextafter32(k.ScoreMin, float32(math.Inf(-1))), IoU: k.IoU,
		Objects: int32(k.Limits.Objects), Keep: int32(min(k.Limits.Objects, device.MaxCandidates)),
		EveryClass: flag(k.Wanted == nil), Wanted: classBits(k.Wanted),
	}
	for i, l := range h.Levels {
		p.Levels[i] = level{First: int32(l.First), Columns: int32(l.Columns), Stride: l.Stride}
	}
	return p
}

// choosers is the block of choose: an object a thread.
const choosers = device.MaxCandidates

type chooseParams struct {
	Selection, Out       uint64
	Objects, Limit       int32
	MinWidth, MinHeight  float32
	EveryClass, Reserved int32
	Wanted               [MaxWanted / 32]uint32
}

// Choose plans device.Kernels.Choose.
func Choose(k device.Choose) ([]Launch, error) {
	a := arguments{kernel: "choose"}
	a.limits(k.Limits)
	a.wanted(k.Wanted)
	if k.MinWidth != k.MinWidth || k.MinHeight != k.MinHeight {
		a.fail("least size", "is %v x %v, expected numbers", k.MinWidth, k.MinHeight)
	}
	a.records("selection", k.Selection, k.Limits.SelectionSize())
	a.records("out", k.Out, k.Limits.SubjectsSize())
	if a.err != nil {
		return nil, a.err
	}
	return []Launch{newLaunch("choose", [3]uint32{1, 1, 1}, [3]uint32{choosers, 1, 1}, &chooseParams{
		Selection: address(k.Selection), Out: address(k.Out),
		Objects: int32(min(k.Limits.Objects, choosers)), Limit: int32(k.Limits.People),
		MinWidth: k.MinWidth, MinHeight: k.MinHeight, EveryClass: flag(k.Wanted == nil), Wanted: classBits(k.Wanted),
	})}, nil
}
