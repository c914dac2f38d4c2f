package host

import (
	"math"

	"sightline/internal/device"
)

// Joints: see device.Joints.
func (kernels) Joints(s device.Stream, k device.Joints) error {
	if err := k.Check(); err != nil {
		return err
	}
	in, out := floatsOf(k.In), floatsOf(k.Out)
	var inY []float32
	if k.Form == device.Axes {
		inY = floatsOf(k.InY)
	}
	width, height := float32(k.InWidth), float32(k.InHeight)
	return launch(s, func() {
		for row := range k.Count * k.Joints {
			to := out[row*device.JointValues:][:device.JointValues]
			switch k.Form {
			case device.Relative:
				from := in[row*device.JointValues:][:device.JointValues]
				to[0], to[1], to[2] = from[1]*width, from[0]*height, from[2]
			case device.Axes:
				xs, ys := in[row*k.Columns:][:k.Columns], inY[row*k.Rows:][:k.Rows]
				x, y := largest(xs), largest(ys)
				if x < 0 || y < 0 {
					to[0], to[1], to[2] = 0, 0, float32(math.NaN())
					continue
				}
				to[0], to[1] = float32(x)*width/float32(k.Columns), float32(y)*height/float32(k.Rows)
				to[2] = max(0, min(xs[x], ys[y], 1))
			case device.Heatmaps:
				peak(&k, in[row*k.Columns*k.Rows:][:k.Columns*k.Rows], to)
			}
		}
	})
}

// largest is the place of the first largest value; -1 if none is a number.
func largest(values []float32) int {
	at := -1
	for i, v := range values {
		if at < 0 && v == v || at >= 0 && v > values[at] {
			at = i
		}
	}
	return at
}

// peak finds a joint in its heat map.
func peak(k *device.Joints, heat, to []float32) {
	at := largest(heat)
	if at < 0 {
		to[0], to[1], to[2] = 0, 0, float32(math.NaN())
		return
	}
	x, y := at%k.Columns, at/k.Columns
	var dx, dy float32
	if k.Quarter && x > 1 && x < k.Columns-1 && y > 1 && y < k.Rows-1 {
		dx, dy = quarter(heat[at-1], heat[at+1]), quarter(heat[at-k.Columns], heat[at+k.Columns])
	}
	to[0] = (float32(x) + dx) * float32(k.InWidth) / float32(k.Columns)
	to[1] = (float32(y) + dy) * float32(k.InHeight) / float32(k.Rows)
	to[2] = max(0, min(heat[at], 1))
}

func quarter(before, after float32) float32 {
	switch {
	case after > before:
		return .25
	case after < before:
		return -.25
	}
	return 0
}

// anchor is the i-th subject's; -1 beyond the subjects and outside so many anchors.
func (s subjects) anchor(i, anchors int) int {
	if i >= min(int(s.ints[0]), s.limit) {
		return -1
	}
	if at := int(s.ints[recordHeader+recordWords*i+5]); at < anchors {
		return at
	}
	return -1
}

// AnchorJoints: see device.AnchorJoints.
func (kernels) AnchorJoints(s device.Stream, k device.AnchorJoints) error {
	if err := k.Check(); err != nil {
		return err
	}
	list, in, out := newSubjects(k.Subjects, k.Limits), newValues(k.Values), floatsOf(k.Out)
	left, top, atX, atY := float32(k.Fit.Left), float32(k.Fit.Top), 0, 1
	if k.YX {
		atX, atY = 1, 0
	}
	return launch(s, func() {
		for i := range k.Limits.People {
			rows := out[i*k.Joints*device.JointValues:][:k.Joints*device.JointValues]
			anchor := list.anchor(i, k.Anchors)
			if anchor < 0 {
				clear(rows)
				continue
			}
			for j := 0; j < len(rows); j += device.JointValues {
				rows[j] = (in.of(anchor, j+atX)*k.UnitX - left) / k.Fit.ScaleX
				rows[j+1] = (in.of(anchor, j+atY)*k.UnitY - top) / k.Fit.ScaleY
				rows[j+2] = in.of(anchor, j+2)
				if k.Sigmoid {
					rows[j+2] = sigmoid(rows[j+2])
				}
			}
		}
	})
}

// Combine: see device.Combine.
func (kernels) Combine(s device.Stream, k device.Combine) error {
	if err := k.Check(); err != nil {
		return err
	}
	list, coefficients := newSubjects(k.Subjects, k.Limits), newValues(k.Coefficients)
	prototypes, out, plane := floatsOf(k.Prototypes), floatsOf(k.Out), k.Width*k.Height
	perX, perY := float32(k.Width)/float32(k.InWidth), float32(k.Height)/float32(k.InHeight)
	return launch(s, func() {
		for i := range k.Limits.People {
			anchor := list.anchor(i, k.Anchors)
			if anchor < 0 {
				continue
			}
			box, _ := list.box(i)
			sums := out[i*plane:][:plane]
			clear(sums)
			fromX, toX := cells(box[0], box[2], k.Fit.ScaleX, float32(k.Fit.Left), perX, k.Width)
			fromY, toY := cells(box[1], box[3], k.Fit.ScaleY, float32(k.Fit.Top), perY, k.Height)
			for p := range k.Count {
				c, from := coefficients.of(anchor, p), prototypes[p*plane:][:plane]
				for y := fromY; y <= toY; y++ {
					for x := fromX; x <= toX; x++ {
						sums[y*k.Width+x] += c * from[y*k.Width+x]
					}
				}
			}
		}
	})
}

// cells are those that a box's edge and the two next to it fall on.
func cells(lo, hi, scale, before, perPixel float32, size int) (from, to int) {
	first := float32(math.Floor(float64((lo*scale+before)*perPixel-.5))) - 1
	last := float32(math.Ceil(float64((hi*scale+before)*perPixel-.5))) + 1
	if first > 0 {
		from = int(min(first, float32(size)))
	}
	to = size - 1
	if last < float32(size-1) {
		to = int(max(last, -1))
	}
	return from, to
}

// Margin: see device.Margin.
func (kernels) Margin(s device.Stream, k device.Margin) error {
	if err := k.Check(); err != nil {
		return err
	}
	in, out := floatsOf(k.In), floatsOf(k.Out)
	return launch(s, func() {
		for i := range k.Count {
			item := in[i*k.Channels*k.Cells:][:k.Channels*k.Cells]
			for cell := range k.Cells {
				own, other, any := item[k.Channel*k.Cells+cell], float32(0), false
				for c := range k.Channels {
					if c == k.Channel {
						continue
					}
					v := item[c*k.Cells+cell]
					if any {
						v = max(other, v)
					}
					other, any = v, true
				}
				out[i*k.Cells+cell] = own
				if any {
					out[i*k.Cells+cell] = own - other
				}
			}
		}
	})
}

// partials is how many sums a softmax is added up in: the threads of the GPU's kernel.
const partials = 128

// Classify: see device.Classify.
func (kernels) Classify(s device.Stream, k device.Classify) error {
	if err := k.Check(); err != nil {
		return err
	}
	in, ints, floats := floatsOf(k.In), intsOf(k.Out), floatsOf(k.Out)
	return launch(s, func() {
		for i := range k.Count {
			to := 2 * (k.First + i)
			class, score := classify(in[i*k.Classes:][:k.Classes], k.Activation)
			ints[to], floats[to+1] = int32(class), score
		}
	})
}

func classify(values []float32, activation device.Activation) (class int, score float32) {
	for _, v := range values {
		if v != v {
			return -1, float32(math.NaN())
		}
	}
	class = largest(values)
	score = values[class]
	switch activation {
	case device.Sigmoid:
		score = sigmoid(score)
	case device.Softmax:
		var sums [partials]float64
		for c, v := range values {
			sums[c%partials] += exponential(float64(v) - float64(score))
		}
		var all float64
		for _, sum := range sums {
			all += sum
		}
		score = float32(1 / all)
	}
	if score-score != 0 { // infinite numbers make it infinite, or no number
		return -1, float32(math.NaN())
	}
	return class, score
}
