package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"sightline/internal/bench"
	"sightline/internal/device"
	"sightline/internal/model"
)

// fixedStreams are what mode fixed tries: on one GPU more than a few full batches at once only wait for each other.
var fixedStreams = []int{1, 2, 4, 8}

// infer measures every model in every mode. A model that cannot be loaded does not keep the others from being measured.
func (b *bencher) infer(ctx context.Context, d device.Device) error {
	all, err := modelConfig(b.config, d, b.logger)
	if err != nil {
		return err
	}
	b.say("inference alone: MB is the memory of a lane's context, in our pool and by the GPU's count\n")
	b.say("%-18s %-16s %5s %5s  %10s %6s %8s %8s %8s %6s %8s %8s %5s\n", "model", "mode", "lanes", "items", "items/s", "+-",
		"p50 ms", "p99 ms", "CPU ms", "cores", "MB pool", "MB GPU", "GPU %")
	var errs []error
	modes := orDefault(b.o.modes, inferModes...)
	all.Models = slices.DeleteFunc(all.Models, func(s model.Spec) bool { return len(b.o.tasks) > 0 && !slices.Contains(b.o.tasks, s.Task) })
	if slices.Contains(modes, bench.TogetherMode) {
		warm, span := b.inferTimes()
		t := bench.Together{Device: d, Specs: all.Models, Streams: b.streamsOf(), Warm: warm, For: span, Rounds: b.o.rounds}
		if err := t.Run(ctx, b.tellInference); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", bench.TogetherMode, err))
		}
		modes = slices.DeleteFunc(slices.Clone(modes), func(m string) bool { return m == bench.TogetherMode })
	}
	for _, spec := range all.Models {
		for _, mode := range modes {
			if err := b.inferMode(ctx, all, spec, mode); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", mode, err))
			}
			if ctx.Err() != nil || d.Cause() != nil {
				return errors.Join(errs...)
			}
		}
	}
	b.say("\n")
	return errors.Join(errs...)
}

// inferTimes are how long each row runs before it is measured, and then.
func (b *bencher) inferTimes() (warm, span time.Duration) {
	return cmp.Or(b.o.warm, 500*time.Millisecond), cmp.Or(b.o.span, 700*time.Millisecond)
}

// streamsOf are the numbers of streams that full batches are tried on: none above the largest number of lanes.
func (b *bencher) streamsOf() []int {
	most := slices.Max(orDefault(b.o.lanes, 1))
	return slices.DeleteFunc(slices.Clone(fixedStreams), func(n int) bool { return n > most })
}

func (b *bencher) inferMode(ctx context.Context, all model.Config, spec model.Spec, mode string) error {
	warm, span := b.inferTimes()
	lanes := orDefault(b.o.lanes, 1)
	if mode == bench.FixedMode {
		return bench.Fixed{Device: all.Device, Spec: spec, Streams: b.streamsOf(), Warm: warm, For: span, Rounds: b.o.rounds}.Run(ctx, b.tellInference)
	}
	settings := []batching{{all.Workers, all.MaxWait}}
	if mode == string(model.Batched) {
		settings = orDefault(b.o.batching, settings...)
	}
	for _, s := range settings {
		one := all
		one.Models, one.Workers, one.MaxWait, one.Mode = []model.Spec{spec}, s.workers, s.wait, model.Mode(mode)
		if mode == bench.Direct {
			one.Mode = model.Parallel
		}
		infer := bench.Infer{Device: all.Device, Config: one, Graph: one.Mode == model.Parallel && mode != bench.Direct, Lanes: lanes, Items: b.o.items, Warm: warm, For: span, Rounds: b.o.rounds}
		if err := infer.Run(ctx, b.tellInference); err != nil {
			return err
		}
	}
	return nil
}

func (b *bencher) tellInference(r bench.Inference) {
	b.report.Infer = append(b.report.Infer, r)
	b.save()
	mode := r.Mode
	if r.Workers > 0 {
		mode += fmt.Sprintf(" %d/%gms", r.Workers, r.MaxWaitMS)
	}
	if r.Error != "" {
		b.say("%-18s %-16s %5d %5d  %s\n", r.Model, mode, r.Lanes, r.Items, oneLine(r.Error))
		return
	}
	b.say("%-18s %-16s %5d %5d  %10.0f %6s %8.3f %8.3f %8.3f %6.2f %8.1f %8.1f %5.0f\n", r.Model, mode, r.Lanes, r.Items, r.ItemsPerSecond, spread(r.ItemsPerSecond, r.Rounds),
		r.Turn.P50, r.Turn.P99, r.CPUMS, r.Cores, r.Context.Pool, r.Context.GPU, r.Load.GPU)
}
