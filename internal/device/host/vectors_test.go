package host

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"sightline/internal/device"
)

func randomHalves(random *rand.Rand, n int) []uint16 {
	h := make([]uint16, n)
	for i := range h {
		h[i] = toHalf(random.Float32()*2 - 1)
	}
	return h
}

// plainNormal is v/|v|, rounded.
func plainNormal(v []float64) []uint16 {
	var sum float64
	for _, x := range v {
		sum += x * x
	}
	out := make([]uint16, len(v))
	for i, x := range v {
		if sum > 0 {
			out[i] = toHalf(float32(x / math.Sqrt(sum)))
		}
	}
	return out
}

// within allows one step of float16, which the order of roundings may cost.
func within(got, want []uint16) bool {
	for i := range want {
		if d := rank(got[i]) - rank(want[i]); d < -1 || d > 1 {
			return false
		}
	}
	return true
}

// rank counts halves from 0, -0 being 0 too.
func rank(h uint16) int {
	if h>>15 == 1 {
		return -int(h & 0x7fff)
	}
	return int(h)
}

func TestNormalize(t *testing.T) {
	random := rand.New(rand.NewPCG(17, 18))
	b := newBench(t)
	for _, length := range []int{1, 2, 7, 64, 1280} {
		for _, scale := range []float64{1, 0, 1e-30, 1e30} { // squares of the last two leave float32
			in, want := make([]float32, 2*length), []uint16(nil)
			wide := make([]float64, 2*length)
			for i := range in {
				in[i] = float32(random.NormFloat64() * scale)
				wide[i] = float64(in[i])
			}
			want = append(plainNormal(wide[:length]), plainNormal(wide[length:])...)
			k := device.Normalize{In: upload(b, in), Length: length, First: 1, Count: 2, Out: b.dirty(int64(2 * 4 * length))}
			b.finish(kernels{}.Normalize(b.stream, k))
			out := halvesOf(k.Out)
			if !within(out[length:3*length], want) {
				t.Errorf("length %d scale %v: more than a step off", length, scale)
			}
			if out[0] != 0x4141 || out[3*length] != 0x4141 {
				t.Error("other rows were written")
			}
		}
	}
}

func TestCosine(t *testing.T) {
	random := rand.New(rand.NewPCG(19, 20))
	b := newBench(t)
	for _, c := range [][3]int{{1, 1, 1}, {3, 5, 7}, {4, 2, 16}, {8, 32, 1280}} {
		rows, columns, length := c[0], c[1], c[2]
		one, two := randomHalves(random, rows*length), randomHalves(random, columns*length)
		k := device.Cosine{A: upload(b, one), B: upload(b, two), Rows: rows, Columns: columns, Length: length, Out: b.dirty(int64(4 * rows * columns))}
		b.finish(kernels{}.Cosine(b.stream, k))
		for i := range rows {
			for j := range columns {
				var want float64
				for n := range length {
					want += half(one[i*length+n]) * half(two[j*length+n])
				}
				if got := float64(floatsOf(k.Out)[i*columns+j]); math.Abs(got-want) > 1e-6*float64(length) {
					t.Errorf("%v at %d,%d: %v, want %v", c, i, j, got, want)
				}
			}
		}
	}
}

func TestBlend(t *testing.T) {
	random := rand.New(rand.NewPCG(21, 22))
	b := newBench(t)
	const length, remembered = 33, 5
	for range 40 {
		seen, gallery := randomHalves(random, 6*length), randomHalves(random, remembered*length)
		slots := make([]int32, 6)
		for i := range slots {
			slots[i] = int32(random.IntN(2*remembered+1)) - remembered - 1 // every code there is, at times twice
		}
		if random.IntN(2) == 0 {
			slots[2], slots[3], slots[4] = remembered, math.MinInt32, -2-remembered // no such slots
		}
		k := device.Blend{Seen: upload(b, seen), Slots: upload(b, slots), Gallery: upload(b, gallery), Rows: 6, Length: length, Keep: .9}
		b.finish(kernels{}.Blend(b.stream, k))
		want := slices.Clone(gallery)
		for i, s := range slots {
			row := seen[i*length:][:length]
			switch {
			case s >= 0 && s < remembered:
				mixed := make([]float64, length)
				for j := range mixed {
					mixed[j] = .9*half(want[int(s)*length+j]) + .1*half(row[j])
				}
				copy(want[int(s)*length:], plainNormal(mixed))
			case s <= -2 && s > -2-remembered:
				copy(want[int(-2-s)*length:], row)
			}
		}
		if !within(halvesOf(k.Gallery), want) {
			t.Fatalf("slots %v: the gallery differs", slots)
		}
	}
}

func BenchmarkNormalize(b *testing.B) {
	bench := newBench(b)
	k := device.Normalize{In: upload(bench, slices.Repeat([]float32{.1, .2, 0, .03}, 4*320)), Length: 1280, Count: 4, Out: bench.alloc(4 * 1280 * 2)}
	measure(b, bench, func(s device.Stream) error { return kernels{}.Normalize(s, k) })
}

func BenchmarkCosine(b *testing.B) {
	bench := newBench(b)
	random := rand.New(rand.NewPCG(23, 24))
	k := device.Cosine{A: upload(bench, randomHalves(random, 16*1280)), B: upload(bench, randomHalves(random, 64*1280)), Rows: 16, Columns: 64, Length: 1280, Out: bench.alloc(16 * 64 * 4)}
	measure(b, bench, func(s device.Stream) error { return kernels{}.Cosine(s, k) })
}

func BenchmarkBlend(b *testing.B) {
	bench := newBench(b)
	random := rand.New(rand.NewPCG(25, 26))
	k := device.Blend{Seen: upload(bench, randomHalves(random, 8*1280)), Slots: upload(bench, []int32{0, 1, 2, 3, 4, 5, 6, 7}),
		Gallery: upload(bench, randomHalves(random, 64*1280)), Rows: 8, Length: 1280, Keep: .9}
	measure(b, bench, func(s device.Stream) error { return kernels{}.Blend(s, k) })
}
