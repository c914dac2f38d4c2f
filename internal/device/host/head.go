package host

import (
	"encoding/binary"
	"math"

	"sightline/internal/device"
)

// values reads device.Values.
type values struct {
	floats       []float32
	anchor, item int
}

func newValues(v device.Values) values {
	if v.Buffer == nil {
		return values{}
	}
	return values{floatsOf(v.Buffer)[v.Offset:], v.Anchor, v.Item}
}

func (v *values) there() bool                 { return v.floats != nil }
func (v *values) of(anchor, item int) float32 { return v.floats[anchor*v.anchor+item*v.item] }

// head reads a detector's raw output.
type head struct {
	scores, objectness, labels, boxes values
	device.Head
	// whole are labels of integers.
	whole []byte
}

func newHead(k *device.Select) head {
	h := k.Head
	made := head{scores: newValues(h.Scores), objectness: newValues(h.Objectness), labels: newValues(h.Labels), boxes: newValues(h.Boxes), Head: h}
	if h.LabelType != device.Float32 {
		made.whole = bytesOf(h.Labels.Buffer)
	}
	return made
}

// label is the class that an anchor tells: -1 if there is no such class, -2 if it is not a number.
func (h *head) label(anchor, classes int) int {
	at := h.Labels.Offset + anchor*h.Labels.Anchor
	var label int64
	switch h.LabelType {
	case device.Int32:
		label = int64(int32(binary.LittleEndian.Uint32(h.whole[4*at:])))
	case device.Int64:
		label = int64(binary.LittleEndian.Uint64(h.whole[8*at:]))
	default:
		v := h.labels.of(anchor, 0)
		if v != v {
			return -2
		}
		if !(v >= 0 && v < float32(classes)) {
			return -1
		}
		label = int64(v)
	}
	if label < 0 || label >= int64(classes) {
		return -1
	}
	return int(label)
}

// exponential is e to the x, in operations that round the same everywhere; off by less than 1e-15 of itself.
func exponential(x float64) float64 {
	if x != x {
		return x
	}
	x = max(-708, min(x, 709))
	k := math.RoundToEven(x * 1.4426950408889634)
	r, sum := x-k*0.6931471805599453, 1.0
	for i := 13; i > 0; i-- {
		sum = 1 + sum*r/float64(i)
	}
	return sum * math.Float64frombits(uint64(int64(k)+1023)<<52)
}

func sigmoid(x float32) float32 { return float32(1 / (1 + exponential(-float64(x)))) }

// share is what the softmax over an anchor's classes and its background makes of the best class's score.
func (h *head) share(anchor, classes int, score float32) float32 {
	most := score
	if none := h.scores.of(anchor, classes); none > most {
		most = none
	}
	sum := 0.0
	for c := range classes + 1 {
		sum += exponential(float64(h.scores.of(anchor, c)) - float64(most))
	}
	return float32(exponential(float64(score)-float64(most)) / sum)
}

// level is the one that an anchor is of.
func (h *head) level(anchor int) device.Level {
	l := h.Levels[0]
	for _, next := range h.Levels[1:] {
		if anchor >= next.First {
			l = next
		}
	}
	return l
}

// expectation is that of the softmax over the bins of one side.
func (h *head) expectation(anchor, side int) float32 {
	most := float64(h.boxes.of(anchor, side*h.Bins))
	for i := 1; i < h.Bins; i++ {
		most = max(most, float64(h.boxes.of(anchor, side*h.Bins+i)))
	}
	var sum, weighted float64
	for i := range h.Bins {
		e := exponential(float64(h.boxes.of(anchor, side*h.Bins+i)) - most)
		sum += e
		weighted += e * float64(i)
	}
	return float32(weighted / sum)
}

func corners(cx, cy, w, h float32) [4]float32 {
	return [4]float32{cx - w/2, cy - h/2, cx + w/2, cy + h/2}
}

// box is an anchor's in input pixels.
func (h *head) box(anchor int) [4]float32 {
	if h.Form == device.Distances {
		l := h.level(anchor)
		cell := anchor - l.First
		x, y := (float32(cell%l.Columns)+h.Shift)*l.Stride, (float32(cell/l.Columns)+h.Shift)*l.Stride
		return [4]float32{
			x - h.expectation(anchor, 0)*l.Stride, y - h.expectation(anchor, 1)*l.Stride,
			x + h.expectation(anchor, 2)*l.Stride, y + h.expectation(anchor, 3)*l.Stride,
		}
	}
	a, b, c, d := h.boxes.of(anchor, 0), h.boxes.of(anchor, 1), h.boxes.of(anchor, 2), h.boxes.of(anchor, 3)
	switch h.Form {
	case device.Grid:
		l := h.level(anchor)
		cell := anchor - l.First
		return corners((a+float32(cell%l.Columns))*l.Stride, (b+float32(cell/l.Columns))*l.Stride,
			float32(exponential(float64(c)))*l.Stride, float32(exponential(float64(d)))*l.Stride)
	case device.CornersYX:
		return [4]float32{b * h.UnitX, a * h.UnitY, d * h.UnitX, c * h.UnitY}
	case device.Centre:
		return corners(a*h.UnitX, b*h.UnitY, c*h.UnitX, d*h.UnitY)
	}
	return [4]float32{a * h.UnitX, b * h.UnitY, c * h.UnitX, d * h.UnitY}
}
