package metrics

import "math"

// A histogram counts milliseconds in buckets of equal relative width, 32 to each power of two from
// 2^-10 ms (about a microsecond) to 2^22 ms (over an hour). A bucket is known by the upper bits of its
// values' float64: exponent and five bits of mantissa. Its middle is within 1.6 % of all it holds.
const (
	mantissaBits = 5
	octaves      = 32
	lowest       = 0x1p-10
	buckets      = octaves << mantissaBits
	firstBits    = (1023 - 10) << mantissaBits
)

type histogram struct {
	count    uint64
	sum      float64
	min, max float64
	bucket   [buckets]uint64
}

// index is the bucket of a value that is not below zero and not NaN.
func index(v float64) int {
	if v < lowest {
		return 0
	}
	return min(int(math.Float64bits(v)>>(52-mantissaBits))-firstBits, buckets-1)
}

// middle is the middle of a bucket.
func middle(i int) float64 {
	low := math.Float64frombits(uint64(i+firstBits) << (52 - mantissaBits))
	high := math.Float64frombits(uint64(i+1+firstBits) << (52 - mantissaBits))
	return (low + high) / 2
}

// sane makes a time out of anything: a clock that went back must not spoil a sum.
func sane(ms float64) float64 {
	if !(ms > 0) {
		return 0
	}
	return min(ms, math.MaxFloat32)
}

func (h *histogram) add(ms float64) {
	if h.count == 0 || ms < h.min {
		h.min = ms
	}
	h.max = max(h.max, ms)
	h.count++
	h.sum += ms
	h.bucket[index(ms)]++
}

func (h *histogram) merge(o *histogram) {
	if o.count == 0 {
		return
	}
	if h.count == 0 || o.min < h.min {
		h.min = o.min
	}
	h.max = max(h.max, o.max)
	h.count += o.count
	h.sum += o.sum
	for i, n := range o.bucket {
		h.bucket[i] += n
	}
}

// quantile is the value of the nearest rank, 0 < q <= 1.
func (h *histogram) quantile(q float64) float64 {
	if h.count == 0 {
		return 0
	}
	rank := max(uint64(math.Ceil(q*float64(h.count))), 1)
	seen := uint64(0)
	for i, n := range h.bucket {
		if seen += n; seen >= rank {
			return min(max(middle(i), h.min), h.max)
		}
	}
	return h.max
}

// Quantiles sum up a set of times in milliseconds; all zero if there were none. P50, P95 and P99 are
// within 2 % of the value of that rank, Mean and Max are exact.
type Quantiles struct {
	Mean float64 `json:"mean"`
	P50  float64 `json:"p50"`
	P95  float64 `json:"p95"`
	P99  float64 `json:"p99"`
	Max  float64 `json:"max"`
}

func (h *histogram) quantiles() Quantiles {
	if h.count == 0 {
		return Quantiles{}
	}
	return Quantiles{Mean: h.sum / float64(h.count), P50: h.quantile(0.50), P95: h.quantile(0.95),
		P99: h.quantile(0.99), Max: h.max}
}
