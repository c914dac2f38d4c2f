//go:build gpu

package kernels

import "sightline/internal/device"

// timed are trials of the sizes that the product has.
func timed() map[string]func(*setup) trial {
	hd := device.PictureFormat{Width: 1920, Height: 1080, Pitch: 2048, Matrix: "bt709"}
	many := device.Limits{Objects: 300, People: 64}
	letterbox := func(size int) func(*setup) trial {
		return func(s *setup) trial {
			k := device.Letterbox{Picture: s.picture(hd), Fit: device.NewFit(1920, 1080, size, size), Pixels: device.RGB, Out: s.dirty(12 * size * size), OutWidth: size, OutHeight: size}
			return trial{plan: func() ([]Launch, error) { return Letterbox(k) }, out: k.Out, width: 4}
		}
	}
	usual := detector{anchors: 8400, classes: 80, sure: .02, scoreMin: .3, iou: .45, limits: many}
	large, worst := usual, usual
	large.anchors = 25200
	worst.anchors, worst.sure, worst.scoreMin = 25200, 1, 0
	return map[string]func(*setup) trial{
		"letterbox 1080p to 416":                      letterbox(416),
		"letterbox 1080p to 640":                      letterbox(640),
		"select 8400 x 80, some 170 candidates":       usual.trial,
		"select 25200 x 80, some 500 candidates":      large.trial,
		"select 25200 x 80, every anchor a candidate": worst.trial,
		"select 84 x 8400 of YOLOv8, some 170 candidates": func(s *setup) trial {
			const anchors, classes = 8400, 80
			raw := s.floats((4+classes)*anchors, 300)
			for i := 4 * anchors; i < len(raw); i++ {
				raw[i] = s.Float32() * .25
				if s.IntN(anchors*classes/170) == 0 {
					raw[i] = .9
				}
			}
			b := upload(s, raw)
			k := device.Select{Head: device.Head{Scores: device.Values{Buffer: b, Offset: 4 * anchors, Anchor: 1, Item: anchors},
				Boxes: device.Values{Buffer: b, Anchor: 1, Item: anchors}, Form: device.Centre, UnitX: 1, UnitY: 1},
				Anchors: anchors, Classes: classes, Fit: device.NewFit(1920, 1080, 640, 640), Width: 1920, Height: 1080, ScoreMin: .3, IoU: .45, Limits: many}
			return selecting(s, k)
		},
		"select 300 x 80 pairs of DETR": func(s *setup) trial {
			const anchors, classes = 300, 80
			logits := s.floats(anchors*classes, 1)
			for i := range logits {
				logits[i] = logits[i]*3 - 4
			}
			k := device.Select{Head: device.Head{Scores: device.Values{Buffer: upload(s, logits), Anchor: classes, Item: 1},
				Boxes: device.Values{Buffer: upload(s, s.floats(4*anchors, .5)), Anchor: 4, Item: 1}, Form: device.Centre, UnitX: 640, UnitY: 640,
				Sigmoid: true, Pairs: true, Final: true},
				Anchors: anchors, Classes: classes, Fit: device.NewStretchFit(1920, 1080, 640, 640), Width: 1920, Height: 1080, ScoreMin: .3, Limits: many}
			return selecting(s, k)
		},
		"crop 8 people to 256 x 192": func(s *setup) trial {
			k := device.Crop{Picture: s.picture(hd), Subjects: s.subjects(crowd, 8, boxes...), Limits: crowd, Count: 8,
				Pixels: device.RGB, Region: device.Region{Scale: 1.25}, Out: s.dirty(12 * 8 * 256 * 192), OutWidth: 192, OutHeight: 256}
			return trial{plan: func() ([]Launch, error) { return Crop(k) }, out: k.Out, width: 4}
		},
		"masks of 8 people": func(s *setup) trial {
			var persons [][4]float32
			for i := range 8 {
				persons = append(persons, [4]float32{float32(200 * i), 100, float32(200*i + 250), 700})
			}
			k := device.PackMasks{In: upload(s, s.floats(8*256*256, 1)), InWidth: 256, InHeight: 256, Subjects: s.subjects(crowd, 8, persons...),
				Limits: crowd, Count: 8, Region: device.Region{Scale: 1}, Threshold: .5, Width: 1920, Height: 1080, Out: s.dirty(8 * device.MaskRecordSize)}
			return trial{plan: func() ([]Launch, error) { return PackMasks(k) }, out: k.Out, width: 1}
		},
		"cosine 64 x 256 of 512": func(s *setup) trial {
			k := device.Cosine{A: upload(s, s.halves(64*512)), B: upload(s, s.halves(256*512)), Rows: 64, Columns: 256, Length: 512, Out: s.dirty(4 * 64 * 256)}
			return trial{plan: func() ([]Launch, error) { return Cosine(k) }, out: k.Out, width: 4}
		},
	}
}

func selecting(s *setup, k device.Select) trial {
	k.Out = s.dirty(int(k.Limits.SelectionSize()))
	scratch := s.dirty(int(SelectScratchSize(k.Candidates())))
	return trial{plan: func() ([]Launch, error) { return Select(k, scratch) }, out: k.Out, width: 1}
}
