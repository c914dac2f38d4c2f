package kernels

import (
	"math"

	"sightline/internal/device"
)

var lengths = []int{1, 2, 3, 4, 7, 64, 67, 127, 128, 129, 256, 512, 515}

func normalizeTrials() (out []func(*setup) trial) {
	for i, n := range lengths {
		out = append(out, func(s *setup) trial {
			in := s.floats(6*n, 3)
			for j := range n {
				in[j] = 0                              // the zero vector
				in[n+j] *= 1e-42                       // subnormal
				in[2*n+j] *= 1e38                      // squares that float32 does not hold
				in[3*n+j] *= float32(math.Exp2(-14.5)) // results that float16 holds as subnormals, beside a large one
			}
			in[3*n], in[4*n] = 1000, nan
			in[5*n+n/2] = -inf
			k := device.Normalize{In: upload(s, in), Length: n, First: i % 3, Count: 6, Out: s.dirty(2 * 9 * n)}
			return trial{
				func(d device.Kernels, on device.Stream) error { return d.Normalize(on, k) },
				func() ([]Launch, error) { return Normalize(k) }, k.Out, 2,
			}
		})
	}
	return out
}

// halves are random float16 numbers below 2 with any sign, some of them subnormal.
func (s *setup) halves(count int) []uint16 {
	out := make([]uint16, count)
	for i := range out {
		out[i] = uint16(s.Uint32()) & 0xbfff
	}
	return out
}

func cosineTrials() (out []func(*setup) trial) {
	for i, n := range lengths {
		for _, size := range [][2]int{{1, 1}, {16, 16}, {17, 33}, {5, 40 + i}} {
			out = append(out, func(s *setup) trial {
				a, b := s.halves(size[0]*n), s.halves(size[1]*n)
				if n == 7 {
					a[0], b[0] = 0x7c00, 0x7e01 // infinite, not a number
				}
				k := device.Cosine{A: upload(s, a), B: upload(s, b), Rows: size[0], Columns: size[1], Length: n, Out: s.dirty(4 * size[0] * size[1])}
				return trial{
					func(d device.Kernels, on device.Stream) error { return d.Cosine(on, k) },
					func() ([]Launch, error) { return Cosine(k) }, k.Out, 4,
				}
			})
		}
	}
	return out
}

func blendTrials() (out []func(*setup) trial) {
	for _, n := range lengths {
		for _, slots := range [][]int32{
			{-1}, {0}, {-2}, {2, 0, 1}, {-2, 0, 0, 1, -3, 1, -1, 0}, {4, 5, -6, -7, math.MinInt32, math.MaxInt32}, {3, 3, 3, -5, 3},
		} {
			out = append(out, func(s *setup) trial {
				seen, gallery := s.halves(len(slots)*n), s.halves(5*n)
				for i := range n {
					gallery[n+i] = 0
				}
				k := device.Blend{Seen: upload(s, seen), Slots: upload(s, slots), Gallery: upload(s, gallery), Rows: len(slots), Length: n, Keep: s.Float32()}
				return trial{
					func(d device.Kernels, on device.Stream) error { return d.Blend(on, k) },
					func() ([]Launch, error) { return Blend(k) }, k.Gallery, 2,
				}
			})
		}
	}
	return out
}
