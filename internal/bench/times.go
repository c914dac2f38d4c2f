package bench

import (
	"math"
	"slices"
	"time"
)

// Times sums up durations, in milliseconds. The percentiles are of the nearest rank, not interpolated: a value
// that was measured.
type Times struct {
	Count int     `json:"count"`
	Mean  float64 `json:"mean_ms"`
	P50   float64 `json:"p50_ms"`
	P95   float64 `json:"p95_ms"`
	P99   float64 `json:"p99_ms"`
	Max   float64 `json:"max_ms"`
}

// NewTimes sums up milliseconds, which it sorts.
func NewTimes(ms []float64) Times {
	if len(ms) == 0 {
		return Times{}
	}
	slices.Sort(ms)
	sum := 0.0
	for _, v := range ms {
		sum += v
	}
	return Times{Count: len(ms), Mean: sum / float64(len(ms)), P50: rank(ms, .5), P95: rank(ms, .95), P99: rank(ms, .99), Max: ms[len(ms)-1]}
}

// rank is the smallest value that a share q of the sorted values do not exceed.
func rank(sorted []float64, q float64) float64 {
	return sorted[min(max(int(math.Ceil(q*float64(len(sorted)))), 1), len(sorted))-1]
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// ratio is 0 where there is nothing to divide by: a row of a table without a figure beats a NaN, which JSON lacks.
func ratio(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}

const mebibyte = 1 << 20
