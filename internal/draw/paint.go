package draw

import (
	"image"
	"image/color"
	"image/draw"
	"math"

	"golang.org/x/image/vector"
)

// point is a place in image pixels, from the image's upper left corner.
type point struct{ x, y float32 }

// within says that a point lies in a picture of that size or not far outside. It is false for what is
// not a number.
func (p point) within(w, h float32) bool {
	return p.x >= -w/2 && p.x <= 1.5*w && p.y >= -h/2 && p.y <= 1.5*h
}

func (p point) distance(q point) float32 {
	return float32(math.Hypot(float64(p.x-q.x), float64(p.y-q.y)))
}

// painter fills smooth shapes. Shapes are collected until fill, and count once where they overlap.
type painter struct {
	img    *image.RGBA
	shapes [][]point
}

// segment adds a line of some width, with flat ends: the joints' discs round them.
func (p *painter) segment(a, b point, width float32) {
	dx, dy := b.x-a.x, b.y-a.y
	length := a.distance(b)
	if length < 0.01 {
		return
	}
	nx, ny := -dy/length*width/2, dx/length*width/2
	p.shapes = append(p.shapes, []point{{a.x + nx, a.y + ny}, {b.x + nx, b.y + ny}, {b.x - nx, b.y - ny}, {a.x - nx, a.y - ny}})
}

// disc adds a circle, going round in the same sense as a segment does so that overlaps do not cancel.
func (p *painter) disc(c point, radius float32) {
	const corners = 12
	shape := make([]point, corners)
	for i := range shape {
		sin, cos := math.Sincos(-2 * math.Pi * float64(i) / corners)
		shape[i] = point{c.x + radius*float32(cos), c.y + radius*float32(sin)}
	}
	p.shapes = append(p.shapes, shape)
}

// rounded adds a rectangle with round corners.
func (p *painter) rounded(r image.Rectangle, radius float32) {
	r = r.Sub(p.img.Bounds().Min)
	x0, y0, x1, y1 := float32(r.Min.X), float32(r.Min.Y), float32(r.Max.X), float32(r.Max.Y)
	var shape []point
	for corner, c := range [4]point{{x1 - radius, y0 + radius}, {x0 + radius, y0 + radius}, {x0 + radius, y1 - radius}, {x1 - radius, y1 - radius}} {
		for i := range 5 {
			sin, cos := math.Sincos(math.Pi / 2 * (float64(corner) + float64(i)/4))
			shape = append(shape, point{c.x + radius*float32(cos), c.y - radius*float32(sin)})
		}
	}
	p.shapes = append(p.shapes, shape)
}

// fill paints the collected shapes and forgets them. Only the part of the image that they touch is
// gone over.
func (p *painter) fill(c color.RGBA) {
	shapes := p.shapes
	p.shapes = p.shapes[:0]
	if len(shapes) == 0 {
		return
	}
	lo, hi := shapes[0][0], shapes[0][0]
	for _, s := range shapes {
		for _, q := range s {
			lo, hi = point{min(lo.x, q.x), min(lo.y, q.y)}, point{max(hi.x, q.x), max(hi.y, q.y)}
		}
	}
	bounds := p.img.Bounds()
	area := image.Rect(int(math.Floor(float64(lo.x))), int(math.Floor(float64(lo.y))),
		int(math.Ceil(float64(hi.x))), int(math.Ceil(float64(hi.y))))
	area = area.Intersect(image.Rectangle{Max: bounds.Size()})
	if area.Empty() {
		return
	}
	r := vector.NewRasterizer(area.Dx(), area.Dy())
	left, top := float32(area.Min.X), float32(area.Min.Y)
	for _, s := range shapes {
		r.MoveTo(s[0].x-left, s[0].y-top)
		for _, q := range s[1:] {
			r.LineTo(q.x-left, q.y-top)
		}
		r.ClosePath()
	}
	r.Draw(p.img, area.Add(bounds.Min), image.NewUniform(c), image.Point{})
}

// frame paints the border of a rectangle, width pixels inwards, sharp on the pixel grid.
func (p *painter) frame(r image.Rectangle, width int, c color.RGBA) {
	if r.Dx() <= 2*width || r.Dy() <= 2*width {
		p.rectangle(r, c)
		return
	}
	p.rectangle(image.Rect(r.Min.X, r.Min.Y, r.Max.X, r.Min.Y+width), c)
	p.rectangle(image.Rect(r.Min.X, r.Max.Y-width, r.Max.X, r.Max.Y), c)
	p.rectangle(image.Rect(r.Min.X, r.Min.Y+width, r.Min.X+width, r.Max.Y-width), c)
	p.rectangle(image.Rect(r.Max.X-width, r.Min.Y+width, r.Max.X, r.Max.Y-width), c)
}

func (p *painter) rectangle(r image.Rectangle, c color.RGBA) {
	draw.Draw(p.img, r, image.NewUniform(c), image.Point{}, draw.Over)
}
