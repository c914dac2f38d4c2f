package bench

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"sightline/internal/device"
)

// lanes lets goroutines do the same thing again and again, and measures a stretch of it.
type lanes struct {
	device device.Device
	// work are the lanes: each call is one turn, of which the time counts.
	work []func() error
	// warm is how long they run before the time that is measured.
	warm, span time.Duration
	// rounds is how often repeat measures; 0 is once.
	rounds int
}

// phases of a measurement.
const (
	warming = iota
	measuring
	stopping
)

// turns is what was measured: the times of all turns that ended in the span, also by lane.
type turns struct {
	times     []float64
	lanes     [][]float64
	wall, cpu time.Duration
	load      Load
}

// rate is turns a second.
func (t turns) rate() float64 { return ratio(float64(len(t.times)), t.wall.Seconds()) }

// repeat measures every round, and warms up before the first.
func (l lanes) repeat(ctx context.Context) (list []turns, err error) {
	for range max(1, l.rounds) {
		t, err := l.run(ctx)
		if err != nil {
			return nil, err
		}
		list, l.warm = append(list, t), 0
	}
	return list, nil
}

// run stops at the first lane's error. A span in which some lane would not have ended a turn is made longer, up to
// patience times: a slow machine must give a figure too.
func (l lanes) run(ctx context.Context) (t turns, err error) {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var phase, warmed, counted atomic.Int64
	all := make([][]float64, len(l.work))
	var running sync.WaitGroup
	for i, work := range l.work {
		all[i] = make([]float64, 0, 1<<14)
		running.Go(func() {
			for n := 0; phase.Load() != stopping && ctx.Err() == nil; n++ {
				began := time.Now()
				if err := work(); err != nil {
					stop(err)
					return
				}
				took := time.Since(began)
				if n == 0 {
					warmed.Add(1)
				}
				if phase.Load() != measuring {
					continue
				}
				if all[i] = append(all[i], milliseconds(took)); len(all[i]) == 1 {
					counted.Add(1)
				}
			}
		})
	}
	n := int64(len(l.work))
	err = sleepUntil(ctx, l.warm, func() bool { return warmed.Load() == n })
	if err == nil {
		s := begin(l.device)
		phase.Store(measuring)
		err = sleepUntil(ctx, l.span, func() bool { return counted.Load() == n })
		phase.Store(stopping)
		t.wall, t.cpu, t.load = s.end()
	}
	phase.Store(stopping)
	running.Wait()
	if cause := context.Cause(ctx); cause != nil {
		return t, cause
	}
	t.times, t.lanes = slices.Concat(all...), all
	return t, err
}

// patience is how much longer than asked for anything may take: many cameras need a while to start.
const patience = 2 * time.Minute

var errSlow = errors.New("some of it came to nothing for two minutes")

// sleepUntil sleeps for a time, and on until enough says so.
func sleepUntil(ctx context.Context, d time.Duration, enough func() bool) error {
	began := time.Now()
	wait := d
	for {
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		switch {
		case enough():
			return nil
		case time.Since(began) > d+patience:
			return errSlow
		}
		wait = 5 * time.Millisecond
	}
}
