package host

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"sightline/internal/device"
)

// plainPlane samples one channel of a plane by the formula; stride and offset address the channel.
func plainPlane(plane []byte, pitch, stride, offset, width, height int, x, y float64, black bool, level float64) float64 {
	x0, y0 := math.Floor(x), math.Floor(y)
	value := func(i, j float64) float64 {
		if black && (i < 0 || i >= float64(width) || j < 0 || j >= float64(height)) {
			return level
		}
		i, j = max(0, min(i, float64(width-1))), max(0, min(j, float64(height-1)))
		return float64(plane[int(j)*pitch+int(i)*stride+offset])
	}
	fx, fy := x-x0, y-y0
	top := value(x0, y0)*(1-fx) + value(x0+1, y0)*fx
	bottom := value(x0, y0+1)*(1-fx) + value(x0+1, y0+1)*fx
	return top*(1-fy) + bottom*fy
}

// plainRGB is the picture at a source coordinate by the formulas of device.Kernels.
func plainRGB(p *device.Picture, x, y float64, black bool) [3]float64 {
	raw := bytesOf(p.Buffer)
	luma, chroma := raw[:p.Pitch*p.Height], raw[p.Pitch*p.Height:]
	level := 16.
	if p.FullRange {
		level = 0
	}
	cx, cy := (x+.5)/2-.5, (y+.5)/2-.5
	w, h := (p.Width+1)/2, (p.Height+1)/2
	yy := plainPlane(luma, p.Pitch, 1, 0, p.Width, p.Height, x, y, black, level)
	u := plainPlane(chroma, p.Pitch, 2, 0, w, h, cx, cy, black, 128) - 128
	v := plainPlane(chroma, p.Pitch, 2, 1, w, h, cx, cy, black, 128) - 128
	if !p.FullRange {
		yy, u, v = (yy-16)*255/219, u*255/224, v*255/224
	}
	kr, kb := .299, .114
	if p.Matrix == "bt709" {
		kr, kb = .2126, .0722
	}
	r, b := yy+2*(1-kr)*v, yy+2*(1-kb)*u
	g := (yy - kr*r - kb*b) / (1 - kr - kb)
	clamp := func(v float64) float64 { return max(0, min(v, 255)) / 255 }
	return [3]float64{clamp(r), clamp(g), clamp(b)}
}

// samplingError: two weights of 12 bits, each off by half a unit in both axes, through a factor of up to
// 2.1 for chroma, stay below a quarter of a grey level.
const samplingError = .25 / 255

// compare checks a width x height part of an image at left, top against the region of the picture.
func compare(t *testing.T, p *device.Picture, out []float32, outWidth, outHeight, left, top, width, height int, region [4]float32, black bool) {
	t.Helper()
	for j := range height {
		for i := range width {
			x := float64(region[0]) + (float64(i)+.5)*(float64(region[2])-float64(region[0]))/float64(width) - .5
			y := float64(region[1]) + (float64(j)+.5)*(float64(region[3])-float64(region[1]))/float64(height) - .5
			want := plainRGB(p, x, y, black)
			for c := range 3 {
				got := float64(out[(c*outHeight+top+j)*outWidth+left+i])
				if !(math.Abs(got-want[c]) <= samplingError) {
					t.Fatalf("channel %d at %d,%d: %v, want %v", c, i, j, got, want[c])
				}
			}
		}
	}
}

func TestLetterbox(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	b := newBench(t)
	for _, c := range []struct{ width, height, pitch, outWidth, outHeight int }{
		{64, 48, 64, 32, 32}, {64, 48, 80, 33, 17}, {31, 45, 32, 64, 64}, {31, 45, 57, 40, 27}, {1, 1, 2, 5, 3},
		{1, 9, 2, 8, 8}, {2, 2, 2, 9, 4}, {2, 3, 64, 3, 3}, {3, 1, 4, 7, 7}, {200, 3, 200, 16, 16}, {160, 120, 160, 52, 52},
	} {
		for variant := range 4 {
			f := device.PictureFormat{Width: c.width, Height: c.height, Pitch: c.pitch, Matrix: []string{"bt601", "bt709"}[variant&1], FullRange: variant&2 != 0}
			t.Run(fmt.Sprintf("%+v to %dx%d", f, c.outWidth, c.outHeight), func(t *testing.T) {
				p := b.picture(random, f)
				fit := device.NewFit(c.width, c.height, c.outWidth, c.outHeight)
				out := b.dirty(int64(12 * c.outWidth * c.outHeight))
				b.finish(kernels{}.Letterbox(b.stream, device.Letterbox{Picture: p, Pixels: device.RGB, Fit: fit, Out: out, OutWidth: c.outWidth, OutHeight: c.outHeight}))
				compare(t, p, floatsOf(out), c.outWidth, c.outHeight, fit.Left, fit.Top, fit.Width, fit.Height,
					[4]float32{0, 0, float32(c.width), float32(c.height)}, false)
				for i, v := range floatsOf(out) {
					x, y := i%c.outWidth-fit.Left, i/c.outWidth%c.outHeight-fit.Top
					if (x < 0 || x >= fit.Width || y < 0 || y >= fit.Height) && v != 0 {
						t.Fatalf("border at %d,%d is %v", x, y, v)
					}
				}
			})
		}
	}
}

func TestCrop(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	b := newBench(t)
	for round := range 60 {
		f := device.PictureFormat{Width: 1 + random.IntN(70), Height: 1 + random.IntN(70), Matrix: []string{"bt601", "bt709"}[round&1], FullRange: round&2 != 0}
		f.Pitch = f.Width + f.Width&1 + random.IntN(9)
		p := b.picture(random, f)
		var boxes [][4]float32
		for range 2 { // partly outside, at times wholly
			x, y := random.Float32()*100-20, random.Float32()*100-20
			boxes = append(boxes, [4]float32{x, y, x + .1 + 60*random.Float32(), y + .1 + 60*random.Float32()})
		}
		width, height := 1+random.IntN(40), 1+random.IntN(40)
		k := device.Crop{Picture: p, Pixels: device.RGB, Subjects: b.subjects(testLimits, boxes...), Limits: testLimits, First: 1, Count: 3,
			Region: device.Region{Aspect: float32(round&4) / 4, Scale: .5 + random.Float32(), Black: round&8 != 0},
			Out:    b.dirty(int64(3 * 3 * 4 * width * height)), OutWidth: width, OutHeight: height}
		b.finish(kernels{}.Crop(b.stream, k))
		item := 3 * width * height
		compare(t, p, floatsOf(k.Out), width, height, 0, 0, width, height, k.Region.Of(boxes[1]), k.Region.Black)
		for i, v := range floatsOf(k.Out)[item:] {
			if v != 0 {
				t.Fatalf("value %d of the items beyond the people is %v", i, v)
			}
		}
	}
}

// TestCropSurvivesAnySubjects: what a lost stream leaves in a selection must not take the process down.
func TestCropSurvivesAnySubjects(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	b := newBench(t)
	p := b.picture(random, device.PictureFormat{Width: 20, Height: 20, Pitch: 20, Matrix: "bt601"})
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for _, box := range [][4]float32{{nan, nan, nan, nan}, {-inf, -inf, inf, inf}, {inf, 0, inf, 9}, {9, 9, 1, 1}, {-1e30, 0, 1e30, 5}} {
		for _, black := range []bool{false, true} {
			s := b.subjects(testLimits, box, box)
			intsOf(s)[0] = 1 << 30
			k := device.Crop{Picture: p, Pixels: device.RGB, Subjects: s, Limits: testLimits, Count: 5, Region: device.Region{Scale: 1, Black: black},
				Out: b.dirty(5 * 3 * 4 * 64), OutWidth: 8, OutHeight: 8}
			b.finish(kernels{}.Crop(b.stream, k))
			for i, v := range floatsOf(k.Out) {
				if !(v >= 0 && v <= 1) {
					t.Fatalf("box %v: value %d is %v", box, i, v)
				}
			}
		}
	}
}

// TestGreyIsExact: black, white and grey of a picture have no colour cast.
func TestGreyIsExact(t *testing.T) {
	b := newBench(t)
	for _, c := range []struct {
		full  bool
		level byte
		want  float32
	}{{false, 16, 0}, {false, 235, 1}, {false, 0, 0}, {true, 0, 0}, {true, 255, 1}, {true, 51, .2}} {
		f := device.PictureFormat{Width: 6, Height: 4, Pitch: 6, Matrix: "bt709", FullRange: c.full}
		p := &device.Picture{PictureFormat: f, Buffer: b.alloc(f.Size())}
		for i := range bytesOf(p.Buffer) {
			bytesOf(p.Buffer)[i] = c.level
			if i >= 24 {
				bytesOf(p.Buffer)[i] = 128
			}
		}
		out := b.alloc(12 * 9 * 6)
		b.finish(kernels{}.Letterbox(b.stream, device.Letterbox{Picture: p, Pixels: device.RGB, Fit: device.NewFit(6, 4, 9, 6), Out: out, OutWidth: 9, OutHeight: 6}))
		for _, v := range floatsOf(out) {
			if math.Abs(float64(v-c.want)) > 1e-6 {
				t.Fatalf("%+v became %v", c, v)
			}
		}
	}
}

func TestKeypoints(t *testing.T) {
	random := rand.New(rand.NewPCG(9, 10))
	b := newBench(t)
	boxes := [][4]float32{{10, 20, 40, 90}, {-3, 5.5, 70, 33}, {0, 0, 1, 1}}
	in := make([]float32, 3*51)
	for i := range in {
		in[i] = random.Float32() * 200
	}
	k := device.Keypoints{Joints: 17, In: upload(b, in), InWidth: 192, InHeight: 160, Subjects: b.subjects(testLimits, boxes...), Limits: testLimits,
		First: 1, Count: 3, Region: device.Region{Aspect: 1, Scale: 1.25}, Out: b.dirty(4 * 51 * 4)}
	before := floatsOf(k.Out)[0]
	b.finish(kernels{}.Keypoints(b.stream, k))
	out := floatsOf(k.Out)
	for i := range 51 {
		if out[i] != before {
			t.Fatal("a row before the first was written")
		}
	}
	for item, box := range boxes[1:] {
		r := k.Region.Of(box)
		for j := range 17 {
			from, to := in[item*51+3*j:], out[(1+item)*51+3*j:]
			x := float64(r[0]) + float64(from[0])*float64(r[2]-r[0])/192
			y := float64(r[1]) + float64(from[1])*float64(r[3]-r[1])/160
			if math.Abs(x-float64(to[0])) > 1e-4 || math.Abs(y-float64(to[1])) > 1e-4 || to[2] != from[2] {
				t.Fatalf("person %d joint %d: %v, want %v %v %v", item, j, to[:3], x, y, from[2])
			}
		}
	}
	for _, v := range out[3*51:] {
		if v != 0 {
			t.Fatalf("row beyond the people holds %v", v)
		}
	}
}

func BenchmarkLetterbox(b *testing.B) {
	bench := newBench(b)
	p := bench.gentle(device.PictureFormat{Width: 768, Height: 576, Pitch: 768, Matrix: "bt601"})
	k := device.Letterbox{Picture: p, Pixels: device.RGB, Fit: device.NewFit(768, 576, 416, 416), Out: bench.alloc(12 * 416 * 416), OutWidth: 416, OutHeight: 416}
	measure(b, bench, func(s device.Stream) error { return kernels{}.Letterbox(s, k) })
}

func BenchmarkCrop(b *testing.B) {
	for _, c := range []struct {
		name          string
		width, height int
		region        device.Region
	}{
		{"pose192", 192, 192, device.Region{Aspect: 1, Scale: 1.25, Black: true}},
		{"segmentation256", 256, 256, device.Region{Scale: 1.2}},
		{"reid128x256", 128, 256, device.Region{Scale: 1}},
	} {
		b.Run(c.name, func(b *testing.B) {
			bench := newBench(b)
			p := bench.gentle(device.PictureFormat{Width: 768, Height: 576, Pitch: 768, Matrix: "bt601"})
			k := device.Crop{Picture: p, Pixels: device.RGB, Subjects: bench.subjects(testLimits, [4]float32{616, 265, 651, 369}), Limits: testLimits,
				Count: 1, Region: c.region, Out: bench.alloc(int64(12 * c.width * c.height)), OutWidth: c.width, OutHeight: c.height}
			measure(b, bench, func(s device.Stream) error { return kernels{}.Crop(s, k) })
		})
	}
}

func TestUncrop(t *testing.T) {
	const each = 2
	b := newBench(t)
	boxes := [][4]float32{{100, 100, 120, 180}, {125, 100, 145, 180}} // the region of each reaches over the other
	region := device.Region{Aspect: 1, Scale: 1}
	in := make([]float32, 3*(4+8*each))
	found := func(item, count, none int, objects ...[4]float32) {
		row := in[item*(4+8*each):]
		row[0], row[1] = math.Float32frombits(uint32(count)), math.Float32frombits(uint32(none))
		for j, o := range objects {
			r := region.Of(boxes[min(item, 1)])
			for k := range 4 { // picture to input pixels of 160 x 40
				row[4+8*j+k] = (o[k] - r[k%2]) / 80 * []float32{160, 40}[k%2]
			}
			row[4+8*j+4], row[4+8*j+5] = .5+.1*float32(j), math.Float32frombits(uint32(7+j))
		}
	}
	found(0, 2, 0, [4]float32{104, 110, 116, 120}, [4]float32{130, 110, 140, 120}) // the second is the neighbour's
	found(1, 1, 3, [4]float32{130, 110, 140, 120})
	found(2, 1, 0, [4]float32{130, 110, 140, 120}) // there is no such subject
	k := device.Uncrop{In: upload(b, in), Each: each, InWidth: 160, InHeight: 40, Subjects: b.subjects(testLimits, boxes...), Limits: testLimits, Count: 3,
		Region: region, Out: b.dirty(int64(testLimits.People) * each * device.RecordSize)}
	b.finish(kernels{}.Uncrop(b.stream, k))
	out, ints := floatsOf(k.Out), intsOf(k.Out)
	for i := range testLimits.People * each {
		box, score, class := [4]float32{}, float32(-1), int32(0)
		switch i {
		case 0:
			box, score, class = [4]float32{104, 110, 116, 120}, .5, 7
		case 2: // the crop had numbers that were none
			box, score, class = [4]float32{130, 110, 140, 120}, float32(math.NaN()), 7
		}
		got := out[8*i:]
		for c := range 4 {
			if math.Abs(float64(got[c]-box[c])) > 1e-4 {
				t.Errorf("record %d: box %v, want %v", i, got[:4], box)
			}
		}
		if got[4] != score && !(got[4] != got[4] && score != score) || ints[8*i+5] != class {
			t.Errorf("record %d: score %v, class %d, want %v, %d", i, got[4], ints[8*i+5], score, class)
		}
	}
}

func BenchmarkKeypoints(b *testing.B) {
	bench := newBench(b)
	k := device.Keypoints{Joints: 17, In: bench.alloc(4 * 51 * 4), InWidth: 192, InHeight: 192, Subjects: bench.subjects(testLimits, make([][4]float32, 4)...),
		Limits: testLimits, Count: 4, Region: device.Region{Aspect: 1, Scale: 1.25}, Out: bench.alloc(4 * 51 * 4)}
	measure(b, bench, func(s device.Stream) error { return kernels{}.Keypoints(s, k) })
}

// gentle is a picture of smooth colours with noise, as a camera's.
func (b *bench) gentle(f device.PictureFormat) *device.Picture {
	p := b.picture(rand.New(rand.NewPCG(1, 1)), f)
	raw := bytesOf(p.Buffer)
	for i := range raw {
		raw[i] = 60 + byte(i%f.Pitch*100/f.Pitch) + raw[i]&15
	}
	return p
}
