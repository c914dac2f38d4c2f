package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime"
	"slices"
	"time"

	"sightline/internal/bench"
	"sightline/internal/config"
	"sightline/internal/device"
	"sightline/internal/model"
	"sightline/internal/pipeline"
)

const planHelp = `
Predicts how many cameras this GPU holds with a configuration's models and mode, from a calibration of some
ten seconds: decoders alone, then the models and everything after them on decoded pictures alone, each as fast
as they go. Tells the ceilings that decoding, computing, memory and processor set, which of them is the lowest,
and how many cameras are left beside those of the configuration.

The calibration plays a recording: --clip, or the configuration's first file. What it shows counts: its size,
codec, bit rate and the people in it should be your cameras'. Nothing else should use the GPU meanwhile.
sightline bench --what whole measures what plan predicts.
`

// planOptions are the command line.
type planOptions struct {
	clip    string
	fps     float64
	span    time.Duration
	streams int
	lanes   int
	json    bool
}

// planned is what the command tells.
type planned struct {
	Version     string            `json:"version"`
	Device      device.Info       `json:"device"`
	Machine     string            `json:"machine"`
	Time        time.Time         `json:"time"`
	Mode        string            `json:"mode"`
	Calibration bench.Calibration `json:"calibration"`
	bench.Forecast
	// Configured is the configuration's number of cameras, Left how many more there may be: below 0 if too many are.
	Configured int `json:"configured"`
	Left       int `json:"left"`
	// everyPicture says that some model looks at every picture.
	everyPicture bool
}

func planCommand(ctx context.Context, e *environment, args []string) error {
	var o planOptions
	e.flags.StringVar(&o.clip, "clip", "", "recording to play (default: the configuration's first file)")
	e.flags.Float64Var(&o.fps, "fps", 30, "pictures a second of a camera")
	e.flags.DurationVar(&o.span, "for", 3*time.Second, "time measured for each part")
	e.flags.IntVar(&o.streams, "streams", 16, "decoders that the calibration runs")
	e.flags.IntVar(&o.lanes, "lanes", 0, "lanes of models that the calibration runs (default: 16, in mode batched 96)")
	e.flags.BoolVar(&o.json, "json", false, "print JSON instead of the table")
	if err := e.parse(args, slog.LevelError); err != nil {
		return err
	}
	if len(e.args) != 1 {
		return misuse("expected one configuration file, got %d", len(e.args))
	}
	if o.fps <= 0 || o.fps > 1000 || o.span <= 0 || o.streams < 1 || o.lanes < 0 {
		return misuse("--fps, --for and --streams must be above 0, --lanes 0 or more, --fps 1000 at most")
	}
	c, err := config.Load(e.args[0])
	if err != nil {
		return err
	}
	if c.Device != "cuda" {
		return misuse("device %s: plan is for device cuda; on the host everything shares the processor", c.Device)
	}
	clips, err := (&bencher{config: c, o: benchOptions{clips: words(o.clip)}}).clips()
	if err != nil {
		return err
	}
	clip, err := readClip(ctx, clips[0], o.fps)
	if err != nil {
		return fmt.Errorf("%s: %w", clips[0], err)
	}
	d, err := openDevice(ctx, configuredDevice(c, e.logger))
	if err != nil {
		return err
	}
	if o.lanes == 0 {
		if o.lanes = 16; c.Inference.Mode == string(model.Batched) {
			o.lanes = 96 // batches are put together from many, and are to be full
		}
	}
	p := planned{
		Version: version(), Device: d.Info(), Machine: machine(), Time: time.Now().UTC().Truncate(time.Second),
		Mode: c.Inference.Mode, Configured: len(c.Cameras),
		everyPicture: slices.ContainsFunc(c.Models, func(m config.Model) bool { return m.Every < 2 }),
	}
	p.Calibration, err = e.calibrate(ctx, c, d, clip, o)
	if d.Cause() == nil {
		err = errors.Join(err, d.Close())
	}
	if err != nil {
		return explainPlans(err)
	}
	p.Forecast = p.Calibration.Forecast()
	p.Left = p.Cameras - p.Configured
	if !o.json {
		p.table(e.out)
		return nil
	}
	text, err := json.MarshalIndent(p, "", "  ")
	if err == nil {
		_, err = e.out.Write(append(text, '\n'))
	}
	return err
}

// calibrate measures decoders alone, then lanes alone.
func (e *environment) calibrate(ctx context.Context, c *config.Config, d device.Device, clip *bench.Clip, o planOptions) (k bench.Calibration, err error) {
	k = bench.Calibration{Rate: o.fps, Looked: lookedAt(c, o.fps), Cores: runtime.NumCPU()}
	m, err := modelConfig(c, d, e.logger)
	if err != nil {
		return k, err
	}
	manager, err := model.New(m)
	if err != nil {
		return k, err
	}
	defer func() { err = errors.Join(err, manager.Close()) }()
	k.FreeMB = bench.FreeMemory(d)
	const warm = time.Second
	err = bench.Decode{Device: d, Clip: clip, Streams: []int{o.streams}, Warm: warm, For: o.span, LowDelay: true}.Run(ctx, func(r bench.Decoding) { k.Decode = r })
	if err == nil && k.Decode.Error != "" {
		err = fmt.Errorf("%d decoders: %s", o.streams, k.Decode.Error)
	}
	if err != nil {
		return k, err
	}
	quiet := *c
	quiet.Sinks = nil
	k.Compute, err = bench.Compute{
		Device: d, Clip: clip, Lanes: o.lanes, Warm: warm, For: o.span,
		Pipeline: func(name string) pipeline.Options {
			p := pipelineOptions(&quiet, liveCamera(&quiet, name))
			p.Device, p.Manager = d, manager
			return p
		},
	}.Run(ctx)
	return k, err
}

// lookedAt is how many pictures a second of a camera are looked at, the mean of all cameras.
func lookedAt(c *config.Config, fps float64) float64 {
	sum := 0.0
	for i := range c.Cameras {
		rate := fps
		if most := c.Cameras[i].MaxFPS; most > 0 {
			rate = min(rate, most)
		}
		sum += rate
	}
	return sum / float64(max(1, len(c.Cameras)))
}

func (p *planned) table(w io.Writer) {
	fmt.Fprintf(w, "%s on %s, %s; %s; %s\n\n", p.Device.Runtime, p.Device.Name, p.Machine, p.Version, p.Time.Format(time.DateOnly))
	d, k := p.Calibration.Decode, p.Calibration
	fmt.Fprintf(w, "cameras of %dx%d %s, %g pictures a second, %.3g of them looked at, %.1f people in a picture, mode %s\n\n",
		d.Width, d.Height, d.Codec, k.Rate, k.Looked, k.Compute.People, p.Mode)
	fmt.Fprintf(w, "%-10s %8s  %s\n", "resource", "cameras", "of which one takes")
	for _, r := range p.Ceilings {
		note := ""
		if r.Resource == p.Binds {
			note = "  <- binds"
		}
		fmt.Fprintf(w, "%-10s %8d  %.4g of %.5g %s%s\n", r.Resource, r.Cameras, r.Camera, r.Whole, r.Unit, note)
	}
	left := fmt.Sprintf("%d left", p.Left)
	if p.Left < 0 {
		left = fmt.Sprintf("%d too many", -p.Left)
	}
	fmt.Fprintf(w, "\nholds %d cameras: %s binds; %d configured, %s\n", p.Cameras, p.Binds, p.Configured, left)
	for _, line := range p.advice() {
		fmt.Fprintln(w, line)
	}
}

// advice says what makes room where computing binds.
func (p *planned) advice() (list []string) {
	if p.Binds != bench.ComputeResource {
		return nil
	}
	if p.Mode != string(model.Batched) {
		list = append(list, "more cameras: inference: { mode: batched, max_wait: 5ms }, with batch: 32 for detectors, 128 for models of objects and",
			"  plans of several sizes: sightline build --models NAMES --batches 1,8,32 for the former, 8,32,64,128 for the latter")
	}
	if p.everyPicture {
		list = append(list, "more cameras: every: 2 lets a model look at every second picture only; tracks go on")
	}
	return list
}
