package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"

	"sightline/internal/bench"
	"sightline/internal/config"
	"sightline/internal/device"
	"sightline/internal/model"
)

const benchHelp = `
Measures this machine with the cameras and models of demo.yaml, or of the configuration given:

  infer      one model's inference alone, for every model, mode and number of lanes
  decode     decoders alone, fed from memory with each --clip as fast as they take
  whole      the full pipeline of live cameras that play the first --clip in real time: how many hold its rate
  pipeline   the whole pipeline, files as fast as they go, results encoded and thrown away
  bare       the same decoding and the same four ONNX Runtime calls in a plain Go loop
  python     the same in Python with numpy (models/reference_loop.py; needs numpy, pillow, onnxruntime):
             one process that takes the clips one after the other, with a thread a core
  pythons    the same with a process a clip at the same time
  overhead   what a frame costs when models and kernels cost nothing, from 1 to 64 cameras

By default cuda measures infer,decode,whole and host pipeline,bare,overhead; bare, python and pythons are for device
host and configurations with a model of each of the four tasks only. Each row but overhead's is measured --rounds
times. infer, decode and whole tell the round in the middle, by items or pictures a second, whole by p95 latency, and
+- the largest distance from it (--out has all rounds); pipeline, bare, python and pythons take turns and tell medians.
CPU counts the ffmpeg processes too, but not those of decode and whole.

Modes of infer: serialized, direct (parallel without graphs), parallel, batched, and fixed: always full batches on
1 to 8 streams with nothing around them, the best there is for batched to come near; together: those of all models
at once. A clip is read into memory whole, and should be without B-pictures, which delay every picture. whole stops
at the first number of cameras that delivers less than 70 % of the pictures; held is 99 % of them with a p95
latency, from when a picture was due to its result, below 50 ms, in every round. --out is written after every row:
what was measured survives what comes after.
`

type benchReport struct {
	Version  string            `json:"version"`
	Command  string            `json:"command"`
	Device   device.Info       `json:"device"`
	Machine  string            `json:"machine"`
	Time     time.Time         `json:"time"`
	Infer    []bench.Inference `json:"infer,omitempty"`
	Decode   []bench.Decoding  `json:"decode,omitempty"`
	Whole    []bench.Watching  `json:"whole,omitempty"`
	Held     map[string]int    `json:"held,omitempty"`
	Runs     []*measurement    `json:"runs,omitempty"`
	Overhead []bench.Overhead  `json:"overhead,omitempty"`
}

// benchOptions are the command line. An empty list or 0 is the default of each kind.
type benchOptions struct {
	device   string
	what     []string
	modes    []string
	cameras  []int
	lanes    []int
	streams  []int
	empty    []int
	clips    []string
	tasks    []string
	batching []batching
	items    int
	fps      float64
	span     time.Duration
	warm     time.Duration
	rounds   int
	frames   int
	python   string
	out      string
	json     bool
	lowDelay bool
	leave    bool
	config   string
}

// batching is one setting of mode batched.
type batching struct {
	workers int
	wait    time.Duration
}

// benchKinds are what can be measured, and those of them that need device host.
var (
	benchKinds = []string{"infer", "decode", "whole", "pipeline", "bare", "python", "pythons", "overhead"}
	hostKinds  = []string{"bare", "python", "pythons"}
	// The modes of infer; the others know those of the configuration.
	inferModes  = []string{string(model.Serialized), bench.Direct, string(model.Parallel), string(model.Batched), bench.FixedMode, bench.TogetherMode}
	sharedModes = []string{string(model.Serialized), string(model.Parallel), string(model.Batched)}
)

// flags defines the flags; the function that it returns reads their lists once they are parsed.
func (o *benchOptions) flags(f *flag.FlagSet) func() error {
	text := map[string]*string{}
	list := func(name, value, usage string) { text[name] = f.String(name, value, usage) }
	list("what", "", "what to measure, in this order (default: see above)")
	list("mode", "", "inference modes (default: infer all of them, otherwise the configuration's)")
	list("cameras", "", "numbers of cameras (default: whole 1,10,30,50,100,150; pipeline and others 1,4, the first ones of the configuration)")
	list("lanes", "1,4,8,16,32", "infer: numbers of lanes")
	list("streams", "1,2,4,7,8,14,16,32", "decode: numbers of decoders")
	list("empty", "1,4,16,64", "overhead: numbers of cameras")
	list("clip", "", "decode, whole: recordings (default: the configuration's first file)")
	list("tasks", "", "infer: models by task (default: all)")
	list("batching", "", "infer: settings of mode batched, as workers/max-wait,… such as 1/1ms,2/2ms,4/500us (default: the configuration's)")
	f.StringVar(&o.device, "device", "", "cuda or host (default: the configuration's)")
	f.IntVar(&o.items, "items", 1, "infer: people in one inference of a model for people")
	f.BoolVar(&o.leave, "leave", false, "decode: leave the pictures in the decoder: what the hardware does alone")
	f.BoolVar(&o.lowDelay, "low-delay", true, "decode: each picture as soon as it is decoded, as cameras have it; false lets decoders run ahead")
	f.Float64Var(&o.fps, "fps", 30, "whole: pictures a second that the clip is played with")
	f.DurationVar(&o.span, "for", 0, "infer, decode, whole: time measured in each round (default 700ms, 1.5s, 5s)")
	f.DurationVar(&o.warm, "warm", 0, "infer, decode, whole: time before it (default 500ms, 1s, 3s)")
	f.IntVar(&o.frames, "frames", 3000, "overhead: frames over all cameras, after a warm-up of as many")
	f.IntVar(&o.rounds, "rounds", 3, "how often each row is measured; not for overhead")
	f.StringVar(&o.python, "python", "python3", "Python interpreter")
	f.StringVar(&o.out, "out", "", "write everything as JSON to this file")
	f.BoolVar(&o.json, "json", false, "print the JSON instead of the tables")
	f.StringVar(&o.config, "config", "", "the same as CONFIG (default: demo.yaml)")
	return func() (err error) {
		for _, n := range []struct {
			name string
			to   *[]int
		}{{"cameras", &o.cameras}, {"lanes", &o.lanes}, {"streams", &o.streams}, {"empty", &o.empty}} {
			if *n.to, err = numbers(n.name, *text[n.name]); err != nil {
				return err
			}
		}
		o.what, o.modes, o.clips, o.tasks = words(*text["what"]), words(*text["mode"]), words(*text["clip"]), words(*text["tasks"])
		if o.batching, err = batchings(*text["batching"]); err != nil {
			return err
		}
		return o.check()
	}
}

// words splits at commas; nothing has no words.
func words(text string) (list []string) {
	for _, w := range strings.Split(text, ",") {
		if w = strings.TrimSpace(w); w != "" {
			list = append(list, w)
		}
	}
	return list
}

func numbers(flag, text string) (list []int, err error) {
	for _, word := range words(text) {
		n, err := strconv.Atoi(word)
		if err != nil || n < 1 {
			return nil, misuse("--%s %q: expected numbers, such as 1,4", flag, text)
		}
		list = append(list, n)
	}
	return list, nil
}

func batchings(text string) (list []batching, err error) {
	for _, word := range words(text) {
		workers, wait, _ := strings.Cut(word, "/")
		var b batching
		var wrong error
		b.workers, err = strconv.Atoi(workers)
		b.wait, wrong = time.ParseDuration(wait)
		if err != nil || wrong != nil || b.workers < 1 || b.wait < 0 {
			return nil, misuse("--batching %q: expected workers/max-wait, such as 2/2ms", word)
		}
		list = append(list, b)
	}
	return list, nil
}

// check finds what can be known to be wrong without a configuration.
func (o *benchOptions) check() error {
	for _, w := range o.what {
		if !slices.Contains(benchKinds, w) {
			return misuse("cannot measure %q: expected one of %s", w, strings.Join(benchKinds, ", "))
		}
	}
	for _, m := range o.modes {
		if !slices.Contains(inferModes, m) {
			return misuse("--mode %q: expected one of %s", m, strings.Join(inferModes, ", "))
		}
	}
	for _, t := range o.tasks {
		if !slices.Contains(config.Tasks, t) {
			return misuse("--tasks %q: expected some of %s", t, strings.Join(config.Tasks, ", "))
		}
	}
	if o.fps <= 0 || o.fps > 1000 || o.items < 1 || o.span < 0 || o.warm < 0 || o.rounds < 1 || o.frames < 1 {
		return misuse("--fps, --items, --for, --warm, --rounds and --frames cannot be 0 or below, --fps not above 1000")
	}
	return nil
}

// choose settles what the configuration or the device decides.
func (o *benchOptions) choose(c *config.Config) error {
	if o.device != "" {
		c.Device = o.device
	}
	if c.Device != "host" && c.Device != "cuda" {
		return misuse("device %q: expected cuda or host", c.Device)
	}
	if len(o.what) == 0 {
		o.what = []string{"infer", "decode", "whole"}
		if c.Device == "host" {
			o.what = []string{"pipeline", "overhead"}
			if missingTask(c) == "" {
				o.what = []string{"pipeline", "bare", "overhead"}
			}
		}
	}
	for _, w := range o.what {
		if c.Device != "host" && slices.Contains(hostKinds, w) {
			return misuse("%s can be measured with device host only", w)
		}
	}
	if err := o.checkRounds(c); err != nil {
		return err
	}
	for _, m := range o.modes {
		if !slices.Contains(sharedModes, m) && !slices.Equal(o.what, []string{"infer"}) {
			return misuse("mode %s is for infer alone", m)
		}
	}
	if len(o.modes) > 0 && !slices.Contains(o.what, "infer") || len(o.modes) == 1 && slices.Contains(sharedModes, o.modes[0]) {
		c.Inference.Mode = o.modes[0] // pipeline and overhead take one
	}
	return nil
}

// checkRounds finds what pipeline and others would fail at after they have measured for a while.
func (o *benchOptions) checkRounds(c *config.Config) error {
	turns := func(w string) bool { return w == "pipeline" || slices.Contains(hostKinds, w) }
	if !slices.ContainsFunc(o.what, turns) {
		return nil
	}
	for _, n := range o.cameras {
		if n > len(c.Cameras) {
			return misuse("--cameras %d: the configuration has %d", n, len(c.Cameras))
		}
	}
	for _, w := range o.what {
		if task := missingTask(c); task != "" && slices.Contains(hostKinds, w) {
			return misuse("%s runs the four tasks of the demo, and the configuration has no model for %s", w, task)
		}
	}
	return nil
}

// missingTask is the first task that bare and the Python kinds need and the configuration has no model for.
func missingTask(c *config.Config) string {
	for _, task := range model.Tasks {
		if c.Models.Task(task) == nil {
			return task
		}
	}
	return ""
}

func benchCommand(ctx context.Context, e *environment, args []string) error {
	var o benchOptions
	read := o.flags(e.flags)
	if err := e.parse(args, slog.LevelError); err != nil {
		return err
	}
	if err := read(); err != nil {
		return err
	}
	switch {
	case len(e.args) > 1 || len(e.args) == 1 && o.config != "":
		return misuse("expected at most one configuration file, got %q", e.args)
	case len(e.args) == 1:
		o.config = e.args[0]
	}
	var err error
	if o.config == "" {
		if o.config, err = demoConfig(); err != nil {
			return err
		}
	}
	c, err := config.Load(o.config)
	if err != nil {
		return err
	}
	if err := o.choose(c); err != nil {
		return err
	}
	if err := writable(o.out); err != nil {
		return fmt.Errorf("--out: %w", err)
	}
	return newBencher(e, c, o).run(ctx)
}

// run measures every kind in turn. Whatever goes wrong, what was measured before is told.
func (b *bencher) run(ctx context.Context) error {
	err := b.measure(ctx)
	return errors.Join(explainPlans(err), b.finish())
}

func (b *bencher) measure(ctx context.Context) (err error) {
	d, err := openDevice(ctx, configuredDevice(b.config, b.logger))
	if err != nil {
		return err
	}
	b.begin(d.Info())
	kinds := map[string]func(context.Context, device.Device) error{
		"infer": b.infer, "decode": b.decode, "whole": b.whole, "overhead": b.overhead,
	}
	for _, w := range b.o.what {
		kind := kinds[w]
		if kind == nil || d.Cause() != nil || ctx.Err() != nil {
			continue
		}
		// A model without a plan is no reason not to measure decoders.
		if failed := kind(ctx, d); failed != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", w, failed))
		}
	}
	if d.Cause() != nil {
		return err // and what of the device cannot be closed says nothing new
	}
	if err = errors.Join(err, d.Close()); err != nil {
		return err
	}
	return b.rounds(ctx)
}
