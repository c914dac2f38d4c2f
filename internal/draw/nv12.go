package draw

import (
	"fmt"
	"image"
)

// FromNV12 makes an RGBA picture of w x h pixels from an NV12 one: h rows of luma in y and half as many
// (rounded up) of interleaved U and V in uv, every row pitch bytes, the last one of a plane at least as
// long as its pixels. matrix is "bt709"; anything else is BT.601. The formulas and the place of the
// chroma samples are those of device.Kernels, in 16-bit fixed point. Planes that are too short for the
// size are a mistake of the caller's and panic.
func FromNV12(y, uv []byte, pitch, w, h int, matrix string, full bool) *image.RGBA {
	pairs, rows := (w+1)/2, (h+1)/2
	if w <= 0 || h <= 0 || pitch < w || len(y) < pitch*(h-1)+w || len(uv) < pitch*(rows-1)+2*(w/2) {
		panic(fmt.Sprintf("draw: NV12 picture of %dx%d, pitch %d, in planes of %d and %d bytes", w, h, pitch, len(y), len(uv)))
	}
	// An odd width may leave no room for the last pair; its neighbour then stands for it.
	if len(uv) < pitch*(rows-1)+2*pairs || pitch < 2*pairs {
		pairs = max(w/2, 1)
	}
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	c := newConversion(matrix, full)
	u, v := make([]int32, pairs), make([]int32, pairs)
	for row := range h {
		near, far := row/2, row/2-1+2*(row%2)
		far = min(max(far, 0), rows-1)
		a, b := uv[near*pitch:], uv[far*pitch:]
		for i := range pairs {
			if 2*i+1 >= len(a) || 2*i+1 >= len(b) {
				u[i], v[i] = 4*128, 4*128 // a picture one pixel wide without chroma
				continue
			}
			u[i] = 3*int32(a[2*i]) + int32(b[2*i])
			v[i] = 3*int32(a[2*i+1]) + int32(b[2*i+1])
		}
		c.row(img.Pix[row*img.Stride:][:4*w], y[row*pitch:][:w], u, v)
	}
	return img
}

// conversion holds the factors of a matrix and range, times 65536; those for u and v divided by 16
// because chroma comes as the sum of sixteen weighted taps.
type conversion struct {
	black, scale   int32
	rv, gu, gv, bu int32
}

func newConversion(matrix string, full bool) conversion {
	kr, kb := 0.299, 0.114
	if matrix == "bt709" {
		kr, kb = 0.2126, 0.0722
	}
	kg := 1 - kr - kb
	luma, chroma, black := 1.0, 1.0, int32(0)
	if !full {
		luma, chroma, black = 255.0/219, 255.0/224, 16
	}
	fixed := func(f float64) int32 { return int32(f*65536 + 0.5) }
	chroma /= 16
	return conversion{black: black, scale: fixed(luma),
		rv: fixed(2 * (1 - kr) * chroma), bu: fixed(2 * (1 - kb) * chroma),
		gu: fixed(2 * (1 - kb) * kb / kg * chroma), gv: fixed(2 * (1 - kr) * kr / kg * chroma)}
}

// row converts one row; u and v are vertically weighted already, four times their value.
func (c conversion) row(out, luma []byte, u, v []int32) {
	for x, l := range luma {
		near := min(x/2, len(u)-1)
		far := min(max(x/2-1+2*(x%2), 0), len(u)-1)
		cu := 3*u[near] + u[far] - 16*128
		cv := 3*v[near] + v[far] - 16*128
		base := (int32(l)-c.black)*c.scale + 1<<15
		p := out[4*x : 4*x+4 : 4*x+4]
		p[0] = clamp(base + cv*c.rv)
		p[1] = clamp(base - cu*c.gu - cv*c.gv)
		p[2] = clamp(base + cu*c.bu)
		p[3] = 255
	}
}

func clamp(v int32) byte { return byte(min(max(v>>16, 0), 255)) }
