package draw

import (
	"encoding/json"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"math"
	"os"
	"testing"

	"sightline/internal/result"
	"sightline/internal/result/rle"
)

// plaza is the golden picture with its golden objects. The golden file has no masks, so each person
// gets one made of thick limbs.
func plaza(t testing.TB) (*image.RGBA, *result.Frame) {
	t.Helper()
	file, err := os.Open("../golden/plaza.png")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	decoded, err := png.Decode(file)
	if err != nil {
		t.Fatal(err)
	}
	img := image.NewRGBA(decoded.Bounds())
	draw.Draw(img, img.Bounds(), decoded, image.Point{}, draw.Src)

	text, err := os.ReadFile("../golden/plaza.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		Width, Height int
		Detections    []struct {
			Name      string
			Score     float32
			Box       result.Box
			Keypoints []result.Keypoint
			ROI       []float32 `json:"mask_roi"`
		}
	}
	if err := json.Unmarshal(text, &golden); err != nil {
		t.Fatal(err)
	}
	f := &result.Frame{Camera: "plaza", Width: golden.Width, Height: golden.Height}
	for i, d := range golden.Detections {
		o := result.Object{Track: int64(i + 1), Class: d.Name, Score: d.Score, Box: d.Box, Keypoints: d.Keypoints}
		if len(d.ROI) == 4 {
			o.Mask = limbs(o, [4]int{int(d.ROI[0]), int(d.ROI[1]), int(d.ROI[2]) + 1, int(d.ROI[3]) + 1})
		}
		f.Objects = append(f.Objects, o)
	}
	return img, f
}

// limbs is a mask of all pixels near a bone.
func limbs(o result.Object, roi [4]int) *result.Mask {
	w, h := roi[2]-roi[0], roi[3]-roi[1]
	bits := make([]byte, (w*h+7)/8)
	reach := float64(o.Box.Height()) / 16
	for x := range w {
		for y := range h {
			px, py := float64(roi[0]+x)+0.5, float64(roi[1]+y)+0.5
			for _, b := range result.Bones {
				a, b := o.Keypoints[b[0]], o.Keypoints[b[1]]
				ax, ay, dx, dy := float64(a[0]), float64(a[1]), float64(b[0]-a[0]), float64(b[1]-a[1])
				along := min(max(((px-ax)*dx+(py-ay)*dy)/(dx*dx+dy*dy+1e-9), 0), 1)
				if math.Hypot(px-ax-along*dx, py-ay-along*dy) < reach {
					bits[(x*h+y)/8] |= 1 << ((x*h + y) % 8)
				}
			}
		}
	}
	return &result.Mask{ROI: roi, Size: [2]int{h, w}, Counts: rle.Append(nil, bits, w*h)}
}

// TestAnnotatePlaza checks that a real scene keeps its people in sight. With DRAW_OUT set it leaves the
// picture there for a look.
func TestAnnotatePlaza(t *testing.T) {
	img, f := plaza(t)
	before := image.NewRGBA(img.Bounds())
	copy(before.Pix, img.Pix)
	Annotate(img, f)
	if path := os.Getenv("DRAW_OUT"); path != "" {
		text, err := PNG(img)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	c := newCanvas(before, f)
	near := image.Rectangle{}
	for i := range f.Objects {
		o := &f.Objects[i]
		r, ok := c.rectangle(o.Box)
		if !ok {
			t.Fatalf("object %d has no place in the picture", i)
		}
		near = near.Union(r)
		if got := distance(img.RGBAAt(r.Min.X, r.Max.Y-1), Color(o.Track)); got > 40 {
			t.Errorf("object %d: its frame is %d off its colour", i, got)
		}
		kept := 0
		for y := r.Min.Y; y < r.Max.Y; y++ {
			for x := r.Min.X; x < r.Max.X; x++ {
				if distance(img.RGBAAt(x, y), before.RGBAAt(x, y)) < 200 {
					kept++
				}
			}
		}
		if share := float64(kept) / float64(area(r)); share < 0.5 {
			t.Errorf("object %d: only %.0f%% of it can still be seen", i, 100*share)
		}
	}
	far := near.Inset(-60)
	for y := range img.Bounds().Dy() {
		for x := range img.Bounds().Dx() {
			if !image.Pt(x, y).In(far) && img.RGBAAt(x, y) != before.RGBAAt(x, y) {
				t.Fatalf("pixel %d,%d far from everything has changed", x, y)
			}
		}
	}
}

// distance is the sum of the differences of two colours.
func distance(a, b color.RGBA) int {
	d := func(x, y uint8) int { return max(int(x)-int(y), int(y)-int(x)) }
	return d(a.R, b.R) + d(a.G, b.G) + d(a.B, b.B)
}
