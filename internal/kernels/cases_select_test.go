package kernels

import "sightline/internal/device"

// detector says what a random detector's output looks like.
type detector struct {
	anchors, classes int
	// levels is how many different scores there are, 0 for any: few make ties.
	levels int
	// sure is the share of anchors with a score that may pass; strange that of NaN and infinite values.
	sure, strange float32
	scoreMin, iou float32
	limits        device.Limits
	wanted        func(class int) bool
}

func selectTrials() (out []func(*setup) trial) {
	add := func(d detector) { out = append(out, func(s *setup) trial { return d.trial(s) }) }
	many := device.Limits{Objects: 300, People: 64}
	usual := detector{anchors: 3549, classes: 80, sure: .05, scoreMin: .3, iou: .45, limits: many}
	with := func(change func(*detector)) {
		d := usual
		change(&d)
		add(d)
	}
	add(usual)
	with(func(d *detector) { d.anchors = 8400; d.sure = .02 })
	with(func(d *detector) { d.anchors = 25200; d.sure = .01 })
	with(func(d *detector) { d.levels = 3 })                                                  // ties
	with(func(d *detector) { d.levels = 2; d.sure = 1; d.limits.Objects = 2000; d.iou = .9 }) // more than MaxCandidates
	with(func(d *detector) { d.sure = 1; d.scoreMin = 0 })
	with(func(d *detector) { d.sure = 0 }) // an empty selection
	with(func(d *detector) { d.strange = .01 })
	with(func(d *detector) { d.strange = .2; d.classes = 3 })
	with(func(d *detector) { d.limits = device.Limits{Objects: 7, People: 3}; d.classes = 2 }) // more people than fit
	with(func(d *detector) { d.limits = device.Limits{Objects: 3, People: 7}; d.classes = 1 })
	with(func(d *detector) { d.limits = device.Limits{} })
	with(func(d *detector) { d.limits.People = 0 })
	with(func(d *detector) { d.wanted = func(c int) bool { return c%3 == 1 } })
	with(func(d *detector) { d.wanted = func(int) bool { return false } })
	with(func(d *detector) { d.iou = nan })
	with(func(d *detector) { d.iou = 0 })
	with(func(d *detector) { d.scoreMin = nan })
	with(func(d *detector) { d.classes = 33; d.scoreMin = -1; d.levels = 4 }) // zeros and minus zeros tie
	for _, n := range []int{1, 2, 31, 32, 33, 255, 256, 257, 1023, 1024, 1025} {
		with(func(d *detector) { d.anchors, d.classes, d.sure, d.levels = n, 1+n%9, 1, n%5 })
	}
	return out
}

func (d detector) trial(s *setup) trial {
	scores := make([]float32, d.anchors*d.classes)
	corners := make([]float32, 4*d.anchors)
	for a := range d.anchors {
		row := scores[a*d.classes:][:d.classes]
		top := float32(.25)
		if s.Float32() < d.sure {
			top = 1
		}
		for c := range row {
			row[c] = s.Float32() * top
			if d.levels > 0 {
				row[c] = float32(int(row[c]*float32(d.levels+1))) / float32(d.levels)
				if row[c] == 0 && s.IntN(2) == 0 {
					row[c] = -row[c]
				}
			}
			if s.Float32() < d.strange {
				row[c] = []float32{nan, inf, -inf}[s.IntN(3)]
			}
		}
		x, y, w, h := s.Float32()*440-10, s.Float32()*440-10, s.Float32()*90-2, s.Float32()*90-2
		if s.IntN(3) == 0 { // one of a few places, so that boxes overlap fully
			x, y, w, h = float32(s.IntN(4)*90), float32(s.IntN(4)*90), 80, 60+float32(s.IntN(2))
		}
		copy(corners[4*a:], []float32{x, y, x + w, y + h})
		if s.Float32() < d.strange {
			corners[4*a+s.IntN(4)] = []float32{nan, inf, -inf}[s.IntN(3)]
		}
	}
	k := device.Select{
		Head: device.Head{
			Scores: device.Values{Buffer: upload(s, scores), Anchor: d.classes, Item: 1},
			Boxes:  device.Values{Buffer: upload(s, corners), Anchor: 4, Item: 1}, UnitX: 1, UnitY: 1,
		},
		Anchors: d.anchors, Classes: d.classes,
		Fit: device.NewFit(1279, 719, 416, 416), Width: 1279, Height: 719, ScoreMin: d.scoreMin, IoU: d.iou,
		Limits: d.limits, Out: s.dirty(int(d.limits.SelectionSize()))}
	if d.wanted != nil {
		for c := range d.classes {
			k.Wanted = append(k.Wanted, d.wanted(c))
		}
	}
	k.Scratch = s.dirty(int(device.SelectScratch(d.anchors))) // the host's
	scratch := s.dirty(int(SelectScratchSize(d.anchors)))
	return trial{
		func(on device.Kernels, stream device.Stream) error { return on.Select(stream, k) },
		func() ([]Launch, error) { return Select(k, scratch) }, k.Out, 1,
	}
}
