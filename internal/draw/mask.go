package draw

import (
	"image"
	"image/color"

	"sightline/internal/result"
	"sightline/internal/result/rle"
)

// mask tints a mask's pixels, so strongly, and draws a fine line round them.
func (c *canvas) mask(m *result.Mask, tint color.RGBA, strength float64) {
	bits, ok := c.decode(m)
	if !ok {
		return
	}
	roi := image.Rect(m.ROI[0], m.ROI[1], m.ROI[2], m.ROI[3])
	size := c.img.Bounds().Size()
	area := image.Rect(int(float32(roi.Min.X)*c.sx), int(float32(roi.Min.Y)*c.sy),
		int(float32(roi.Max.X)*c.sx)+1, int(float32(roi.Max.Y)*c.sy)+1).Intersect(image.Rectangle{Max: size})
	inside := func(x, y int) bool {
		q := image.Pt(int((float32(x)+0.5)/c.sx), int((float32(y)+0.5)/c.sy))
		if !q.In(roi) {
			return false
		}
		i := (q.X-roi.Min.X)*roi.Dy() + q.Y - roi.Min.Y
		return bits[i/8]>>(i%8)&1 != 0
	}
	fill, edge := alpha(tint, strength), alpha(tint, 2.5*strength)
	for y := area.Min.Y; y < area.Max.Y; y++ {
		for x := area.Min.X; x < area.Max.X; x++ {
			if !inside(x, y) {
				continue
			}
			col := fill
			if !inside(x-1, y) || !inside(x+1, y) || !inside(x, y-1) || !inside(x, y+1) {
				col = edge
			}
			c.blend(x, y, col)
		}
	}
}

// decode returns a mask's bits, column by column; false if there is no mask that can be drawn.
func (c *canvas) decode(m *result.Mask) ([]byte, bool) {
	const limit = 1 << 16
	if m == nil {
		return nil, false
	}
	w, h := m.ROI[2]-m.ROI[0], m.ROI[3]-m.ROI[1]
	for _, v := range m.ROI {
		if v < 0 || v > limit {
			return nil, false
		}
	}
	size := c.img.Bounds().Size()
	if w <= 0 || h <= 0 || m.Size != [2]int{h, w} || float32(m.ROI[2])*c.sx > float32(size.X)+1 || float32(m.ROI[3])*c.sy > float32(size.Y)+1 {
		return nil, false
	}
	bits, err := rle.Decode(string(m.Counts), h*w)
	return bits, err == nil
}

func (c *canvas) blend(x, y int, col color.RGBA) {
	min := c.img.Bounds().Min
	p := c.img.Pix[c.img.PixOffset(min.X+x, min.Y+y):][:4:4]
	rest := 255 - uint32(col.A)
	for i, v := range [4]uint8{col.R, col.G, col.B, col.A} {
		p[i] = v + uint8((uint32(p[i])*rest+127)/255)
	}
}
