package host

import (
	"math"
	"testing"
)

// half is float16 by its definition.
func half(h uint16) float64 {
	sign, exponent, mantissa := 1., int(h>>10&31), float64(h&0x3ff)
	if h>>15 == 1 {
		sign = -1
	}
	switch {
	case exponent == 31 && mantissa != 0:
		return math.NaN()
	case exponent == 31:
		return math.Inf(int(sign))
	case exponent == 0:
		return sign * math.Ldexp(mantissa, -24)
	}
	return sign * math.Ldexp(1024+mantissa, exponent-25)
}

func TestEveryHalfThereAndBack(t *testing.T) {
	for i := range 1 << 16 {
		h := uint16(i)
		f := fromHalf(h)
		if want := half(h); float64(f) != want && (f == f || want == want) {
			t.Fatalf("%#04x widens to %v, want %v", h, f, want)
		}
		if math.Signbit(float64(f)) != (h>>15 == 1) {
			t.Fatalf("%#04x lost its sign", h)
		}
		if back := toHalf(f); back != h && (f == f || back&0x7c00 != 0x7c00 || back&0x3ff == 0) {
			t.Fatalf("%#04x comes back as %#04x", h, back)
		}
	}
}

// TestHalfwayGoesToEven tries the middle of every two neighbours and the floats beside it.
func TestHalfwayGoesToEven(t *testing.T) {
	for i := range uint16(0x7c00) {
		low, high := half(i), half(i+1)
		if i == 0x7bff {
			high = 65536 // where the next one would be, if there were more exponents
		}
		middle := float32((low + high) / 2)
		even := i + i&1
		for _, c := range []struct {
			f    float32
			want uint16
		}{
			{middle, even}, {math.Nextafter32(middle, 0), i}, {math.Nextafter32(middle, 1e9), i + 1},
		} {
			if got := toHalf(c.f); got != c.want {
				t.Fatalf("%v becomes %#04x, want %#04x", c.f, got, c.want)
			}
			if got := toHalf(-c.f); got != c.want|0x8000 {
				t.Fatalf("%v becomes %#04x, want %#04x", -c.f, got, c.want|0x8000)
			}
		}
	}
}

func TestNoHalfForTheseFloats(t *testing.T) {
	inf := float32(math.Inf(1))
	for f, want := range map[float32]uint16{inf: 0x7c00, -inf: 0xfc00, 1e10: 0x7c00, math.MaxFloat32: 0x7c00, math.SmallestNonzeroFloat32: 0} {
		if got := toHalf(f); got != want {
			t.Errorf("%v becomes %#04x, want %#04x", f, got, want)
		}
	}
	for _, bits := range []uint32{0x7f800001, 0x7fc00000, 0xff800001} {
		if h := toHalf(math.Float32frombits(bits)); h&0x7c00 != 0x7c00 || h&0x3ff == 0 {
			t.Errorf("NaN %#x becomes %#04x", bits, h)
		}
	}
}

func BenchmarkToHalf(b *testing.B) {
	var sum uint16
	for i := 0; b.Loop(); i++ {
		sum += toHalf(float32(i&1023) / 1024)
	}
	_ = sum
}
