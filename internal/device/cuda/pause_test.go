package cuda

import (
	"math/rand/v2"
	"testing"
	"time"
)

// TestPauseFollows: whatever the hardware takes, a decoder soon asks few times and little too late.
func TestPauseFollows(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var p pause
	for _, takes := range []time.Duration{1300 * time.Microsecond, 8 * time.Millisecond, 400 * time.Microsecond, 100 * time.Microsecond, 8 * time.Millisecond} {
		var late, asked, pictures float64
		for i := range 300 {
			done := time.Duration(float64(takes) * (0.8 + 0.4*r.Float64()))
			slept, n := p.before(0), 1
			first := slept
			for ; slept < done; n++ {
				slept += p.before(n)
			}
			p.learn(n, slept-first)
			if i >= 100 {
				late += float64(slept-done) / float64(takes)
				asked += float64(n + 1)
				pictures++
			}
		}
		late, asked = late/pictures, asked/pictures
		t.Logf("%v: asked %.1f times, %.0f %% too late", takes, asked, 100*late)
		if takes > time.Millisecond && (late > 0.15 || asked > 7) {
			t.Errorf("%v: asked %.1f times, %.0f %% too late", takes, asked, 100*late)
		}
	}
}
