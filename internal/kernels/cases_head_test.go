package kernels

import (
	"math"

	"sightline/internal/device"
)

// headTrials are raw outputs of every layout and form, with numbers that are none among them.
func headTrials() (out []func(*setup) trial) {
	const classes = 7
	levels := []device.Level{{First: 0, Columns: 13, Stride: 8}, {First: 169, Columns: 7, Stride: 16}, {First: 218, Columns: 4, Stride: 32}}
	const anchors = 234
	add := func(strange float32, make func(buffer *device.Buffer) device.Head, numbers int, scale float32) {
		out = append(out, func(s *setup) trial {
			raw := s.floats(anchors*numbers, scale)
			for i := range raw {
				if s.Float32() < strange {
					raw[i] = []float32{nan, inf, -inf}[s.IntN(3)]
				}
			}
			k := device.Select{Head: make(upload(s, raw)), Anchors: anchors, Classes: classes,
				Fit: device.NewStretchFit(640, 360, 104, 100), Width: 640, Height: 360, ScoreMin: .3, IoU: .4,
				Limits: device.Limits{Objects: 100}}
			if s.IntN(2) == 0 {
				k.Wanted = []bool{true, false, true, true, true, true, false}
			}
			k.Out = s.dirty(int(k.Limits.SelectionSize()))
			k.Scratch = s.dirty(int(device.SelectScratch(k.Candidates())))
			scratch := s.dirty(int(SelectScratchSize(k.Candidates())))
			return trial{
				func(on device.Kernels, stream device.Stream) error { return on.Select(stream, k) },
				func() ([]Launch, error) { return Select(k, scratch) }, k.Out, 1,
			}
		})
	}
	// rows: an anchor's numbers lie together; columns: a number's anchors do.
	rows := func(b *device.Buffer, numbers, offset int) device.Values {
		return device.Values{Buffer: b, Offset: offset, Anchor: numbers, Item: 1}
	}
	columns := func(b *device.Buffer, offset int) device.Values {
		return device.Values{Buffer: b, Offset: offset * anchors, Anchor: 1, Item: anchors}
	}
	for _, strange := range []float32{0, .02} {
		for _, form := range []device.BoxForm{device.Corners, device.Centre, device.CornersYX, device.Grid} {
			for _, sigmoid := range []bool{false, true} {
				scale := float32(1)
				if sigmoid {
					scale = 3
				}
				units := func(h device.Head) device.Head {
					h.Form, h.UnitX, h.UnitY, h.Sigmoid, h.Levels = form, 104, 100, sigmoid, levels
					h.Unclipped = form != device.Corners
					return h
				}
				add(strange, func(b *device.Buffer) device.Head {
					return units(device.Head{Boxes: rows(b, 5+classes, 0), Objectness: rows(b, 5+classes, 4), Scores: rows(b, 5+classes, 5)})
				}, 5+classes, scale)
				add(strange, func(b *device.Buffer) device.Head {
					return units(device.Head{Boxes: columns(b, 0), Scores: columns(b, 4)})
				}, 4+classes, scale)
				add(strange, func(b *device.Buffer) device.Head {
					return units(device.Head{Boxes: rows(b, 4+classes, 0), Scores: rows(b, 4+classes, 4), Pairs: true, Final: true})
				}, 4+classes, scale)
				add(strange, func(b *device.Buffer) device.Head {
					return units(device.Head{Boxes: rows(b, 6, 0), Scores: rows(b, 6, 4), Labels: rows(b, 6, 5), Final: true})
				}, 6, 9)
			}
		}
		add(strange, func(b *device.Buffer) device.Head {
			return device.Head{Boxes: rows(b, 5+classes, 0), Scores: rows(b, 5+classes, 4), Form: device.Centre, UnitX: 104, UnitY: 100, Background: true, Final: true}
		}, 5+classes, 3)
		add(strange/10, func(b *device.Buffer) device.Head {
			const bins = 8
			return device.Head{Scores: rows(b, classes+4*bins, 0), Boxes: rows(b, classes+4*bins, classes), Form: device.Distances, Bins: bins,
				Shift: .5, Levels: levels, Sigmoid: true}
		}, classes+32, 3)
	}
	return out
}

// labelTrials have integers for classes, some of which no class has.
func labelTrials() (out []func(*setup) trial) {
	const anchors, classes = 300, 5
	for _, kind := range []device.ElementType{device.Int32, device.Int64} {
		out = append(out, func(s *setup) trial {
			short, long := make([]int32, anchors+1), make([]int64, anchors+1)
			for i := range short {
				short[i] = int32(s.IntN(classes+3) - 1)
				long[i] = int64(short[i]) + int64(s.IntN(2))<<40
			}
			labels := upload(s, short)
			if kind == device.Int64 {
				labels = upload(s, long)
			}
			k := device.Select{Head: device.Head{
				Scores: device.Values{Buffer: upload(s, s.floats(anchors, 1)), Anchor: 1}, Boxes: device.Values{Buffer: upload(s, s.floats(4*anchors, 100)), Anchor: 4, Item: 1},
				Labels: device.Values{Buffer: labels, Offset: 1, Anchor: 1}, LabelType: kind, UnitX: 1, UnitY: 1, Final: true,
			}, Anchors: anchors, Classes: classes, Fit: device.NewStretchFit(640, 360, 104, 100), Width: 640, Height: 360, ScoreMin: .3, Limits: device.Limits{Objects: 100}}
			k.Out = s.dirty(int(k.Limits.SelectionSize()))
			k.Scratch = s.dirty(int(device.SelectScratch(anchors)))
			scratch := s.dirty(int(SelectScratchSize(anchors)))
			return trial{
				func(on device.Kernels, stream device.Stream) error { return on.Select(stream, k) },
				func() ([]Launch, error) { return Select(k, scratch) }, k.Out, 1,
			}
		})
	}
	return out
}

func chooseTrials() (out []func(*setup) trial) {
	for _, c := range []struct {
		objects, people, count int
		wanted                 []bool
		least                  float32
	}{
		{100, 32, 100, nil, 0}, {100, 100, 37, []bool{true}, 0}, {1024, 256, 1024, []bool{false, true, true}, 20}, {5, 3, 99, nil, 10},
		{0, 3, 2, nil, 0}, {7, 0, 7, nil, 0}, {7, 7, -3, nil, 0}, {64, 64, 0, nil, 0}, {2000, 1500, 1500, nil, 3}, {33, 33, 33, []bool{}, 0},
	} {
		out = append(out, func(s *setup) trial {
			l := device.Limits{Objects: c.objects, People: c.people}
			words := make([]uint32, l.SelectionSize()/4)
			words[0] = uint32(c.count)
			for i := range c.objects {
				r := words[4+8*i:]
				for j, v := range []float32{10, 20, 10 + s.Float32()*40, 20 + s.Float32()*80} {
					r[j] = math.Float32bits(v)
				}
				r[5], r[6] = uint32(s.IntN(4)-1), uint32(s.IntN(9000))
			}
			k := device.Choose{Selection: upload(s, words), Wanted: c.wanted, MinWidth: c.least, MinHeight: c.least, Limits: l, Out: upload(s, make([]uint32, l.SubjectsSize()/4))}
			return trial{
				func(on device.Kernels, stream device.Stream) error { return on.Choose(stream, k) },
				func() ([]Launch, error) { return Choose(k) }, k.Out, 1,
			}
		})
	}
	return out
}
