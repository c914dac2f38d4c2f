// Package bench measures: the plain loop that a pipeline is compared with, and what a pipeline costs when
// its models and kernels cost nothing.
package bench

import (
	"slices"
	"syscall"
	"time"
)

// Figure is what one round took.
type Figure struct {
	// Frames over all cameras, and the people found in them.
	Frames int `json:"frames"`
	People int `json:"people"`
	// Wall is from the first camera's start to the last one's end; CPU is that of the process and of
	// the children that it has waited for.
	Wall time.Duration `json:"wall_ns"`
	CPU  time.Duration `json:"cpu_ns"`
}

// FPS is frames a second over all cameras.
func (f Figure) FPS() float64 { return float64(f.Frames) / f.Wall.Seconds() }

// CPUMilliseconds is processor time a frame.
func (f Figure) CPUMilliseconds() float64 {
	return float64(f.CPU) / float64(time.Millisecond) / float64(max(f.Frames, 1))
}

// CPUTime is the processor time that the process and its finished children have used.
func CPUTime() time.Duration {
	var total time.Duration
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var u syscall.Rusage
		if err := syscall.Getrusage(who, &u); err == nil {
			total += time.Duration(u.Utime.Nano() + u.Stime.Nano())
		}
	}
	return total
}

// Spread is the largest distance of the values from one of theirs, or their median, as a share of it; 0 if that is 0.
func Spread(from float64, values []float64) float64 {
	if from == 0 || len(values) == 0 {
		return 0
	}
	return max(slices.Max(values)-from, from-slices.Min(values)) / from
}

// Median is the middle value, and Spread from it.
func Median(values []float64) (median, spread float64) {
	if len(values) == 0 {
		return 0, 0
	}
	sorted := slices.Sorted(slices.Values(values))
	median = sorted[len(sorted)/2]
	if n := len(sorted); n%2 == 0 {
		median = (sorted[n/2-1] + sorted[n/2]) / 2
	}
	return median, Spread(median, values)
}
