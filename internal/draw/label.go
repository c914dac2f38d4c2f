package draw

import (
	"fmt"
	"image"
	"image/color"
	"math"
	"strings"

	"golang.org/x/image/font"
	"golang.org/x/image/math/fixed"

	"sightline/internal/result"
)

// label is a track's number, with #N for who it is, on the track's colour and a text on dark ground beside it, which
// ends in the object's attributes.
type label struct {
	number, text string
	split        int // width of the number's part
	size         image.Point
}

// labels places each object's label near its box where it hides least, and draws them.
func (c *canvas) labels(objects []result.Object) {
	boxes := make([]image.Rectangle, len(objects))
	for i := range objects {
		if r, ok := c.rectangle(objects[i].Box); ok {
			boxes[i] = r
		}
	}
	placed := make([]image.Rectangle, 0, len(objects))
	for i := range objects {
		if boxes[i].Empty() {
			continue
		}
		l := c.label(&objects[i])
		r := place(l.size, boxes, i, placed, c.img.Bounds())
		placed = append(placed, r)
		c.drawLabel(l, r, Color(objects[i].Track))
	}
}

func (c *canvas) label(o *result.Object) label {
	l := label{text: fmt.Sprintf("%s %.0f%%", plain(o.Class), 100*min(max(float64(o.Score), 0), 1))}
	if o.Track > 0 {
		l.number = fmt.Sprint(o.Track)
		if o.Identity > 0 {
			l.number += fmt.Sprintf(" #%d", o.Identity)
		}
	}
	for _, a := range o.Attributes {
		l.text += ", " + plain(a.Class)
	}
	c.measure(&l)
	return l
}

// measure makes room for a label's two parts.
func (c *canvas) measure(l *label) {
	pad := c.padding()
	metrics := c.face.Metrics()
	height := (metrics.Ascent + metrics.Descent).Ceil()
	if l.number != "" {
		l.split = font.MeasureString(c.face, l.number).Ceil() + 2*pad
	}
	l.size = image.Pt(l.split+font.MeasureString(c.face, l.text).Ceil()+2*pad, height)
}

// areaColor is the colour of a picture's i-th area: areas of one picture must differ.
func areaColor(i int) color.RGBA { return Color(int64(i) + 1) }

// legend names the areas at the left bottom, each on its colour beside its share of the picture.
func (c *canvas) legend(areas []result.Area) {
	at := image.Pt(c.img.Bounds().Min.X+4, c.img.Bounds().Max.Y-4)
	for i := len(areas) - 1; i >= 0; i-- {
		a := &areas[i]
		l := label{number: plain(a.Class), text: fmt.Sprintf("%.0f%%", 100*min(max(float64(a.Share), 0), 1))}
		c.measure(&l)
		at.Y -= l.size.Y + 1
		c.drawLabel(l, image.Rectangle{Min: at, Max: at.Add(l.size)}, areaColor(i))
	}
}

func (c *canvas) padding() int { return int(2*c.line + 0.5) }

// plain keeps a class name short and printable.
func plain(s string) string {
	s = strings.ReplaceAll(s, "_", " ")
	if r := []rune(s); len(r) > 24 {
		s = string(r[:23]) + "…"
	}
	return s
}

// place chooses among the places round a box: the one that covers the fewest pixels of other labels
// (which would be unreadable) and of boxes, the earlier of equals.
func place(size image.Point, boxes []image.Rectangle, own int, placed []image.Rectangle, bounds image.Rectangle) image.Rectangle {
	b := boxes[own]
	left, right := b.Min.X-1, b.Max.X-size.X+1
	above, below := b.Min.Y-size.Y-2, b.Max.Y+2
	centre := (b.Min.X + b.Max.X - size.X) / 2
	best, bestCost := image.Rectangle{}, math.MaxInt
	for order, at := range [...]image.Point{
		{left, above}, {right, above}, {centre, above}, {left, below}, {right, below}, {centre, below},
		{b.Max.X + 3, b.Min.Y}, {b.Min.X - size.X - 3, b.Min.Y},
		{left, above - size.Y - 1}, {right, above - size.Y - 1}, {left, below + size.Y + 1}, {right, below + size.Y + 1},
	} {
		r := inside(image.Rectangle{Min: at, Max: at.Add(size)}, bounds)
		cost := order * size.Y / 2
		for _, p := range placed {
			cost += 6 * area(r.Intersect(p))
		}
		for _, o := range boxes {
			cost += area(r.Intersect(o))
		}
		if cost < bestCost {
			best, bestCost = r, cost
		}
	}
	return best
}

// inside moves a rectangle into the image as far as it fits.
func inside(r, bounds image.Rectangle) image.Rectangle {
	r = r.Add(image.Pt(min(bounds.Max.X-r.Max.X, 0), min(bounds.Max.Y-r.Max.Y, 0)))
	return r.Add(image.Pt(max(bounds.Min.X-r.Min.X, 0), max(bounds.Min.Y-r.Min.Y, 0)))
}

func area(r image.Rectangle) int { return r.Dx() * r.Dy() }

func (c *canvas) drawLabel(l label, r image.Rectangle, col color.RGBA) {
	radius := 1.6 * c.line
	c.paint.rounded(r, radius)
	c.paint.fill(alpha(black, 0.62))
	pad := c.padding()
	base := r.Min.Y + c.face.Metrics().Ascent.Round()
	if l.split > 0 {
		c.paint.rounded(image.Rect(r.Min.X, r.Min.Y, r.Min.X+l.split, r.Max.Y), radius)
		c.paint.fill(col)
		c.write(l.number, r.Min.X+pad, base, contrast(col))
	}
	c.write(l.text, r.Min.X+l.split+pad, base, white)
}

func (c *canvas) write(s string, x, y int, col color.RGBA) {
	d := font.Drawer{Dst: c.img, Src: image.NewUniform(col), Face: c.face, Dot: fixed.P(x, y)}
	d.DrawString(s)
}

// contrast is black or white, whichever is easier to read on a colour.
func contrast(c color.RGBA) color.RGBA {
	if 299*int(c.R)+587*int(c.G)+114*int(c.B) > 120_000 {
		return black
	}
	return white
}
