package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"sightline/internal/bench"
	"sightline/internal/config"
	"sightline/internal/device"
	"sightline/internal/model"
	"sightline/internal/pipeline"
)

// whole measures live cameras in every mode asked for.
func (b *bencher) whole(ctx context.Context, d device.Device) error {
	clips, err := b.clips()
	if err != nil {
		return err
	}
	clip, err := readClip(ctx, clips[0], b.o.fps)
	if err != nil {
		return fmt.Errorf("%s: %w", clips[0], err)
	}
	b.report.Held = map[string]int{}
	var errs []error
	for _, mode := range orDefault(b.o.modes, b.config.Inference.Mode) {
		if ctx.Err() != nil || d.Cause() != nil {
			break
		}
		if err := b.wholeMode(ctx, d, clip, mode); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", mode, err))
		}
	}
	return errors.Join(errs...)
}

func (b *bencher) wholeMode(ctx context.Context, d device.Device, clip *bench.Clip, mode string) (err error) {
	m, err := modelConfig(b.config, d, b.logger)
	if err != nil {
		return err
	}
	m.Mode = model.Mode(mode)
	manager, err := model.New(m)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, manager.Close()) }()
	quiet := *b.config
	quiet.Sinks = nil
	w := bench.Whole{
		Device: d, Clip: clip, Cameras: orDefault(b.o.cameras, 1, 10, 30, 50, 100, 150), Logger: b.logger,
		Manager: manager, Warm: cmp.Or(b.o.warm, 3*time.Second), For: cmp.Or(b.o.span, 5*time.Second), Rounds: b.o.rounds,
		Pipeline: func(name string) pipeline.Options {
			o := pipelineOptions(&quiet, liveCamera(&quiet, name))
			o.Device, o.Manager = d, manager
			return o
		},
	}
	b.say("live cameras of %g pictures a second, mode %s; latency from when a picture was due to its result\n", b.o.fps, mode)
	b.say("%7s %8s %7s %8s %7s  %8s %8s %6s %8s  %6s %7s %6s %7s %8s %8s  %s\n", "cameras", "fps", "share", "slowest", "people", "p50 ms", "p95 ms", "+-", "p99 ms",
		"cores", "CPU ms", "GPU %", "NVDEC %", "GPU MB", "MB/cam", "")
	var rows []bench.Watching
	err = w.Run(ctx, func(r bench.Watching) {
		r.Mode = mode
		rows = append(rows, r)
		b.tellWatching(r)
	})
	if len(rows) == 0 {
		return err
	}
	b.report.Held[mode] = bench.MostHeld(rows)
	if n := b.report.Held[mode]; n > 0 {
		b.say("most cameras held, of the numbers tried: %d\n\n", n)
	} else {
		b.say("no number of cameras was held\n\n")
	}
	return err
}

// liveCamera is a camera that plays a file in real time, with the settings of all cameras.
func liveCamera(c *config.Config, name string) *config.Camera {
	return &config.Camera{Name: name, Realtime: true, Tracking: config.CameraTracking(c.Tracking)}
}

func (b *bencher) tellWatching(r bench.Watching) {
	b.report.Whole = append(b.report.Whole, r)
	b.save()
	if r.Error != "" {
		b.say("%7d %s\n", r.Cameras, oneLine(r.Error))
		return
	}
	notes := []string{fmt.Sprintf("start %.1f s", r.StartS)}
	if r.Held {
		notes = append(notes, "held")
	}
	for _, name := range slices.Sorted(maps.Keys(r.Batches)) {
		notes = append(notes, fmt.Sprintf("%s %.0f of %.0f", name, r.Batches[name].Items, r.Batches[name].Room))
	}
	for _, cause := range slices.Sorted(maps.Keys(r.Drops)) {
		notes = append(notes, fmt.Sprintf("%d dropped (%s)", r.Drops[cause], cause))
	}
	var late []float64
	for _, one := range r.Rounds {
		late = append(late, one.P95)
	}
	b.say("%7d %8.1f %6.1f%% %8.1f %7.1f  %8.1f %8.1f %6s %8.1f  %6.2f %7.2f %6.0f %7.0f %8.0f %8.1f  %s\n", r.Cameras, r.FPS, 100*r.Share, r.SlowestFPS, r.People,
		r.Latency.P50, r.Latency.P95, spread(r.Latency.P95, late), r.Latency.P99, r.Cores, r.CPUMS, r.Load.GPU, r.Load.Decoder, r.Load.MemoryMB, max(r.Camera.Pool, r.Camera.GPU), strings.Join(notes, ", "))
}
