package host

import (
	"math"
	"math/rand/v2"
	"testing"

	"sightline/internal/device"
)

// TestClassifyFormula compares with the textbook's formulas, in float64 and without care for their range.
func TestClassifyFormula(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, classes := range []int{1, 2, 7, 1000} {
		const count, first = 5, 2
		in := make([]float32, count*classes)
		for i := range in {
			in[i] = float32(r.NormFloat64() * 4)
		}
		for activation, of := range map[device.Activation]func(v float32, all []float32) float64{
			device.NoActivation: func(v float32, _ []float32) float64 { return float64(v) },
			device.Sigmoid:      func(v float32, _ []float32) float64 { return 1 / (1 + math.Exp(-float64(v))) },
			device.Softmax: func(v float32, all []float32) float64 {
				sum := 0.0
				for _, w := range all {
					sum += math.Exp(float64(w))
				}
				return math.Exp(float64(v)) / sum
			},
		} {
			b := newBench(t)
			out := b.dirty((first + count) * 8)
			b.finish(kernels{}.Classify(b.stream, device.Classify{
				In: upload(b, in), Classes: classes, Activation: activation, First: first, Count: count, Out: out,
			}))
			for i := range count {
				item, best := in[i*classes:][:classes], 0
				for c, v := range item {
					if v > item[best] {
						best = c
					}
				}
				class, score := intsOf(out)[2*(first+i)], floatsOf(out)[2*(first+i)+1]
				if want := of(item[best], item); int(class) != best || math.Abs(float64(score)-want) > 1e-5*math.Max(1, math.Abs(want)) {
					t.Errorf("%d classes, activation %v, item %d: class %d of %v, want %d of %v", classes, activation, i, class, score, best, want)
				}
			}
		}
	}
}

func TestClassifyWithoutAScore(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for _, c := range []struct {
		in         []float32
		activation device.Activation
		class      int
	}{
		{[]float32{1, nan, 3}, device.NoActivation, -1},
		{[]float32{1, inf, 3}, device.NoActivation, -1},
		{[]float32{1, inf, 3}, device.Softmax, -1},
		{[]float32{-inf, -inf, -inf}, device.Softmax, -1},
		{[]float32{-inf, 2, -inf}, device.Softmax, 1},
		{[]float32{1, inf, 3}, device.Sigmoid, 1},
		{[]float32{-inf, -inf, -inf}, device.NoActivation, -1},
	} {
		class, score := classify(c.in, c.activation)
		if class != c.class || (class < 0) != (score != score) {
			t.Errorf("%v, activation %v: class %d of %v, want class %d", c.in, c.activation, class, score, c.class)
		}
	}
}
