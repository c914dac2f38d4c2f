package draw

import (
	"bytes"
	"encoding/json"
	"image"
	"image/color"
	"math"
	"testing"

	"sightline/internal/result"
	"sightline/internal/result/rle"
)

// grey is a plain picture, so that everything drawn shows.
func grey(r image.Rectangle) *image.RGBA {
	img := image.NewRGBA(r)
	for i := range img.Pix {
		img.Pix[i] = 100
		if i%4 == 3 {
			img.Pix[i] = 255
		}
	}
	return img
}

func square(roi [4]int) *result.Mask {
	n := (roi[2] - roi[0]) * (roi[3] - roi[1])
	return &result.Mask{ROI: roi, Size: [2]int{roi[3] - roi[1], roi[2] - roi[0]}, Counts: rle.Append(nil, bytes.Repeat([]byte{0xff}, (n+7)/8), n)}
}

func TestMaskLiesInItsRegion(t *testing.T) {
	// A mask of the left half of its region, column-major: the first 5 of 10 columns of 20 pixels.
	m := &result.Mask{ROI: [4]int{30, 40, 40, 60}, Size: [2]int{20, 10}}
	var e rle.Encoder
	e.Reset(nil)
	e.Add(true, 100)
	e.Add(false, 100)
	m.Counts = e.Finish()
	for _, k := range []int{1, 2, 3} {
		for _, min := range []image.Point{{}, {7, -5}} {
			img := grey(image.Rectangle{Max: image.Pt(100*k, 80*k)}.Add(min))
			Annotate(img, &result.Frame{Width: 100, Height: 80, Objects: []result.Object{{Track: 1, Mask: m}}})
			for y := range 80 * k {
				for x := range 100 * k {
					want := x >= 30*k && x < 35*k && y >= 40*k && y < 60*k
					got := img.RGBAAt(min.X+x, min.Y+y)
					if (got != color.RGBA{100, 100, 100, 255}) != want {
						t.Fatalf("scale %d: pixel %d,%d is %v, want masked %v", k, x, y, got, want)
					}
				}
			}
		}
	}
}

func TestAreasAndTheirLegend(t *testing.T) {
	img := grey(image.Rect(0, 0, 200, 200))
	Annotate(img, &result.Frame{Width: 100, Height: 100, Areas: []result.Area{
		{Class: "road", Share: .1, Mask: square([4]int{50, 0, 100, 20})}, {Class: "sky", Share: 7, Mask: &result.Mask{ROI: [4]int{0, 0, 300, 300}}}}})
	plain := color.RGBA{100, 100, 100, 255}
	if in, edge, out := img.RGBAAt(150, 20), img.RGBAAt(100, 20), img.RGBAAt(98, 20); in == plain || edge == in || out != plain {
		t.Errorf("inside %v, edge %v, outside %v", in, edge, out)
	}
	seen := map[color.RGBA]bool{}
	for y := 150; y < 200; y++ {
		seen[img.RGBAAt(6, y)] = true
	}
	if !seen[areaColor(0)] || !seen[areaColor(1)] {
		t.Error("the legend does not show the areas' colours")
	}
}

func TestSkeletonNeedsSureJoints(t *testing.T) {
	joints := make([]result.Keypoint, 17)
	joints[5], joints[7], joints[9] = result.Keypoint{20, 20, 0.9}, result.Keypoint{60, 20, 0.31}, result.Keypoint{60, 60, 0.3}
	img := grey(image.Rect(0, 0, 100, 80))
	Annotate(img, &result.Frame{Width: 100, Height: 80, Objects: []result.Object{{Track: 3, Keypoints: joints}}})
	plain := color.RGBA{100, 100, 100, 255}
	if got := img.RGBAAt(40, 19); got.R < 120 {
		t.Errorf("no bone between two sure joints: %v", got)
	}
	if got := img.RGBAAt(60, 40); got != plain {
		t.Errorf("a bone to a joint that is not sure: %v", got)
	}
	if got := img.RGBAAt(0, 0); got != plain {
		t.Errorf("a joint of score 0 is drawn: %v", got)
	}
}

// TestSenselessObjects draws what no sound model says: it must neither panic nor hide the picture.
func TestSenselessObjects(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	joints := make([]result.Keypoint, 17)
	for i := range joints {
		joints[i] = [...]result.Keypoint{{nan, 3, 1}, {inf, 3, 1}, {-inf, inf, 1}, {1e30, -1e30, 1}, {5, 5, nan}}[i%5]
	}
	outside := square([4]int{90, 70, 110, 90})
	short := square([4]int{10, 10, 20, 20})
	short.Counts = short.Counts[:1]
	huge := &result.Mask{ROI: [4]int{0, 0, math.MaxInt, math.MaxInt}, Size: [2]int{math.MaxInt, math.MaxInt}, Counts: result.RLE("0")}
	turned := &result.Mask{ROI: [4]int{20, 20, 10, 10}, Size: [2]int{-10, -10}}
	img := grey(image.Rect(0, 0, 100, 80))
	want := bytes.Clone(img.Pix)
	Annotate(img, &result.Frame{Width: 100, Height: 80, Objects: []result.Object{
		{Box: result.Box{nan, 1, 2, 3}}, {Box: result.Box{50, 50, 40, 40}}, {Box: result.Box{-50, -50, -40, -40}},
		{Box: result.Box{200, 10, 300, 20}}, {Keypoints: joints}, {Keypoints: joints[:3]},
		{Mask: outside}, {Mask: short}, {Mask: huge}, {Mask: turned}, {Mask: &result.Mask{}},
	}})
	if !bytes.Equal(img.Pix, want) {
		t.Error("something was drawn")
	}
	Annotate(img, &result.Frame{Objects: []result.Object{{Track: math.MaxInt64, Score: nan, Box: result.Box{-inf, -1e30, inf, 1e30}}}})
	Annotate(image.NewRGBA(image.Rectangle{}), &result.Frame{Objects: make([]result.Object, 1)})
	for _, size := range []image.Point{{1, 1}, {3, 200}, {4000, 2}} {
		small := grey(image.Rectangle{Max: size})
		Annotate(small, &result.Frame{Width: 100, Height: 80, Objects: []result.Object{{Track: 1, Class: "person", Box: result.Box{0, 0, 100, 80}}}})
	}
}

func FuzzAnnotate(f *testing.F) {
	f.Add(`{"width":100,"height":80,"objects":[{"track":1,"class":"person","score":0.5,"box":[10,10,30,60],
		"keypoints":[[1,2,1],[3,4,1],[5,6,1],[7,8,1],[9,9,1],[1,2,1],[3,4,1],[5,6,1],[7,8,1],[9,9,1],[1,2,1],[3,4,1],[5,6,1],[7,8,1],[9,9,1],[1,2,1],[3,4,1]],
		"mask":{"roi":[10,10,12,12],"size":[2,2],"counts":"04"}}]}`)
	f.Add(`{"objects":[{"class":"\u0000_é漢","box":[-1,-1,1e30,3]}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		var frame result.Frame
		if json.Unmarshal([]byte(text), &frame) != nil || len(frame.Objects) > 50 {
			t.Skip()
		}
		img := grey(image.Rect(0, 0, 100, 80))
		Annotate(img, &frame)
		for i := 3; i < len(img.Pix); i += 4 {
			if img.Pix[i] != 255 {
				t.Fatalf("pixel %d is no longer opaque", i/4)
			}
		}
	})
}

func TestLabelsKeepClear(t *testing.T) {
	bounds := image.Rect(0, 0, 768, 576)
	size := image.Pt(70, 13)
	boxes := []image.Rectangle{
		image.Rect(0, 0, 30, 80), image.Rect(740, 0, 768, 60), image.Rect(300, 500, 330, 576),
		image.Rect(400, 200, 430, 300), image.Rect(425, 205, 455, 300), image.Rect(450, 195, 480, 290),
	}
	var placed []image.Rectangle
	for i := range boxes {
		r := place(size, boxes, i, placed, bounds)
		if !r.In(bounds) || r.Size() != size {
			t.Errorf("label %d at %v leaves the picture", i, r)
		}
		for j, o := range boxes {
			if r.Overlaps(o) {
				t.Errorf("label %d at %v hides box %d", i, r, j)
			}
		}
		for j, o := range placed {
			if r.Overlaps(o) {
				t.Errorf("label %d at %v hides label %d", i, r, j)
			}
		}
		placed = append(placed, r)
	}
}

func TestColorsOfNeighboursDiffer(t *testing.T) {
	for track := int64(1); track < 300; track++ {
		for next := track + 1; next <= track+4; next++ {
			if d := distance(Color(track), Color(next)); d < 50 {
				t.Errorf("tracks %d and %d: %v and %v", track, next, Color(track), Color(next))
			}
		}
	}
	if Color(0) != Color(-4) || Color(7) != Color(7) || Color(math.MaxInt64).A != 255 {
		t.Error("colours are not settled")
	}
}

func TestEncode(t *testing.T) {
	img := grey(image.Rect(0, 0, 20, 10))
	for name, encode := range map[string]func() ([]byte, error){
		"png": func() ([]byte, error) { return PNG(img) }, "jpeg": func() ([]byte, error) { return JPEG(img, 0) },
	} {
		text, err := encode()
		if err != nil {
			t.Fatal(err)
		}
		back, kind, err := image.Decode(bytes.NewReader(text))
		if err != nil || kind != name || back.Bounds() != img.Bounds() {
			t.Errorf("%s came back as %s, %v", name, kind, err)
		}
	}
	if _, err := PNG(image.NewRGBA(image.Rectangle{})); err == nil {
		t.Error("an empty picture became a PNG")
	}
}

func TestLabelsNameTrackAndIdentity(t *testing.T) {
	c := newCanvas(image.NewRGBA(image.Rect(0, 0, 100, 100)), &result.Frame{Width: 100, Height: 100})
	for want, o := range map[string]result.Object{"": {}, "3": {Track: 3}, "3 #12": {Track: 3, Identity: 12}} {
		if got := c.label(&o).number; got != want {
			t.Errorf("%+v: %q, want %q", o, got, want)
		}
	}
	o := result.Object{Class: "person", Score: .5, Attributes: []result.Attribute{{Class: "red_coat"}, {Class: "hat"}}}
	if got := c.label(&o).text; got != "person 50%, red coat, hat" {
		t.Errorf("attributes: %q", got)
	}
}

func TestUnseenTracksAreFaint(t *testing.T) {
	box, nan := result.Box{20, 20, 60, 60}, float32(math.NaN())
	seen, unseen, broken := grey(image.Rect(0, 0, 100, 80)), grey(image.Rect(0, 0, 100, 80)), grey(image.Rect(0, 0, 100, 80))
	Annotate(seen, &result.Frame{Width: 100, Height: 80, Objects: []result.Object{{Track: 3, Class: "person", Box: box}}})
	Annotate(unseen, &result.Frame{Width: 100, Height: 80, Unseen: []result.Unseen{{Track: 3, Class: "person", TrackBox: box}}})
	Annotate(broken, &result.Frame{Width: 100, Height: 80, Unseen: []result.Unseen{{Track: 3, TrackBox: result.Box{nan, 0, 1, 1}}}})
	plain := color.RGBA{100, 100, 100, 255}
	far := func(img *image.RGBA) (sum int) {
		c := img.RGBAAt(40, 20)
		for _, v := range []uint8{c.R, c.G, c.B} {
			sum += max(int(v)-100, 100-int(v))
		}
		return sum
	}
	if a, b := far(unseen), far(seen); a == 0 || a >= b {
		t.Errorf("the edge is %d off the ground, of a seen object %d: want less, but some", a, b)
	}
	if got := unseen.RGBAAt(40, 18); got != plain {
		t.Errorf("above the box %v, want nothing", got)
	}
	if got := broken.RGBAAt(0, 0); got != plain {
		t.Errorf("a box that makes no sense was drawn: %v", got)
	}
}
