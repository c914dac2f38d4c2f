package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"sightline/internal/bench"
	"sightline/internal/config"
	"sightline/internal/device"
	"sightline/internal/fetch"
	"sightline/internal/model"
)

const benchHelp = `
Measures this machine with the cameras and models of demo.yaml, or of the configuration given:

  pipeline   the whole pipeline, files as fast as they go, results encoded and thrown away
  bare       the same decoding and the same four ONNX Runtime calls in a plain Go loop
  python     the same in Python with numpy (models/reference_loop.py; needs numpy, pillow, onnxruntime):
             one process that takes the clips one after the other, with a thread a core
  pythons    the same with a process a clip at the same time
  overhead   what a frame costs when models and kernels cost nothing, from 1 to 64 cameras

All but the last take turns for --rounds rounds, with each number of cameras; medians and the largest
distance from them are told. CPU counts the ffmpeg processes too. Only device host can be measured yet.
`

// measurement is one kind of run with one number of cameras.
type measurement struct {
	Kind    string         `json:"kind"`
	Cameras int            `json:"cameras"`
	Rounds  []bench.Figure `json:"rounds"`
}

type benchReport struct {
	Version  string           `json:"version"`
	Command  string           `json:"command"`
	Device   device.Info      `json:"device"`
	Machine  string           `json:"machine"`
	Time     time.Time        `json:"time"`
	Runs     []*measurement   `json:"runs,omitempty"`
	Overhead []bench.Overhead `json:"overhead,omitempty"`
}

type benchOptions struct {
	what    []string
	cameras []int
	rounds  int
	python  string
	out     string
	empty   []int
	frames  int
	mode    string
}

func benchCommand(ctx context.Context, e *environment, args []string) error {
	what := e.flags.String("what", "pipeline,bare,overhead", "what to measure, in this order")
	cameras := e.flags.String("cameras", "1,4", "numbers of cameras: the first ones of the configuration")
	empty := e.flags.String("empty", "1,4,16,64", "overhead: numbers of cameras")
	var o benchOptions
	e.flags.IntVar(&o.frames, "frames", 3000, "overhead: frames over all cameras, after a warm-up of as many")
	e.flags.IntVar(&o.rounds, "rounds", 3, "rounds")
	e.flags.StringVar(&o.python, "python", "python3", "Python interpreter")
	e.flags.StringVar(&o.out, "out", "", "write everything as JSON to this file")
	e.flags.StringVar(&o.mode, "mode", "", "inference mode (default: the configuration's)")
	path := e.flags.String("config", "", "configuration (default: demo.yaml)")
	if err := e.parse(args, slog.LevelError); err != nil {
		return err
	}
	o.what = strings.Split(*what, ",")
	for _, w := range o.what {
		if !slices.Contains([]string{"pipeline", "bare", "python", "pythons", "overhead"}, w) {
			return misuse("cannot measure %q: expected pipeline, bare, python, pythons or overhead", w)
		}
	}
	var err error
	if o.cameras, err = numbers(*cameras); err == nil {
		o.empty, err = numbers(*empty)
	}
	if err != nil {
		return err
	}
	if *path == "" {
		if *path, err = demoConfig(); err != nil {
			return err
		}
	}
	c, err := config.Load(*path)
	if err != nil {
		return err
	}
	if c.Device != "host" {
		return fmt.Errorf("device %s: %w: only device host can be measured yet", c.Device, device.ErrUnavailable)
	}
	if o.mode != "" {
		c.Inference.Mode = o.mode
	}
	return runBench(ctx, e, c, o)
}

func numbers(text string) (list []int, err error) {
	for _, word := range strings.Split(text, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(word))
		if err != nil || n < 1 {
			return nil, misuse("%q: expected numbers of cameras, such as 1,4", text)
		}
		list = append(list, n)
	}
	return list, nil
}

func runBench(ctx context.Context, e *environment, c *config.Config, o benchOptions) error {
	d, err := openDevice(ctx, deviceOptions{kind: c.Device, logger: e.logger})
	if err != nil {
		return err
	}
	r := benchReport{Version: version(), Command: strings.Join(os.Args, " "), Device: d.Info(), Machine: machine(), Time: time.Now().UTC().Truncate(time.Second)}
	fmt.Fprintf(e.out, "%s on %s, %s; %s; %s\n\n", r.Device.Runtime, r.Device.Name, r.Machine, r.Version, r.Time.Format(time.DateOnly))
	if slices.Contains(o.what, "overhead") {
		r.Overhead, err = benchOverhead(ctx, e, d, c, o)
	}
	if err = errors.Join(err, d.Close()); err != nil {
		return err
	}
	if r.Runs, err = benchRounds(ctx, e, c, o); err != nil {
		return err
	}
	sayRuns(e, r.Runs)
	if o.out == "" {
		return nil
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(o.out, append(text, '\n'), 0o666)
}

func benchOverhead(ctx context.Context, e *environment, d device.Device, c *config.Config, o benchOptions) (list []bench.Overhead, err error) {
	const people = 4
	fmt.Fprintf(e.out, "overhead of a frame with %d people, models and kernels empty, mode %s\n", people, c.Inference.Mode)
	fmt.Fprintf(e.out, "%8s  %12s  %12s  %12s  %10s\n", "cameras", "CPU us", "wall us", "allocations", "bytes")
	for _, n := range o.empty {
		frames := max(o.frames/n, 50)
		one, err := bench.Empty{Device: d, Mode: model.Mode(c.Inference.Mode), Cameras: n, People: people, Warm: frames, Frames: frames}.Run(ctx)
		if err != nil {
			return nil, err
		}
		list = append(list, one)
		fmt.Fprintf(e.out, "%8d  %12.1f  %12.1f  %12.3f  %10.0f\n", n, micro(one.CPU), micro(one.Wall), one.Allocations, one.Bytes)
	}
	fmt.Fprintln(e.out)
	return list, nil
}

func micro(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// benchRounds lets the kinds take turns, so that a machine that slows down slows all of them.
func benchRounds(ctx context.Context, e *environment, c *config.Config, o benchOptions) (list []*measurement, err error) {
	kinds := slices.DeleteFunc(slices.Clone(o.what), func(w string) bool { return w == "overhead" })
	for _, n := range o.cameras {
		if n > len(c.Cameras) {
			return nil, fmt.Errorf("%d cameras asked for, the configuration has %d", n, len(c.Cameras))
		}
		first := len(list)
		for _, k := range kinds {
			list = append(list, &measurement{Kind: k, Cameras: n})
		}
		for round := range o.rounds {
			for _, m := range list[first:] {
				if ctx.Err() != nil {
					return nil, errors.New("interrupted")
				}
				f, err := benchOnce(ctx, e, c, o, m)
				if err != nil {
					return nil, fmt.Errorf("%s with %d cameras: %w", m.Kind, n, err)
				}
				m.Rounds = append(m.Rounds, f)
				fmt.Fprintf(e.err, "round %d: %s, %d cameras: %.2f fps, %.1f ms CPU a frame\n", round+1, m.Kind, n, f.FPS(), f.CPUMilliseconds())
			}
		}
	}
	return list, nil
}

func benchOnce(ctx context.Context, e *environment, c *config.Config, o benchOptions, m *measurement) (bench.Figure, error) {
	var clips []string
	for i := range m.Cameras {
		clips = append(clips, c.Cameras[i].Source.Reveal())
	}
	if m.Kind == "pipeline" {
		return benchPipeline(ctx, e, c, m.Cameras)
	}
	ffmpeg, err := fetch.FFmpeg(ctx, fetch.Options{Log: e.logger})
	if err != nil {
		return bench.Figure{}, err
	}
	var models [4][]byte
	named := map[string][]byte{}
	for i, task := range config.Tasks {
		chosen := c.Models.Of(task)
		if chosen == nil {
			return bench.Figure{}, fmt.Errorf("the configuration has no model for %s", task)
		}
		if models[i], err = chosen.Card.ReadModel(); err != nil {
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
		script := filepath.Join(filepath.Dir(c.Models.Detection.Card.Path), "reference_loop.py")
		return bench.Python{Interpreter: o.python, Script: script, FFmpeg: ffmpeg, Models: named, Threads: threads, Together: together}.Run(clips)
	}
	library, err := fetch.ONNXRuntime(ctx, fetch.Options{Log: e.logger})
	if err != nil {
		return bench.Figure{}, err
	}
	b := &bench.Bare{FFmpeg: ffmpeg, Models: models, Batch: c.Models.Pose.Batch, Threads: threads}
	if err := b.Open(library); err != nil {
		return bench.Figure{}, err
	}
	f, err := b.Run(clips)
	return f, errors.Join(err, b.Close())
}

// benchPipeline runs the first n cameras of the configuration, without sinks.
func benchPipeline(ctx context.Context, e *environment, c *config.Config, n int) (f bench.Figure, err error) {
	few := *c
	few.Cameras, few.Sinks = c.Cameras[:n], nil
	s, err := openSession(ctx, &few, nil, deviceOptions{kind: c.Device, threads: few.HostThreads(runtime.NumCPU()), logger: e.logger})
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

func sayRuns(e *environment, runs []*measurement) {
	if len(runs) == 0 {
		return
	}
	fmt.Fprintf(e.out, "%-10s %8s %8s %8s  %10s %8s  %12s\n", "", "cameras", "frames", "people", "fps", "+-", "CPU ms/frame")
	for _, m := range runs {
		var fps, cpu []float64
		for _, f := range m.Rounds {
			fps, cpu = append(fps, f.FPS()), append(cpu, f.CPUMilliseconds())
		}
		middle, spread := bench.Median(fps)
		used, _ := bench.Median(cpu)
		fmt.Fprintf(e.out, "%-10s %8d %8d %8d  %10.2f %7.1f%%  %12.1f\n", m.Kind, m.Cameras, m.Rounds[0].Frames, m.Rounds[0].People, middle, 100*spread, used)
	}
}
