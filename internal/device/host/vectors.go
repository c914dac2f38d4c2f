package host

import (
	"math"

	"sightline/internal/device"
)

func (kernels) Normalize(s device.Stream, k device.Normalize) error {
	if err := k.Check(); err != nil {
		return err
	}
	in, out := floatsOf(k.In), halvesOf(k.Out)[k.First*k.Length:]
	return launch(s, func() {
		for i := range k.Count {
			normalize(out[i*k.Length:][:k.Length], in[i*k.Length:][:k.Length])
		}
	})
}

// normalize writes v/|v| to out, which has v's length. The sum is in float64, where squares of float32
// neither overflow nor vanish.
func normalize(out []uint16, v []float32) {
	var s0, s1 float64
	for i := 0; i+1 < len(v); i += 2 {
		a, b := float64(v[i]), float64(v[i+1])
		s0 += a * a
		s1 += b * b
	}
	if n := len(v); n&1 == 1 {
		s0 += float64(v[n-1]) * float64(v[n-1])
	}
	scale := 0.
	if sum := s0 + s1; sum != 0 {
		scale = 1 / math.Sqrt(sum)
	}
	for i, x := range v {
		out[i] = toHalf(float32(float64(x) * scale))
	}
}

// widen makes float32 of float16; the lengths are the same.
func widen(to []float32, from []uint16) {
	from = from[:len(to)]
	for i := range to {
		to[i] = fromHalf(from[i])
	}
}

func (kernels) Cosine(s device.Stream, k device.Cosine) error {
	if err := k.Check(); err != nil {
		return err
	}
	rows, columns, out := halvesOf(k.A), halvesOf(k.B), floatsOf(k.Out)
	n := k.Length
	wide, column := make([]float32, k.Rows*n), make([]float32, n)
	return launch(s, func() {
		widen(wide, rows)
		for j := range k.Columns {
			widen(column, columns[j*n:])
			for i := range k.Rows {
				out[i*k.Columns+j] = dot(wide[i*n:][:n], column)
			}
		}
	})
}

// dot has four sums, so that additions need not wait for each other.
func dot(a, b []float32) float32 {
	b = b[:len(a)]
	var s0, s1, s2, s3 float32
	for len(a) >= 4 && len(b) >= 4 {
		s0 += a[0] * b[0]
		s1 += a[1] * b[1]
		s2 += a[2] * b[2]
		s3 += a[3] * b[3]
		a, b = a[4:], b[4:]
	}
	for i, v := range a {
		s0 += v * b[i]
	}
	return (s0 + s1) + (s2 + s3)
}

// Blend leaves the gallery as it is for slots that it does not have.
func (kernels) Blend(s device.Stream, k device.Blend) error {
	if err := k.Check(); err != nil {
		return err
	}
	seen, slots, gallery := halvesOf(k.Seen), intsOf(k.Slots)[:k.Rows], halvesOf(k.Gallery)
	n, mixed := k.Length, make([]float32, k.Length)
	remembered := len(gallery) / n
	return launch(s, func() {
		for i, code := range slots {
			slot, fresh := int(code), false
			if slot < 0 {
				slot, fresh = -2-slot, true
			}
			if slot < 0 || slot >= remembered {
				continue
			}
			to, from := gallery[slot*n:][:n], seen[i*n:][:n]
			if fresh {
				copy(to, from)
				continue
			}
			for j := range mixed {
				mixed[j] = k.Keep*fromHalf(to[j]) + (1-k.Keep)*fromHalf(from[j])
			}
			normalize(to, mixed)
		}
	})
}
