package host

import (
	"math"

	"sightline/internal/device"
)

// canvas is a model's input that pixels are written to.
type canvas struct {
	values        []float32
	pixels        device.Pixels
	width, height int
	// plain pixels are written where they belong at once, others by way of row.
	plain bool
	row   [3][]float32
}

func newCanvas(values []float32, p device.Pixels, width, height int) canvas {
	c := canvas{values: values[:3*width*height], pixels: p, width: width, height: height}
	c.plain = !p.Integer && p.Scale == [3]float32{1, 1, 1} && p.Offset == [3]float32{} && !p.BGR && !p.Last
	if !c.plain {
		for i := range c.row {
			c.row[i] = make([]float32, width)
		}
	}
	return c
}

// rows are where width pixels from x, y on are to be put as 0..1; finish then brings them to their place.
func (c *canvas) rows(x, y, width int) (r, g, b []float32) {
	if !c.plain {
		return c.row[0][:width], c.row[1][:width], c.row[2][:width]
	}
	plane, at := c.width*c.height, y*c.width+x
	return c.values[at:][:width], c.values[at+plane:][:width], c.values[at+2*plane:][:width]
}

func (c *canvas) finish(x, y, width int) {
	if c.plain {
		return
	}
	for channel := range 3 {
		from, step, at := c.row[channel][:width], 1, channel*c.width*c.height+y*c.width+x
		if c.pixels.BGR {
			from = c.row[2-channel][:width]
		}
		if c.pixels.Last {
			step, at = 3, (y*c.width+x)*3+channel
		}
		scale, offset := c.pixels.Scale[channel], c.pixels.Offset[channel]
		for i, v := range from {
			v = v*scale + offset
			if c.pixels.Integer {
				v = math.Float32frombits(uint32(int32(math.RoundToEven(float64(v)))))
			}
			c.values[at+i*step] = v
		}
	}
}

// pad fills what is beside a picture.
func (c *canvas) pad(left, top, width, height int) {
	for y := range c.height {
		if y < top || y >= top+height {
			c.fill(0, y, c.width)
			continue
		}
		c.fill(0, y, left)
		c.fill(left+width, y, c.width-left-width)
	}
}

func (c *canvas) fill(x, y, width int) {
	r, g, b := c.rows(x, y, width)
	for i := range r {
		r[i], g[i], b[i] = c.pixels.Pad, c.pixels.Pad, c.pixels.Pad
	}
	c.finish(x, y, width)
}
