package metrics

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// clock is a time that a test moves.
type clock struct{ t time.Time }

func (c *clock) now() time.Time { return c.t }

func registry() (*Registry, *clock) {
	c := &clock{time.Unix(1000, 0)}
	return &Registry{now: c.now}, c
}

func TestQuantilesAreWithinTwoPercentOfTheSortedValues(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for name, draw := range map[string]func() float64{
		"log-normal":    func() float64 { return math.Exp(random.NormFloat64() + 3) },
		"uniform":       func() float64 { return 5 + random.Float64()*90 },
		"exponential":   func() float64 { return random.ExpFloat64() * 0.2 },
		"two humps":     func() float64 { return 3 + 400*float64(random.IntN(2)) + random.Float64() },
		"constant":      func() float64 { return 12.345 },
		"minutes":       func() float64 { return 60_000 * (1 + random.Float64()) },
		"powers of two": func() float64 { return math.Exp2(float64(random.IntN(20) - 9)) },
	} {
		for _, n := range []int{1, 2, 3, 99, 100, 5000} {
			var h histogram
			values := make([]float64, n)
			sum := 0.0
			for i := range values {
				values[i] = draw()
				sum += values[i]
				h.add(values[i])
			}
			slices.Sort(values)
			got := h.quantiles()
			for _, c := range []struct{ q, got float64 }{{0.50, got.P50}, {0.95, got.P95}, {0.99, got.P99}} {
				want := values[int(math.Ceil(c.q*float64(n)))-1]
				if math.Abs(c.got-want) > 0.02*want+lowest {
					t.Errorf("%s, %d values: quantile %g is %g, want %g", name, n, c.q, c.got, want)
				}
			}
			if got.Max != values[n-1] || math.Abs(got.Mean-sum/float64(n)) > 1e-9*sum {
				t.Errorf("%s, %d values: %+v, want max %g, mean %g", name, n, got, values[n-1], sum/float64(n))
			}
		}
	}
}

func TestHistogramTakesAnyNumber(t *testing.T) {
	c := New().Camera("gate")
	for _, ms := range []float64{math.NaN(), -1, 0, math.Inf(-1)} {
		c.Frame(Latency{Total: ms}, -3, 0)
	}
	if s := c.Snapshot(); s.Latency[Total] != (Quantiles{}) || s.Frames != 4 || s.People != 0 {
		t.Errorf("no times: %+v", s)
	}
	c.Frame(Latency{Total: math.Inf(1)}, 1, 0)
	if q := c.Snapshot().Latency[Total]; q.Max != math.MaxFloat32 || q.P50 != lowest*(1+1.0/64) || math.IsInf(q.Mean, 0) {
		t.Errorf("an endless time: %+v", q)
	}
}

func TestBucketsAreContiguous(t *testing.T) {
	for i := range buckets {
		if got := index(middle(i)); got != i {
			t.Fatalf("middle of bucket %d lies in bucket %d", i, got)
		}
	}
	if index(math.MaxFloat64) != buckets-1 || index(0) != 0 {
		t.Error("the ends do not hold")
	}
}

func TestFramesPerSecond(t *testing.T) {
	r, clock := registry()
	c := r.Camera("gate")
	if s := c.Snapshot(); s.FPS != 0 || s.MeanFPS != 0 {
		t.Errorf("before any frame: %+v", s)
	}
	frames := func(n int, every time.Duration) {
		for range n {
			c.Frame(Latency{}, 0, 0)
			clock.t = clock.t.Add(every)
		}
		clock.t = clock.t.Add(-every)
	}
	near := func(what string, got, want float64) {
		t.Helper()
		if math.Abs(got-want) > 0.05*want+1e-9 {
			t.Errorf("%s: %g, want %g", what, got, want)
		}
	}
	frames(1, 0)
	near("one frame", c.Snapshot().FPS, 0)
	clock.t = clock.t.Add(100 * time.Millisecond)
	frames(9, 100*time.Millisecond)
	near("short run", c.Snapshot().FPS, 10)
	near("short run, mean", c.Snapshot().MeanFPS, 10)
	clock.t = clock.t.Add(40 * time.Millisecond)
	frames(1000, 40*time.Millisecond)
	near("window after a change", c.Snapshot().FPS, 25)
	near("mean after a change", c.Snapshot().MeanFPS, 1009/(0.9+40))
	clock.t = clock.t.Add(time.Minute)
	near("after a pause", c.Snapshot().FPS, 0)
	near("mean after a pause", c.Snapshot().MeanFPS, 1009/(0.9+40))
	frames(300, 50*time.Millisecond)
	near("after it went on", c.Snapshot().FPS, 20)
}

func TestSeriesStaysBoundedAndKeepsMeansAndPeaks(t *testing.T) {
	for _, frames := range []int{0, 1, 511, 512, 513, 1025, 5000, 100_000} {
		var s series
		sum, people := 0.0, 0
		for i := range frames {
			ms := float64(i % 17)
			if i == frames/3 {
				ms = 999
			}
			sum, people = sum+ms, people+i%5
			s.add(float64(i)/25, ms, i%5)
		}
		points := s.points()
		if len(points) > seriesPoints || frames >= seriesPoints && len(points) < seriesPoints/2 || frames < seriesPoints && len(points) != frames {
			t.Fatalf("%d frames: %d points", frames, len(points))
		}
		gotSum, gotPeople, peak := 0.0, 0.0, 0.0
		for i, p := range points {
			n := float64(min(s.each, frames-i*s.each))
			gotSum, gotPeople, peak = gotSum+p.TotalMS*n, gotPeople+p.People*n, max(peak, p.PeakMS)
			if want := float64(i*s.each) / 25; p.PTS != want {
				t.Fatalf("%d frames: point %d at %g, want %g", frames, i, p.PTS, want)
			}
		}
		if math.Abs(gotSum-sum) > 1e-6*sum || math.Abs(gotPeople-float64(people)) > 1e-6*float64(people) || frames > 0 && peak != 999 {
			t.Errorf("%d frames: sums %g and %g, want %g and %d; peak %g", frames, gotSum, gotPeople, sum, people, peak)
		}
	}
}

func TestSnapshotCountsAndMerges(t *testing.T) {
	r, clock := registry()
	gate, yard := r.Camera("gate"), r.Camera("yard")
	if r.Camera("gate") != gate {
		t.Fatal("a second camera of one name")
	}
	for i := range 10 {
		gate.Frame(Latency{Decode: 1, Total: 10}, i, float64(i))
		clock.t = clock.t.Add(time.Second / 10)
	}
	yard.Frame(Latency{Decode: 3, Total: 1000}, 0, 0)
	gate.Dropped("newer picture")
	gate.Dropped("newer picture")
	gate.Dropped("rate limit")

	s := r.Snapshot()
	if len(s.Cameras) != 2 || s.Cameras[0].Name != "gate" || s.Cameras[1].Name != "yard" {
		t.Fatalf("cameras %+v", s.Cameras)
	}
	g := s.Cameras[0]
	if g.Frames != 10 || g.People != 4.5 || g.MaxPeople != 9 || len(g.Series) != 10 || g.Latency[Decode].P99 != 1 {
		t.Errorf("gate %+v", g)
	}
	if g.Dropped != 3 || g.DroppedBy["newer picture"] != 2 || g.DroppedBy["rate limit"] != 1 {
		t.Errorf("drops %d %v", g.Dropped, g.DroppedBy)
	}
	if all := s.Latency[Total]; all.Max != 1000 || all.Mean != 100 || math.Abs(all.P50-10) > 0.2 || all.P99 != 1000 {
		t.Errorf("all cameras %+v", all)
	}
	gate.Dropped("later")
	if len(g.DroppedBy) != 2 {
		t.Error("a snapshot changes afterwards")
	}
	text, err := json.Marshal(s)
	if err != nil || !strings.Contains(string(text), `"latency_ms":{"decode":{"mean":`) {
		t.Errorf("JSON %s, %v", text, err)
	}
}

func TestRestedFramesCountForTheRateOnly(t *testing.T) {
	c := New().Camera("gate")
	for i := range 6 {
		if i%3 > 0 {
			c.Rested()
			continue
		}
		c.Frame(Latency{Total: 10}, 4, float64(i))
	}
	s := c.Snapshot()
	if s.Frames != 6 || s.People != 4 || s.Latency[Total].P50 < 9 || len(s.Series) != 2 {
		t.Errorf("%+v", s)
	}
}

func TestFrameAndDroppedAllocateNothing(t *testing.T) {
	c := New().Camera("gate")
	c.Dropped("newer picture")
	pts := 0.0
	if n := testing.AllocsPerRun(5000, func() {
		pts += 0.04
		c.Frame(Latency{1, 2, 3, 4, 5, 15}, 7, pts)
		c.Dropped("newer picture")
	}); n != 0 {
		t.Errorf("%g allocations a frame", n)
	}
}

func TestManyGoroutines(t *testing.T) {
	r := New()
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			for i := range 1000 {
				r.Camera("gate").Frame(Latency{Total: 1}, 1, float64(i))
				r.Camera("yard").Dropped("late")
				if i%100 == 0 {
					r.Snapshot()
				}
			}
		})
	}
	wait.Wait()
	frames, drops := uint64(0), uint64(0)
	for _, c := range r.Snapshot().Cameras {
		frames, drops = frames+c.Frames, drops+c.Dropped
	}
	if frames != 4000 || drops != 4000 {
		t.Errorf("%d frames and %d drops, want 4000 each", frames, drops)
	}
}

func TestStageNames(t *testing.T) {
	if Decode.String() != "decode" || Total.String() != "total" || Stage(-1).String() != "stage -1" || StageCount.String() != "stage 6" {
		t.Error("names are wrong")
	}
}

func BenchmarkFrame(b *testing.B) {
	c := New().Camera("gate")
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		c.Frame(Latency{1, 2, 3, 4, 5, 15}, 7, float64(i))
	}
}
