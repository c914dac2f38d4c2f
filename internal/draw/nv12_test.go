package draw

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// reference follows the formulas of device.Kernels to the letter, in floating point.
func reference(y, uv []byte, pitch, w, h, px, py int, kr, kb float64, full bool) [3]float64 {
	cw, ch := (w+1)/2, (h+1)/2
	sample := func(channel int) float64 {
		x, yy := (float64(px)+0.5)/2-0.5, (float64(py)+0.5)/2-0.5
		x0, y0 := math.Floor(x), math.Floor(yy)
		tap := func(i, j float64) float64 {
			column, row := min(max(int(i), 0), cw-1), min(max(int(j), 0), ch-1)
			return float64(uv[row*pitch+2*column+channel])
		}
		fx, fy := x-x0, yy-y0
		return (tap(x0, y0)*(1-fx)+tap(x0+1, y0)*fx)*(1-fy) + (tap(x0, y0+1)*(1-fx)+tap(x0+1, y0+1)*fx)*fy
	}
	l, u, v := float64(y[py*pitch+px]), sample(0)-128, sample(1)-128
	if !full {
		l, u, v = (l-16)*255/219, u*255/224, v*255/224
	}
	r, b := l+2*(1-kr)*v, l+2*(1-kb)*u
	g := (l - kr*r - kb*b) / (1 - kr - kb)
	limit := func(f float64) float64 { return min(max(f, 0), 255) }
	return [3]float64{limit(r), limit(g), limit(b)}
}

func TestFromNV12MeetsTheFormulas(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for _, size := range [][2]int{{16, 8}, {15, 7}, {2, 2}, {1, 1}, {64, 3}, {3, 64}} {
		for _, full := range []bool{false, true} {
			for matrix, k := range map[string][2]float64{"bt601": {0.299, 0.114}, "bt709": {0.2126, 0.0722}} {
				w, h := size[0], size[1]
				pitch := (w+1)/2*2 + 6
				y, uv := make([]byte, pitch*h), make([]byte, pitch*((h+1)/2))
				for i := range y {
					y[i] = byte(random.Uint32())
				}
				for i := range uv {
					uv[i] = byte(random.Uint32())
				}
				img := FromNV12(y, uv, pitch, w, h, matrix, full)
				for py := range h {
					for px := range w {
						want := reference(y, uv, pitch, w, h, px, py, k[0], k[1], full)
						got := img.RGBAAt(px, py)
						for i, v := range [3]uint8{got.R, got.G, got.B} {
							if math.Abs(float64(v)-want[i]) > 0.52 || got.A != 255 {
								t.Fatalf("%dx%d %s full %v: pixel %d,%d is %v, want %.2f", w, h, matrix, full, px, py, got, want)
							}
						}
					}
				}
			}
		}
	}
}

func TestFromNV12TakesTightPlanes(t *testing.T) {
	// The last rows end with their pixels; an odd width whose pitch has no room for the last pair.
	for _, c := range []struct{ pitch, w, h, y, uv int }{{8, 6, 4, 30, 14}, {5, 5, 2, 10, 4}, {1, 1, 1, 1, 0}} {
		y, uv := make([]byte, c.y), make([]byte, c.uv)
		for i := range y {
			y[i] = 126
		}
		for i := range uv {
			uv[i] = 128
		}
		img := FromNV12(y, uv, c.pitch, c.w, c.h, "bt601", false)
		if got := img.RGBAAt(c.w-1, c.h-1); got.R != 128 || got.G != 128 || got.B != 128 {
			t.Errorf("%+v: last pixel is %v", c, got)
		}
	}
}

func TestFromNV12RefusesShortPlanes(t *testing.T) {
	for _, c := range [][5]int{{8, 8, 8, 63, 32}, {8, 8, 8, 64, 31}, {7, 8, 8, 64, 32}, {8, 0, 8, 64, 32}, {8, 8, -1, 64, 32}} {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			FromNV12(make([]byte, c[3]), make([]byte, c[4]), c[0], c[1], c[2], "bt709", true)
		})
	}
}

func BenchmarkFromNV12(b *testing.B) {
	y, uv := make([]byte, 768*576), make([]byte, 768*288)
	for b.Loop() {
		FromNV12(y, uv, 768, 768, 576, "bt601", false)
	}
}
