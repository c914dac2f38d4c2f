// Package draw makes pictures for people out of results: boxes, tracks, skeletons and masks over the
// camera's picture. It runs where somebody asked to see something, never on the frame path.
package draw

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"math"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gomedium"
	"golang.org/x/image/font/opentype"

	"sightline/internal/result"
)

// jointMin is the score that a joint must exceed to be drawn.
const jointMin = 0.3

// faceJoints is how many of the first joints belong to the face.
const faceJoints = 5

var (
	black = color.RGBA{0, 0, 0, 255}
	white = color.RGBA{255, 255, 255, 255}
)

// Annotate draws f's areas and objects into img: areas with a legend, masks, then boxes and skeletons, then labels,
// each in the colour of its track; and the boxes of tracks that are not seen, faint and without a label. img shows the
// picture that f speaks of at any size; lines and letters grow with it. An object whose box or mask makes no sense (not
// finite, not inside the picture) is drawn without it.
func Annotate(img *image.RGBA, f *result.Frame) {
	bounds := img.Bounds()
	if bounds.Empty() || len(f.Objects)+len(f.Unseen)+len(f.Areas) == 0 {
		return
	}
	c := newCanvas(img, f)
	for i, a := range f.Areas {
		c.mask(a.Mask, areaColor(i), 0.2)
	}
	for i := range f.Unseen {
		c.unseen(&f.Unseen[i])
	}
	for _, o := range f.Objects {
		c.mask(o.Mask, Color(o.Track), 0.3)
	}
	for i := range f.Objects {
		c.box(&f.Objects[i])
	}
	for i := range f.Objects {
		c.skeleton(&f.Objects[i])
	}
	c.labels(f.Objects)
	c.legend(f.Areas)
}

// JPEG encodes a picture; quality is 1..100, 0 stands for 90.
func JPEG(img image.Image, quality int) ([]byte, error) {
	if quality == 0 {
		quality = 90
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: quality}); err != nil {
		return nil, fmt.Errorf("encode %v picture as JPEG: %w", img.Bounds().Size(), err)
	}
	return b.Bytes(), nil
}

// PNG encodes a picture without loss.
func PNG(img image.Image) ([]byte, error) {
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		return nil, fmt.Errorf("encode %v picture as PNG: %w", img.Bounds().Size(), err)
	}
	return b.Bytes(), nil
}

// canvas is a picture with the scale of what is drawn into it.
type canvas struct {
	img    *image.RGBA
	sx, sy float32 // image pixels per picture pixel
	line   float32 // width of thin lines in image pixels
	face   font.Face
	paint  painter
}

func newCanvas(img *image.RGBA, f *result.Frame) *canvas {
	size := img.Bounds().Size()
	c := &canvas{img: img, sx: 1, sy: 1, paint: painter{img: img}}
	if f.Width > 0 && f.Height > 0 {
		c.sx, c.sy = float32(size.X)/float32(f.Width), float32(size.Y)/float32(f.Height)
	}
	// Everything was chosen to look right at 768x576; smaller pictures keep legible letters.
	scale := min(max(float32(math.Sqrt(float64(size.X)*float64(size.Y)/(768*576))), 1), 6)
	c.line = 1.25 * scale
	c.face = newFace(float64(10.5 * scale))
	return c
}

// newFace makes the embedded font ready. The font is part of the program, so it can only fail if the
// program is broken.
func newFace(pixels float64) font.Face {
	parsed, err := opentype.Parse(gomedium.TTF)
	if err != nil {
		panic(fmt.Sprintf("draw: embedded font: %v", err))
	}
	face, err := opentype.NewFace(parsed, &opentype.FaceOptions{Size: pixels, DPI: 72, Hinting: font.HintingFull})
	if err != nil {
		panic(fmt.Sprintf("draw: embedded font at %g pixels: %v", pixels, err))
	}
	return face
}

// rectangle is an object's box in image pixels, cut to the image; false if nothing of it is there.
func (c *canvas) rectangle(b result.Box) (image.Rectangle, bool) {
	size := c.img.Bounds().Size()
	at := func(v, scale float32, limit int) int {
		return int(math.Round(float64(min(max(v*scale, 0), float32(limit)))))
	}
	for _, v := range b {
		if v != v {
			return image.Rectangle{}, false
		}
	}
	r := image.Rectangle{
		Min: image.Pt(at(b[0], c.sx, size.X), at(b[1], c.sy, size.Y)),
		Max: image.Pt(at(b[2], c.sx, size.X), at(b[3], c.sy, size.Y)),
	}
	return r.Add(c.img.Bounds().Min), r.Dx() > 0 && r.Dy() > 0
}

// box draws a thin frame with a dark seam inside and outside, so that it shows on any ground.
func (c *canvas) box(o *result.Object) {
	r, ok := c.rectangle(o.Box)
	if !ok {
		return
	}
	width := max(int(c.line+0.25), 1)
	c.paint.frame(r.Inset(-1), 1, alpha(black, 0.35))
	c.paint.frame(r.Inset(width), 1, alpha(black, 0.25))
	c.paint.frame(r, width, alpha(Color(o.Track), 0.95))
}

// unseen draws a thin frame that what is seen goes over.
func (c *canvas) unseen(u *result.Unseen) {
	if r, ok := c.rectangle(u.TrackBox); ok {
		c.paint.frame(r, max(int(c.line+0.25), 1), alpha(Color(u.Track), 0.4))
	}
}

// joints draws those of a model whose bones are not known.
func (c *canvas) joints(o *result.Object) {
	size := c.img.Bounds().Size()
	for _, k := range o.Keypoints {
		at := point{k[0] * c.sx, k[1] * c.sy}
		if k[2] > jointMin && at.within(float32(size.X), float32(size.Y)) {
			c.paint.disc(at, c.line*0.8)
		}
	}
	c.paint.fill(mix(Color(o.Track), white, 0.55))
}

// skeleton draws bones and joints in a light tint of the track's colour over a dark seam.
func (c *canvas) skeleton(o *result.Object) {
	if len(o.Keypoints) != len(result.Joints) {
		c.joints(o)
		return
	}
	size := c.img.Bounds().Size()
	var at [len(result.Joints)]point
	var seen [len(result.Joints)]bool
	for i, k := range o.Keypoints {
		at[i] = point{k[0] * c.sx, k[1] * c.sy}
		seen[i] = k[2] > jointMin && at[i].within(float32(size.X), float32(size.Y))
	}
	// A face of a few pixels must not vanish under its five joints: they get smaller dots, and no bones
	// where those would be shorter than the dots are wide.
	strokes := func(width, radius float32, col color.RGBA) {
		for _, b := range result.Bones {
			if seen[b[0]] && seen[b[1]] && (b[1] >= faceJoints || at[b[0]].distance(at[b[1]]) > 4*width) {
				c.paint.segment(at[b[0]], at[b[1]], width)
			}
		}
		for i := range at {
			if !seen[i] {
				continue
			}
			if i < faceJoints {
				c.paint.disc(at[i], radius*0.55)
			} else {
				c.paint.disc(at[i], radius)
			}
		}
		c.paint.fill(col)
	}
	strokes(c.line+1, c.line*1.1+0.5, alpha(black, 0.45))
	strokes(c.line, c.line*1.1, mix(Color(o.Track), white, 0.55))
}
