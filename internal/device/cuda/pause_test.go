package cuda

import (
	"math/rand/v2"
	"testing"
	"time"
)

// TestPauseFollows: whatever the hardware takes, a decoder soon asks few times and is little too late.
func TestPauseFollows(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	ms := func(v float64) time.Duration { return time.Duration(v * float64(time.Millisecond)) }
	steady := func(mean float64) func() time.Duration {
		return func() time.Duration { return ms(mean * (0.8 + 0.4*r.Float64())) }
	}
	var p pause
	for _, c := range []struct {
		name  string
		takes func() time.Duration
		late  time.Duration // at most, in the mean
		asked float64
	}{
		{"a decoder alone", steady(1.3), ms(0.15), 5},
		{"large pictures", steady(8), ms(1), 5},
		{"small pictures", steady(0.4), ms(0.06), 5},
		{"now and then behind others", func() time.Duration {
			d := ms(1.3)
			if r.Float64() < 0.3 {
				d += ms(3 * r.ExpFloat64())
			}
			return d
		}, ms(0.25), 6},
		{"all behind others", func() time.Duration { return ms(1.3 + 8*r.ExpFloat64()) }, ms(2.5), 8},
	} {
		var late time.Duration
		var asked, pictures int
		for i := range 4000 {
			done := c.takes()
			slept, n := p.before(0), 1
			first := slept
			for ; slept < done; n++ {
				slept += p.before(n)
			}
			p.learn(n, slept-first)
			if i >= 1000 {
				late += slept - done
				asked += n + 1
				pictures++
			}
		}
		mean, questions := late/time.Duration(pictures), float64(asked)/float64(pictures)
		t.Logf("%s: %v too late, asked %.1f times", c.name, mean, questions)
		if mean > c.late || questions > c.asked {
			t.Errorf("%s: %v too late, asked %.1f times", c.name, mean, questions)
		}
	}
}
