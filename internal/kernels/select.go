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
	Scores, Objectness, Labels, Boxes      values
	Out                                    uint64
	Count, Keys, Classes                   uint64
	BoxesSorted, ScoresSorted              uint64
	ClassesSorted, AnchorsSorted           uint64
	Overlaps                               uint64
	Anchors, ClassCount, Form, Bins        int32
	UnitX, UnitY, Shift                    float32
	Activation, Pairs, Suppression, Across int32
	LevelCount, LabelType                  int32
	Left, Top, ScaleX, ScaleY              float32
	Width, Height                          float32
	Below, IoU                             float32
	Objects, Keep, EveryClass              int32
	Levels                                 [device.MaxLevels]level
	Wanted                                 [MaxWanted / 32]uint32
}

// suppression is the kernels' name for how a head's objects suppress each other.
func suppression(h *device.Head) int32 {
	switch {
	case h.Final:
		return 1
	case h.Unclipped:
		return 2
	}
	return 0
}

// activation is the kernels' name for what makes probabilities of a head's scores.
func activation(h *device.Head) int32 {
	switch {
	case h.Sigmoid:
		return 1
	case h.Background:
		return 2
	}
	return 0
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
	a.wanted(k.Wanted)
	if k.Head.Pairs && int64(k.Anchors)*int64(k.Classes) > math.MaxInt32-rankers {
		a.fail("anchors", "and classes make %d pairs, which is too many", int64(k.Anchors)*int64(k.Classes))
	}
	if k.Head.Form == device.Distances {
		a.between("head: bins", k.Head.Bins, 1, 1<<16)
	}
	a.and(k.Check())
	if a.err == nil && scratch == nil {
		a.fail("scratch", "is nil")
	}
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
		Activation: activation(h), Pairs: flag(h.Pairs), Suppression: suppression(h), Across: flag(h.Scores.Anchor < h.Scores.Item),
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
	a.wanted(k.Wanted)
	a.and(k.Check())
	if a.err != nil {
		return nil, a.err
	}
	return []Launch{newLaunch("choose", [3]uint32{1, 1, 1}, [3]uint32{choosers, 1, 1}, &chooseParams{
		Selection: address(k.Selection), Out: address(k.Out),
		Objects: int32(min(k.Limits.Objects, choosers)), Limit: int32(k.Limits.People),
		MinWidth: k.MinWidth, MinHeight: k.MinHeight, EveryClass: flag(k.Wanted == nil), Wanted: classBits(k.Wanted),
	})}, nil
}
