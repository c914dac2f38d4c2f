package kernels

import "sightline/internal/device"

// spoilt are random numbers in -scale..scale, some of them none.
func (s *setup) spoilt(count int, scale, strange float32) []float32 {
	out := s.floats(count, scale)
	for i := range out {
		if s.Float32() < strange {
			out[i] = []float32{nan, inf, -inf}[s.IntN(3)]
		} else if s.IntN(4) == 0 { // few different values make ties
			out[i] = float32(int(out[i]*4)) / 4
		}
	}
	return out
}

func jointTrials() (out []func(*setup) trial) {
	add := func(k device.Joints, strange float32) {
		out = append(out, func(s *setup) trial {
			columns, rows := k.Columns, k.Rows
			switch k.Form {
			case device.Relative:
				columns, rows = 3, 1
			case device.Axes:
				rows = 1
				k.InY = upload(s, s.spoilt(k.Count*k.Joints*k.Rows, 2, strange))
			}
			k.In = upload(s, s.spoilt(k.Count*k.Joints*columns*rows, 2, strange))
			k.Out = s.dirty(12 * k.Count * k.Joints)
			return trial{
				func(d device.Kernels, on device.Stream) error { return d.Joints(on, k) },
				func() ([]Launch, error) { return Joints(k) }, k.Out, 4,
			}
		})
	}
	for _, strange := range []float32{0, .02, 1} {
		add(device.Joints{Form: device.Relative, Count: 3, Joints: 17, InWidth: 192, InHeight: 256}, strange)
		for _, size := range [][2]int{{1, 1}, {3, 3}, {48, 64}, {130, 5}, {384, 512}} {
			add(device.Joints{Form: device.Axes, Count: 2, Joints: 5, Columns: size[0], Rows: size[1], InWidth: 192, InHeight: 256}, strange)
			for _, moved := range []bool{false, true} {
				add(device.Joints{Form: device.Heatmaps, Count: 2, Joints: 3, Columns: size[0], Rows: size[1] % 100, InWidth: 191, InHeight: 256, Quarter: moved}, strange)
			}
		}
	}
	return out
}

// layouts are values of anchors that lie together or apart.
func layouts(b *device.Buffer, numbers, anchors int) []device.Values {
	return []device.Values{{Buffer: b, Offset: 2, Anchor: numbers, Item: 1}, {Buffer: b, Offset: 2, Anchor: 1, Item: anchors}}
}

func anchorJointTrials() (out []func(*setup) trial) {
	for i := range 8 {
		out = append(out, func(s *setup) trial {
			const joints, anchors = 17, anchorsOfSubjects
			b := upload(s, s.spoilt(anchors*3*joints+2, 300, .01))
			k := device.AnchorJoints{Values: layouts(b, 3*joints, anchors)[i%2], Joints: joints, Anchors: anchors - i/4*20, YX: i&2 != 0, Sigmoid: i&4 != 0,
				UnitX: 1 + float32(i), UnitY: 2, Fit: device.NewFit(1280, 720, 640, 640), Subjects: s.subjects(crowd, []int{11, 3, 0, 99}[i%4], boxes...),
				Limits: crowd, Out: s.dirty(crowd.People * joints * 12)}
			return trial{
				func(d device.Kernels, on device.Stream) error { return d.AnchorJoints(on, k) },
				func() ([]Launch, error) { return AnchorJoints(k) }, k.Out, 4,
			}
		})
	}
	return out
}

func combineTrials() (out []func(*setup) trial) {
	for i := range 10 {
		out = append(out, func(s *setup) trial {
			count, width, height := []int{32, 1, 300}[i%3], 20+i, 13
			b := upload(s, s.spoilt(anchorsOfSubjects*count+2, 1, float32(i%2)/100))
			fit := device.NewFit(97, 61, 80, 52)
			if i%4 == 3 {
				fit = device.NewStretchFit(97, 61, 80, 52)
			}
			k := device.Combine{Coefficients: layouts(b, count, anchorsOfSubjects)[i%2], Anchors: anchorsOfSubjects, Prototypes: upload(s, s.floats(count*width*height, 1)),
				Count: count, Width: width, Height: height, InWidth: 80, InHeight: 52, Fit: fit,
				Subjects: s.subjects(crowd, []int{11, 3, 0, 99}[i%4], boxes...), Limits: crowd, Out: s.dirty(4 * crowd.People * width * height)}
			return trial{
				func(d device.Kernels, on device.Stream) error { return d.Combine(on, k) },
				func() ([]Launch, error) { return Combine(k) }, k.Out, 4,
			}
		})
	}
	return out
}

func marginTrials() (out []func(*setup) trial) {
	for i, channels := range []int{1, 2, 3, 21, 150} {
		out = append(out, func(s *setup) trial {
			cells := 300 + i
			k := device.Margin{In: upload(s, s.spoilt(3*channels*cells, 4, float32(i%2)/50)), Count: 3, Channels: channels, Channel: channels / 2, Cells: cells, Out: s.dirty(3 * cells * 4)}
			return trial{
				func(d device.Kernels, on device.Stream) error { return d.Margin(on, k) },
				func() ([]Launch, error) { return Margin(k) }, k.Out, 4,
			}
		})
	}
	return out
}

func classifyTrials() (out []func(*setup) trial) {
	for i, classes := range []int{1, 2, 5, 128, 1000} {
		for activation := device.NoActivation; activation <= device.Softmax; activation++ {
			out = append(out, func(s *setup) trial {
				in := s.spoilt(6*classes, 9, 0)
				in[2*classes] = []float32{nan, inf, -inf}[i%3]
				in[3*classes] = inf
				for c := range classes {
					in[4*classes+c] = -inf
				}
				k := device.Classify{In: upload(s, in), Classes: classes, Activation: activation, First: i, Count: 6, Out: s.dirty((i + 6) * 8)}
				return trial{
					func(d device.Kernels, on device.Stream) error { return d.Classify(on, k) },
					func() ([]Launch, error) { return Classify(k) }, k.Out, 4,
				}
			})
		}
	}
	return out
}
