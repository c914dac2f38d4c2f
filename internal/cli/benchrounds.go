package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"sightline/internal/bench"
	"sightline/internal/device"
	"sightline/internal/fetch"
	"sightline/internal/model"
)

// measurement is one kind of run with one number of cameras.
type measurement struct {
	Kind    string         `json:"kind"`
	Cameras int            `json:"cameras"`
	Rounds  []bench.Figure `json:"rounds"`
}

// rounds measures the kinds that take turns.
func (b *bencher) rounds(ctx context.Context) (err error) {
	b.report.Runs, err = b.takeTurns(ctx)
	b.sayRuns()
	return err
}

func (b *bencher) overhead(ctx context.Context, d device.Device) error {
	const people = 4
	mode := b.config.Inference.Mode
	b.say("overhead of a frame with %d people, models and kernels empty, mode %s\n", people, mode)
	b.say("%8s  %12s  %12s  %12s  %10s\n", "cameras", "CPU us", "wall us", "allocations", "bytes")
	for _, n := range b.o.empty {
		frames := max(b.o.frames/n, 50)
		one, err := bench.Empty{Device: d, Mode: model.Mode(mode), Cameras: n, People: people, Warm: frames, Frames: frames}.Run(ctx)
		if err != nil {
			return err
		}
		b.report.Overhead = append(b.report.Overhead, one)
		b.say("%8d  %12.1f  %12.1f  %12.3f  %10.0f\n", n, micro(one.CPU), micro(one.Wall), one.Allocations, one.Bytes)
		b.save()
	}
	b.say("\n")
	return nil
}

func micro(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// takeTurns lets the kinds take turns, so that a machine that slows down slows all of them.
func (b *bencher) takeTurns(ctx context.Context) (list []*measurement, err error) {
	c, o := b.config, b.o
	kinds := slices.DeleteFunc(slices.Clone(o.what), func(w string) bool { return w != "pipeline" && !slices.Contains(hostKinds, w) })
	if len(kinds) == 0 {
		return nil, nil
	}
	for _, n := range orDefault(o.cameras, slices.Compact([]int{1, min(4, len(c.Cameras))})...) {
		first := len(list)
		for _, k := range kinds {
			list = append(list, &measurement{Kind: k, Cameras: n})
		}
		for round := range o.rounds {
			for _, m := range list[first:] {
				if ctx.Err() != nil {
					return list, bench.ErrInterrupted
				}
				f, err := b.once(ctx, m)
				if err != nil {
					return list, fmt.Errorf("%s with %d cameras: %w", m.Kind, n, err)
				}
				m.Rounds = append(m.Rounds, f)
				fmt.Fprintf(b.err, "round %d: %s, %d cameras: %.2f fps, %.1f ms CPU a frame\n", round+1, m.Kind, n, f.FPS(), f.CPUMilliseconds())
			}
		}
	}
	return list, nil
}

func (b *bencher) once(ctx context.Context, m *measurement) (bench.Figure, error) {
	c := b.config
	var clips []string
	for i := range m.Cameras {
		clips = append(clips, c.Cameras[i].Source.Reveal())
	}
	if m.Kind == "pipeline" {
		return b.pipeline(ctx, m.Cameras)
	}
	ffmpeg, err := fetch.FFmpeg(ctx, fetch.Options{Log: b.logger})
	if err != nil {
		return bench.Figure{}, err
	}
	var models [4][]byte
	named := map[string][]byte{}
	for i, task := range model.Tasks {
		chosen := c.Models.Task(task)
		if models[i], err = readModel(&chosen.Card); err != nil {
			return bench.Figure{}, err
		}
		named[chosen.Card.Name()] = models[i]
	}
	threads := max(1, runtime.NumCPU()/m.Cameras)
	if m.Kind == "python" || m.Kind == "pythons" {
		together := m.Kind == "pythons"
		if !together {
			threads = runtime.NumCPU()
		}
		script := filepath.Join(filepath.Dir(c.Models.Task("detection").Card.Path), "reference_loop.py")
		return bench.Python{Interpreter: b.o.python, Script: script, FFmpeg: ffmpeg, Models: named, Threads: threads, Together: together}.Run(clips)
	}
	library, err := fetch.ONNXRuntime(ctx, fetch.Options{Log: b.logger})
	if err != nil {
		return bench.Figure{}, err
	}
	bare := &bench.Bare{FFmpeg: ffmpeg, Models: models, Batch: c.Models.Task("pose").Batch, Threads: threads}
	if err := bare.Open(library); err != nil {
		return bench.Figure{}, err
	}
	f, err := bare.Run(ctx, clips)
	return f, errors.Join(err, bare.Close())
}

// pipeline runs the first n cameras of the configuration, without sinks.
func (b *bencher) pipeline(ctx context.Context, n int) (f bench.Figure, err error) {
	few := *b.config
	few.Cameras, few.Sinks = few.Cameras[:n], nil
	s, err := openSession(ctx, &few, nil, configuredDevice(&few, b.logger))
	if err != nil {
		return f, err
	}
	cpu := bench.CPUTime()
	err = errors.Join(s.start(ctx, false), s.wait(nil))
	f.Wall, f.CPU = s.elapsed, bench.CPUTime()-cpu
	for _, w := range s.watchers {
		f.Frames += int(w.frames.Load())
	}
	for _, camera := range s.registry.Snapshot().Cameras {
		f.People += int(camera.People*float64(camera.Frames) + .5)
	}
	return f, errors.Join(err, s.close())
}

// spread is the largest distance of the rounds from the one that is shown, for a table; nothing where there was one.
func spread(shown float64, rounds []float64) string {
	if len(rounds) < 2 || shown == 0 {
		return ""
	}
	return fmt.Sprintf("%.1f%%", 100*bench.Spread(shown, rounds))
}

func (b *bencher) sayRuns() {
	if len(b.report.Runs) == 0 {
		return
	}
	b.say("%-10s %8s %8s %8s  %10s %8s  %12s\n", "", "cameras", "frames", "people", "fps", "+-", "CPU ms/frame")
	for _, m := range b.report.Runs {
		if len(m.Rounds) == 0 {
			continue // an earlier one failed
		}
		var fps, cpu []float64
		for _, f := range m.Rounds {
			fps, cpu = append(fps, f.FPS()), append(cpu, f.CPUMilliseconds())
		}
		middle, spread := bench.Median(fps)
		used, _ := bench.Median(cpu)
		b.say("%-10s %8d %8d %8d  %10.2f %7.1f%%  %12.1f\n", m.Kind, m.Cameras, m.Rounds[0].Frames, m.Rounds[0].People, middle, 100*spread, used)
	}
}
