package kernels

import (
	"math"

	"sightline/internal/device"
)

var (
	nan = float32(math.NaN())
	inf = float32(math.Inf(1))
)

// wishes are what models want to see.
var wishes = []device.Pixels{
	device.RGB,
	{Scale: [3]float32{255, 254, 253}, Offset: [3]float32{-1, 2, 3}, BGR: true, Pad: 114. / 255},
	{Scale: [3]float32{4.367, 4.464, 4.444}, Offset: [3]float32{-2.118, -2.036, -1.804}, Last: true},
	{Scale: [3]float32{1, 1, 1}, BGR: true, Last: true, Pad: .5},
	{Scale: [3]float32{255, 255, 255}, Offset: [3]float32{-.5, 0, .25}, Last: true, Integer: true},
}

func letterboxTrials() (out []func(*setup) trial) {
	add := func(f device.PictureFormat, width, height int, fit device.Fit) {
		p := wishes[len(out)%len(wishes)]
		out = append(out, func(s *setup) trial {
			k := device.Letterbox{Picture: s.picture(f), Fit: fit, Pixels: p, Out: s.dirty(12 * width * height), OutWidth: width, OutHeight: height}
			return trial{
				func(d device.Kernels, on device.Stream) error { return d.Letterbox(on, k) },
				func() ([]Launch, error) { return Letterbox(k) }, k.Out, 4,
			}
		})
	}
	for _, size := range [][5]int{ // picture, pitch, out
		{1, 1, 2, 8, 8}, {2, 2, 2, 9, 5}, {3, 3, 5, 32, 8}, {1, 7, 64, 20, 33}, {7, 1, 8, 33, 20}, {64, 48, 64, 64, 64},
		{65, 47, 80, 33, 65}, {97, 301, 128, 40, 40}, {640, 480, 640, 64, 31}, {1919, 1079, 2048, 160, 96},
	} {
		for i, matrix := range []string{"bt601", "bt709", "bt601", "bt709"} {
			f := device.PictureFormat{Width: size[0], Height: size[1], Pitch: size[2], Matrix: matrix, FullRange: i >= 2}
			add(f, size[3], size[4], device.NewFit(size[0], size[1], size[3], size[4]))
		}
	}
	hd := device.PictureFormat{Width: 1280, Height: 720, Pitch: 1536, Matrix: "bt709"}
	add(hd, 416, 416, device.NewFit(1280, 720, 416, 416))
	add(hd, 416, 417, device.NewCornerFit(1280, 720, 416, 417))
	add(hd, 33, 64, device.NewStretchFit(1280, 720, 33, 64))
	add(hd, 70, 50, device.Fit{ScaleX: .01, ScaleY: .01, Left: 31, Top: 7, Width: 33, Height: 9})
	add(hd, 70, 50, device.Fit{ScaleX: .01, ScaleY: .02, Left: 69, Top: 49, Width: 1, Height: 1})
	return out
}

// boxes are persons in and about a picture of 97x61.
var boxes = [][4]float32{
	{10, 10, 40, 50}, {0, 0, 97, 61}, {-30.5, -7.25, 12, 200}, {96.9, 60.9, 97, 61}, {40, 50, 10, 10}, {5, 5, 5, 5},
	{nan, 0, 10, 10}, {-inf, 0, inf, 10}, {1e30, 1e30, 2e30, 2e30}, {300, 300, 400, 320}, {20.1, 3.3, 22.7, 59.2},
}

var regions = []device.Region{{Scale: 1}, {Scale: 1.25, Aspect: 1}, {Scale: 2.5, Aspect: 1, Black: true}, {Scale: 3, Black: true}, {Scale: .3, Aspect: .75}}

// crowd has fewer people than boxes, and more objects than people.
var crowd = device.Limits{Objects: 13, People: 11}

func cropTrials() (out []func(*setup) trial) {
	add := func(f device.PictureFormat, l device.Limits, people, first, count, width, height int, r device.Region) {
		p := wishes[len(out)%len(wishes)]
		out = append(out, func(s *setup) trial {
			k := device.Crop{Picture: s.picture(f), Subjects: s.subjects(l, people, boxes...), Limits: l, First: first,
				Count: count, Region: r, Pixels: p, Out: s.dirty(12 * count * width * height), OutWidth: width, OutHeight: height}
			return trial{
				func(d device.Kernels, on device.Stream) error { return d.Crop(on, k) },
				func() ([]Launch, error) { return Crop(k) }, k.Out, 4,
			}
		})
	}
	odd := device.PictureFormat{Width: 97, Height: 61, Pitch: 112, Matrix: "bt709"}
	full := device.PictureFormat{Width: 97, Height: 61, Pitch: 98, Matrix: "bt601", FullRange: true}
	tiny := device.PictureFormat{Width: 1, Height: 1, Pitch: 2, Matrix: "bt601"}
	for _, r := range regions {
		add(odd, crowd, 11, 0, 11, 24, 33, r)
		add(full, crowd, 11, 2, 9, 33, 16, r)
		add(tiny, crowd, 11, 0, 3, 5, 5, r)
		add(odd, crowd, 4, 2, 5, 16, 16, r) // more items than people
	}
	add(odd, crowd, 0, 0, 3, 16, 16, regions[0])                                    // nobody
	add(odd, device.Limits{Objects: 4, People: 2}, 1<<30, 0, 4, 16, 16, regions[0]) // more people than the limit
	add(odd, device.Limits{}, 3, 0, 2, 16, 16, regions[0])                          // no room for anybody
	add(odd, device.Limits{Objects: 13, People: 11}, -1, 0, 2, 16, 16, regions[0])  // a broken count
	return out
}

func keypointTrials() (out []func(*setup) trial) {
	for i, r := range regions {
		for _, people := range []int{0, 5, 11, 99} {
			out = append(out, func(s *setup) trial {
				joints := []int{17, 1, 133}[i%3]
				in := s.floats(9*joints*device.JointValues, 300)
				in[0], in[1] = nan, inf
				k := device.Keypoints{In: upload(s, in), Joints: joints, InWidth: 192 + i, InHeight: 255, Subjects: s.subjects(crowd, people, boxes...), Limits: crowd,
					First: i % 3, Count: 9, Region: r, Out: s.dirty(11 * joints * device.JointValues * 4)}
				return trial{
					func(d device.Kernels, on device.Stream) error { return d.Keypoints(on, k) },
					func() ([]Launch, error) { return Keypoints(k) }, k.Out, 4,
				}
			})
		}
	}
	return out
}

func uncropTrials() (out []func(*setup) trial) {
	const each = 3
	for i, r := range regions {
		for _, people := range []int{0, 5, 11, 99} {
			out = append(out, func(s *setup) trial {
				const row = (device.RecordHeader + each*device.RecordSize) / 4
				in := s.floats(9*row, 300)
				for item := range 9 { // counts, some broken, and numbers that were none
					in[row*item] = math.Float32frombits([]uint32{0, 1, 3, 3, 99, 1 << 31, 2}[item%7])
					in[row*item+1] = math.Float32frombits(uint32(item % 5 / 4))
				}
				in[4], in[row+5] = nan, inf
				k := device.Uncrop{In: upload(s, in), Each: each, InWidth: 192 + i, InHeight: 255, Subjects: s.subjects(crowd, people, boxes...), Limits: crowd,
					First: i % 3, Count: 9 - i%2, Region: r, Out: s.dirty(11 * each * device.RecordSize)}
				return trial{
					func(d device.Kernels, on device.Stream) error { return d.Uncrop(on, k) },
					func() ([]Launch, error) { return Uncrop(k) }, k.Out, 4,
				}
			})
		}
	}
	return out
}

func maskTrials() (out []func(*setup) trial) {
	add := func(width, height, inWidth, inHeight, people int, r device.Region, persons ...[4]float32) {
		out = append(out, func(s *setup) trial {
			in := make([]float32, 3*inWidth*inHeight)
			for i := range in {
				in[i] = s.Float32()
			}
			if s.IntN(2) == 0 {
				in[s.IntN(len(in))] = nan
			}
			k := device.PackMasks{In: upload(s, in), InWidth: inWidth, InHeight: inHeight, Subjects: s.subjects(crowd, people, persons...),
				Limits: crowd, First: 1, Count: 3, Region: r, Threshold: .5, Width: width, Height: height, Out: s.dirty(11 * device.MaskRecordSize)}
			if s.IntN(3) == 0 {
				k.Plane = &[4]float32{-3, -20.5, float32(width) + 7, float32(height)}
			}
			return trial{
				func(d device.Kernels, on device.Stream) error { return d.PackMasks(on, k) },
				func() ([]Launch, error) { return PackMasks(k) }, k.Out, 1,
			}
		})
	}
	box := [4]float32{10, 10, 50, 70}
	for i, r := range regions {
		add(100, 80, 16, 16, 3, r, box, box, [4]float32{20.3, 10.7, 21.1, 11.9}, box)
		add(101, 81, 9+i, 31, 4, r, box, [4]float32{60, 60, 101, 81}, [4]float32{3, 3, 3.2, 60}, [4]float32{0, 0, 101, 81})
		add(97, 61, 8, 8, 11, r, boxes[0], boxes[3], boxes[6], boxes[7])
		add(97, 61, 1, 1, 11, r, boxes[0], boxes[4], boxes[8], boxes[9])
	}
	add(513, 256, 32, 32, 4, regions[0], box, [4]float32{0, 0, 512, 256}, [4]float32{0, 0, 513, 256}, [4]float32{1, 0, 512.5, 256})
	add(3840, 2160, 64, 48, 4, regions[0], box, [4]float32{0, 0, 3840, 2160}, [4]float32{0, 0, 1920, 1080}, [4]float32{100, 0, 130, 2160})
	add(70000, 3, 16, 16, 3, regions[0], box, [4]float32{0, 0, 70000, 3}, [4]float32{69990, 0, 70000, 3})
	add(3, 70000, 16, 16, 3, regions[0], box, [4]float32{0, 0, 3, 70000}, [4]float32{0, 0, 1, 1500})
	for _, rows := range []int{32, 33, 1023, 1024, 1025} { // where tables begin and end
		add(60, rows, 16, 40, 3, regions[0], box, [4]float32{0, 0, 60, float32(rows)})
	}
	add(100, 80, 16, 16, 0, regions[0], box)
	return out
}
