//go:build gpu

package kernels

import (
	"maps"
	"slices"

	"sightline/internal/device"
)

var (
	hd   = device.PictureFormat{Width: 1920, Height: 1080, Pitch: 2048, Matrix: "bt709"}
	many = device.Limits{Objects: 300, People: 64}
)

// timed are trials of the sizes that the product has.
func timed() map[string]func(*setup) trial {
	out := timedPictures()
	maps.Copy(out, timedSelections())
	maps.Copy(out, timedPeople())
	maps.Copy(out, timedCopies())
	return out
}

// persons are seven people, each a seventh of the picture.
func persons() (list [][4]float32) {
	for i := range 7 {
		list = append(list, [4]float32{float32(200 * i), 100, float32(200*i + 280), 900})
	}
	return list
}

func timedPictures() map[string]func(*setup) trial {
	letterbox := func(size int) func(*setup) trial {
		return func(s *setup) trial {
			k := device.Letterbox{Picture: s.picture(hd), Fit: device.NewFit(1920, 1080, size, size), Pixels: device.RGB, Out: s.dirty(12 * size * size), OutWidth: size, OutHeight: size}
			return trial{plan: func() ([]Launch, error) { return Letterbox(k) }, out: k.Out, width: 4}
		}
	}
	crops := func(width, height int) func(*setup) trial {
		return func(s *setup) trial {
			k := device.Crop{Picture: s.picture(hd), Subjects: s.subjects(crowd, 7, persons()...), Limits: crowd, Count: 7,
				Pixels: device.RGB, Region: device.Region{Scale: 1.25}, Out: s.dirty(12 * 7 * width * height), OutWidth: width, OutHeight: height}
			return trial{plan: func() ([]Launch, error) { return Crop(k) }, out: k.Out, width: 4}
		}
	}
	return map[string]func(*setup) trial{
		"letterbox 1080p to 416":     letterbox(416),
		"letterbox 1080p to 640":     letterbox(640),
		"crop 7 people to 192 x 192": crops(192, 192),
		"crop 7 people to 256 x 256": crops(256, 256),
		"crop 7 people to 128 x 256": crops(128, 256),
	}
}

func timedSelections() map[string]func(*setup) trial {
	usual := detector{anchors: 8400, classes: 80, sure: .02, scoreMin: .3, iou: .45, limits: many}
	large, worst, demo := usual, usual, usual
	demo.anchors = 3549
	large.anchors = 25200
	worst.anchors, worst.sure, worst.scoreMin = 25200, 1, 0
	return map[string]func(*setup) trial{
		"select 8400 x 80, some 170 candidates":       usual.trial,
		"select 3549 x 80, some 70 candidates":        demo.trial,
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
		"choose": func(s *setup) trial {
			found := make([]uint32, many.SelectionSize()/4)
			found[0] = 7
			k := device.Choose{Selection: upload(s, found), Limits: many, Out: s.dirty(int(many.SubjectsSize()))}
			return trial{plan: func() ([]Launch, error) { return Choose(k) }, out: k.Out, width: 1}
		},
	}
}

func timedPeople() map[string]func(*setup) trial {
	cosines := func(rows, length int) func(*setup) trial {
		return func(s *setup) trial {
			k := device.Cosine{A: upload(s, s.halves(rows*length)), B: upload(s, s.halves(256*length)), Rows: rows, Columns: 256, Length: length, Out: s.dirty(4 * rows * 256)}
			return trial{plan: func() ([]Launch, error) { return Cosine(k) }, out: k.Out, width: 4}
		}
	}
	return map[string]func(*setup) trial{
		"cosine 64 x 256 of 512": cosines(64, 512),
		"cosine 7 x 256 of 1280": cosines(7, 1280),
		"masks of 7 people, 256 x 256": func(s *setup) trial {
			k := device.PackMasks{In: upload(s, s.floats(7*256*256, 1)), InWidth: 256, InHeight: 256, Subjects: s.subjects(crowd, 7, persons()...),
				Limits: crowd, Count: 7, Region: device.Region{Scale: 1.2}, Threshold: .5, Width: 1920, Height: 1080, Out: s.dirty(7 * device.MaskRecordSize)}
			return trial{plan: func() ([]Launch, error) { return PackMasks(k) }, out: k.Out, width: 1}
		},
		"keypoints of 7 people": func(s *setup) trial {
			k := device.Keypoints{In: upload(s, s.floats(7*17*3, 1)), Joints: 17, InWidth: 192, InHeight: 192, Subjects: s.subjects(crowd, 7, persons()...),
				Limits: crowd, Count: 7, Region: device.Region{Scale: 1.25}, Out: s.dirty(12 * 17 * 11)}
			return trial{plan: func() ([]Launch, error) { return Keypoints(k) }, out: k.Out, width: 4}
		},
		"normalize 7 of 1280": func(s *setup) trial {
			k := device.Normalize{In: upload(s, s.floats(7*1280, 1)), Length: 1280, Count: 7, Out: s.dirty(2 * 7 * 1280)}
			return trial{plan: func() ([]Launch, error) { return Normalize(k) }, out: k.Out, width: 2}
		},
		"blend 7 of 64 rows of 1280": func(s *setup) trial {
			slots := slices.Repeat([]int32{-1}, 64)
			for i := range 7 {
				slots[i] = int32(3 * i)
			}
			k := device.Blend{Seen: upload(s, s.halves(64*1280)), Slots: upload(s, slots), Gallery: upload(s, s.halves(256*1280)), Rows: 64, Length: 1280, Keep: .9}
			return trial{plan: func() ([]Launch, error) { return Blend(k) }, out: k.Gallery, width: 2}
		},
	}
}

func timedCopies() map[string]func(*setup) trial {
	return map[string]func(*setup) trial{
		"move 115 kB": func(s *setup) trial {
			from, to := s.dirty(7*device.MaskRecordSize), s.dirty(7*device.MaskRecordSize)
			return trial{plan: func() ([]Launch, error) { return Move(to, from) }, out: to, width: 1}
		},
		"moves of 18 x 3 MB in a table of 128": func(s *setup) trial {
			const each = 3 << 20
			from, to := s.alloc(s, 18*each), s.alloc(s, 18*each)
			table := make([]byte, 128*device.MoveSize)
			for i := range 18 {
				device.PutMove(table, i, to.Slice(int64(i)*each, each), from.Slice(int64(i)*each, each))
			}
			k := device.Moves{Table: s.bytes(table), Count: 128}
			return trial{plan: func() ([]Launch, error) { return Moves(k) }, out: to, width: 1}
		},
	}
}

func selecting(s *setup, k device.Select) trial {
	k.Out = s.dirty(int(k.Limits.SelectionSize()))
	scratch := s.dirty(int(SelectScratchSize(k.Candidates())))
	return trial{plan: func() ([]Launch, error) { return Select(k, scratch) }, out: k.Out, width: 1}
}
