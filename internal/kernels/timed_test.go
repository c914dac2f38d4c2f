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
