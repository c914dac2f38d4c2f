package bench

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"time"

	"sightline/internal/camera"
	"sightline/internal/device"
	"sightline/internal/fleet"
	"sightline/internal/metrics"
	"sightline/internal/model"
	"sightline/internal/pipeline"
)

// Whole measures the full pipeline of live cameras, all of which play the same clip in real time, each from another
// place in it and at another moment within a frame.
type Whole struct {
	Device device.Device
	Clip   *Clip
	// Cameras are the numbers of cameras; see Run.
	Cameras []int
	// Pipeline gives a camera's options but for source, meter and sinks.
	Pipeline func(name string) pipeline.Options
	// Manager is the pipelines', whose batches are told.
	Manager   *model.Manager
	Warm, For time.Duration
	// Rounds is how often each number of cameras is measured while they run; 0 is once. The row is the round with the median p95 latency,
	// and held if all rounds were.
	Rounds int
	Logger *slog.Logger
}

// Watching is what a number of cameras did.
type Watching struct {
	Mode    string `json:"mode"`
	Cameras int    `json:"cameras"`
	// StartS is how long it took until every one had a result, in seconds.
	StartS float64 `json:"start_s"`
	Rate   float64 `json:"rate"`
	// FPS is of all cameras together, SlowestFPS of the one with the fewest results.
	FPS        float64 `json:"fps"`
	SlowestFPS float64 `json:"slowest_fps"`
	// Expected pictures were due in the time, Delivered are those of them that became results.
	Expected  int            `json:"expected"`
	Delivered int            `json:"delivered"`
	Share     float64        `json:"share"`
	Drops     map[string]int `json:"drops"`
	// People is the mean number of people in a picture.
	People float64 `json:"people"`
	// Latency is from when a picture was due to its result; Stages are parts of it, by name.
	Latency Times            `json:"latency"`
	Stages  map[string]Times `json:"stages"`
	Cores   float64          `json:"cores"`
	CPUMS   float64          `json:"cpu_ms"`
	// Camera is the memory that one camera takes.
	Camera Memory `json:"camera"`
	Load   Load   `json:"load"`
	// Batches are those of mode batched, by model.
	Batches map[string]Batching `json:"batches,omitempty"`
	Held    bool                `json:"held"`
	// Rounds are all rounds, of which this row is the one in the middle.
	Rounds []Round `json:"rounds"`
	Error  string  `json:"error,omitempty"`
}

// Round is what one round of a row measured.
type Round struct {
	FPS   float64 `json:"fps"`
	Share float64 `json:"share"`
	P50   float64 `json:"p50_ms"`
	P95   float64 `json:"p95_ms"`
	P99   float64 `json:"p99_ms"`
	Cores float64 `json:"cores"`
	Held  bool    `json:"held"`
}

// Batching is how one model's batches were filled: the mean of what lay in them and of what had room.
type Batching struct {
	PerSecond float64 `json:"per_second"`
	Items     float64 `json:"items"`
	Room      float64 `json:"room"`
}

// What a number of cameras must do to count as held, and how little ends a sweep.
const (
	heldShare   = .99
	heldLatency = 50 // ms at p95
	brokenShare = .70
)

// Run measures one number of cameras after the other and hands each result to each, until one number breaks: it
// fails, or delivers less than 70 % of the pictures.
func (b Whole) Run(ctx context.Context, each func(Watching)) error {
	for _, n := range b.Cameras {
		row := Watching{Cameras: n, Rate: float64(time.Second) / float64(b.Clip.interval)}
		if err := b.measure(ctx, &row); err != nil {
			if fatal := final(ctx, b.Device); fatal != nil {
				return fatal
			}
			row.Error, row.Held = err.Error(), false
		}
		each(row)
		if row.Error != "" || row.Share < brokenShare {
			return nil
		}
	}
	return nil
}

// grace is how long after the end pictures that were due before it may still become results.
const grace = 500 * time.Millisecond

func (b Whole) measure(ctx context.Context, row *Watching) (err error) {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	before := memory(b.Device)
	f := fleet.New(ctx, b.Device, b.Logger)
	defer func() {
		f.Abort()
		// The cause of a failure is the camera's own error.
		if e := f.Wait(); e != nil && (err == nil || errors.Is(err, errCamera)) {
			err = e
		}
	}()
	list, began := make([]*live, row.Cameras), time.Now()
	for i := range list {
		l := &live{clip: b.Clip, start: b.Clip.start(i, len(list)), phase: b.Clip.interval * time.Duration(i) / time.Duration(len(list))}
		list[i] = l
		o := b.Pipeline(fmt.Sprintf("camera-%d", i+1))
		o.Lossless, o.LowDelay, o.Meter, o.Sinks, o.Logger = false, true, l, []pipeline.Sink{l}, b.Logger
		o.Open = func(context.Context) (camera.Source, error) { return player{l}, nil }
		if err := f.Start(o); err != nil {
			return err
		}
	}
	go failing(ctx, stop, f)
	// Every camera first needs its contexts, a decoder and its graphs.
	started := func() bool {
		return !slices.ContainsFunc(list, func(l *live) bool { return l.results() == 0 })
	}
	if err := sleepUntil(ctx, 0, started); err != nil {
		return err
	}
	row.StartS = time.Since(began).Seconds()
	if err := sleepUntil(ctx, b.Warm, started); err != nil {
		return err
	}
	rounds := make([]Watching, max(1, b.Rounds))
	for i := range rounds {
		rounds[i] = *row
		if err := b.round(ctx, list, before, &rounds[i]); err != nil {
			return err
		}
	}
	*row = chooseWatching(rounds)
	return nil
}

// chooseWatching is the round with the median p95 latency, the worse one in the middle of an even number; it is held if all are.
func chooseWatching(rounds []Watching) Watching {
	row, _ := middle(rounds, func(r Watching) float64 {
		if r.Delivered == 0 {
			return math.Inf(-1)
		}
		return -r.Latency.P95
	})
	row.Rounds = nil
	for _, r := range rounds {
		row.Held = row.Held && r.Held
		row.Rounds = append(row.Rounds, Round{r.FPS, r.Share, r.Latency.P50, r.Latency.P95, r.Latency.P99, r.Cores, r.Held})
	}
	return row
}

// round measures the cameras, which run, for one stretch of time.
func (b Whole) round(ctx context.Context, list []*live, before Memory, row *Watching) error {
	always := func() bool { return true }
	s, batches := begin(b.Device), b.Manager.Batches()
	for _, l := range list {
		l.measure(s.began, s.began.Add(b.For))
	}
	err := sleepUntil(ctx, b.For, always)
	now := memory(b.Device)
	wall, cpu, load := s.end()
	row.Batches = batching(batches, b.Manager.Batches(), wall)
	row.Camera, row.Load = now.each(before, row.Cameras), load
	row.Cores = ratio(cpu.Seconds(), wall.Seconds())
	if err == nil {
		err = sleepUntil(ctx, grace, always)
	}
	row.sum(list, b.For, cpu)
	return err
}

// batching compares two counts of the batches.
func batching(before, after map[string]model.Batches, wall time.Duration) map[string]Batching {
	list := map[string]Batching{}
	for name, now := range after {
		was := before[name]
		n := float64(now.Count - was.Count)
		list[name] = Batching{ratio(n, wall.Seconds()), ratio(float64(now.Items-was.Items), n), ratio(float64(now.Room-was.Room), n)}
	}
	return list
}

// errCamera is the cause of a measurement that ends because a camera failed.
var errCamera = errors.New("a camera failed")

// failing ends the measurement when a camera fails, for which it would wait in vain.
func failing(ctx context.Context, stop context.CancelCauseFunc, f *fleet.Fleet) {
	for ctx.Err() == nil {
		for _, s := range f.Status() {
			if s.State == fleet.Failed {
				stop(errCamera)
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// sum puts the cameras' results together.
func (r *Watching) sum(list []*live, span, cpu time.Duration) {
	var total []float64
	var stages [metrics.StageCount][]float64
	r.Drops, r.Stages = map[string]int{}, map[string]Times{}
	people, slowest := 0, -1
	for _, l := range list {
		seen, drops, expected := l.told()
		r.Expected += expected
		r.Delivered += len(seen)
		if slowest < 0 || len(seen) < slowest {
			slowest = len(seen)
		}
		for cause, n := range drops {
			r.Drops[cause] += n
		}
		for _, s := range seen {
			people += s.people
			total = append(total, s.total)
			for i, ms := range s.stages {
				stages[i] = append(stages[i], ms)
			}
		}
	}
	n := float64(r.Delivered)
	r.FPS, r.SlowestFPS = ratio(n, span.Seconds()), ratio(float64(slowest), span.Seconds())
	r.Share, r.People, r.CPUMS = ratio(n, float64(r.Expected)), ratio(float64(people), n), ratio(milliseconds(cpu), n)
	r.Latency = NewTimes(total)
	for i, ms := range stages {
		if stage := metrics.Stage(i); stage != metrics.Total { // Latency is the whole, from the source on
			r.Stages[stage.String()] = NewTimes(ms)
		}
	}
	r.Held = r.Share >= heldShare && r.Latency.P95 < heldLatency
}

// MostHeld is the largest number of cameras whose every picture was looked at in time; 0 if none was held.
func MostHeld(rows []Watching) (cameras int) {
	held := slices.DeleteFunc(slices.Clone(rows), func(r Watching) bool { return !r.Held })
	if len(held) == 0 {
		return 0
	}
	return slices.MaxFunc(held, func(a, b Watching) int { return cmp.Compare(a.Cameras, b.Cameras) }).Cameras
}
