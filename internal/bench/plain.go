package bench

import (
	"math"
	"slices"

	"sightline/internal/device"
)

// box is a detected object in picture pixels.
type box struct {
	x1, y1, x2, y2, score float32
	class                 int
}

const side = 416 // of the detector's input

// detect runs the detector on the picture and leaves what it found in boxes, best first.
func (l *loop) detect() error {
	p, err := l.prepare(0, 1)
	if err != nil {
		return err
	}
	fit := device.NewFit(l.width, l.height, side, side)
	clear(p.in)
	l.sample(p.in, [4]float32{0, 0, float32(l.width), float32(l.height)}, side, side*side, fit.Width, fit.Height, fit.Left, fit.Top)
	if err := p.call.Run(); err != nil {
		return err
	}
	scores, boxes := p.outs[0], p.outs[1]
	if len(scores) < len(boxes) {
		scores, boxes = boxes, scores
	}
	l.boxes = l.boxes[:0]
	classes := 80
	for a := range len(boxes) / 4 {
		row := scores[a*classes:][:classes]
		best := 0
		for c, v := range row {
			if v > row[best] {
				best = c
			}
		}
		if row[best] < .4 {
			continue
		}
		x := func(v float32) float32 { return min(max((v-float32(fit.Left))/fit.ScaleX, 0), float32(l.width)) }
		y := func(v float32) float32 { return min(max((v-float32(fit.Top))/fit.ScaleY, 0), float32(l.height)) }
		b := boxes[4*a:]
		l.boxes = append(l.boxes, box{x(b[0]), y(b[1]), x(b[2]), y(b[3]), row[best], best})
	}
	l.boxes = suppress(l.boxes)
	return nil
}

// suppress is non-maximum suppression by class, in place.
func suppress(list []box) []box {
	slices.SortStableFunc(list, func(a, b box) int {
		switch {
		case a.score > b.score:
			return -1
		case a.score < b.score:
			return 1
		}
		return 0
	})
	kept := list[:0]
next:
	for _, b := range list {
		for _, k := range kept {
			w, h := min(b.x2, k.x2)-max(b.x1, k.x1), min(b.y2, k.y2)-max(b.y1, k.y1)
			if b.class != k.class || w <= 0 || h <= 0 {
				continue
			}
			if union := (b.x2-b.x1)*(b.y2-b.y1) + (k.x2-k.x1)*(k.y2-k.y1) - w*h; w*h > .5*union {
				continue next
			}
		}
		kept = append(kept, b)
	}
	return kept
}

// sample resizes a region of the picture (BT.601, limited range) bilinearly to width x height at left,
// top of a planar float32 picture whose rows have stride values and whose planes have plane.
func (l *loop) sample(out []float32, r [4]float32, stride, plane, width, height, left, top int) {
	luma, chroma, pitch := l.nv12, l.nv12[l.width*l.height:], (l.width+1)/2*2
	cw, ch := (l.width+1)/2, (l.height+1)/2
	if cap(l.columns) < width {
		l.columns = make([]column, width)
	}
	columns := l.columns[:width]
	for x := range columns {
		c := &columns[x]
		sx := float64(r[0]) + (float64(x)+.5)*float64(r[2]-r[0])/float64(width) - .5
		c.xa, c.xb, c.fx = taps(sx, l.width)
		c.ua, c.ub, c.fu = taps((sx+.5)/2-.5, cw)
		c.ua, c.ub = 2*c.ua, 2*c.ub
	}
	for y := range height {
		sy := float64(r[1]) + (float64(y)+.5)*float64(r[3]-r[1])/float64(height) - .5
		ya, yb, fy := taps(sy, l.height)
		va, vb, fv := taps((sy+.5)/2-.5, ch)
		rowA, rowB := luma[ya*l.width:][:l.width], luma[yb*l.width:][:l.width]
		chromaA, chromaB := chroma[va*pitch:][:pitch], chroma[vb*pitch:][:pitch]
		at := (top+y)*stride + left
		red, green, blue := out[at:][:width], out[plane+at:][:width], out[2*plane+at:][:width]
		for x := range columns {
			c := &columns[x]
			l0 := mix(mix(rowA[c.xa], rowA[c.xb], c.fx), mix(rowB[c.xa], rowB[c.xb], c.fx), fy)
			u := mix(mix(chromaA[c.ua], chromaA[c.ub], c.fu), mix(chromaB[c.ua], chromaB[c.ub], c.fu), fv) - 128
			v := mix(mix(chromaA[c.ua+1], chromaA[c.ub+1], c.fu), mix(chromaB[c.ua+1], chromaB[c.ub+1], c.fu), fv) - 128
			luminance := (l0 - 16) * (255. / 219)
			red[x] = clamp(luminance + 1.59602679*v)
			green[x] = clamp(luminance - .39176229*u - .81296765*v)
			blue[x] = clamp(luminance + 2.01723214*u)
		}
	}
}

// column is where a target column lies in the picture.
type column struct {
	xa, xb, ua, ub int
	fx, fu         float32
}

func taps(s float64, size int) (a, b int, f float32) {
	floor := math.Floor(s)
	i := int(floor)
	return min(max(i, 0), size-1), min(max(i+1, 0), size-1), float32(s - floor)
}

type number interface{ ~uint8 | ~float32 }

func mix[T number](a, b T, f float32) float32 { return float32(a) + (float32(b)-float32(a))*f }

func clamp(v float32) float32 { return min(max(v, 0), 255) / 255 }
