package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime"
	"sync"
	"time"

	"sightline/internal/camera"
	"sightline/internal/device"
	"sightline/internal/fleet"
	"sightline/internal/media"
	"sightline/internal/metrics"
	"sightline/internal/model"
	"sightline/internal/pipeline"
	"sightline/internal/result"
	"sightline/internal/track"
	"sightline/internal/vision"
)

// Overhead is what a frame of one camera costs beside models and kernels.
type Overhead struct {
	Cameras int `json:"cameras"`
	Frames  int `json:"frames"`
	// CPU is the processor time, Wall the time from frame to frame divided among the cameras.
	CPU  time.Duration `json:"cpu_ns"`
	Wall time.Duration `json:"wall_ns"`
	// Allocations and Bytes are those of the whole process.
	Allocations float64 `json:"allocations"`
	Bytes       float64 `json:"bytes"`
}

// Empty describes an overhead measurement.
type Empty struct {
	// Device lends its memory, streams, events and graphs.
	Device device.Device
	Mode   model.Mode
	// Cameras run at once, with People in every picture; each looks at Frames after Warm others.
	Cameras, People, Warm, Frames int
}

// Run measures.
func (e Empty) Run(ctx context.Context) (o Overhead, err error) {
	d, err := newEmpty(e.Device, e.People)
	if err != nil {
		return o, err
	}
	defer func() { err = errors.Join(err, d.mask.Close()) }()
	config := model.Config{Device: d, Mode: e.Mode, MaxWait: time.Millisecond, Logger: slog.New(slog.DiscardHandler)}
	for _, t := range model.Tasks {
		config.Models = append(config.Models, model.Spec{Task: t, Name: t, Key: t, Batch: 8, Read: func() ([]byte, error) { return nil, nil }})
	}
	manager, err := model.New(config)
	if err != nil {
		return o, err
	}
	defer func() { err = errors.Join(err, manager.Close()) }()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	f := fleet.New(ctx, d, config.Logger)
	warm, done, counters := newGate(e.Cameras), newGate(e.Cameras), metrics.New()
	for i := range e.Cameras {
		name := fmt.Sprintf("camera-%d", i)
		s := &beat{frames: e.Warm + e.Frames, warm: e.Warm, gate: warm, end: done}
		if err := f.Start(e.pipeline(d, manager, name, s, counters.Camera(name))); err != nil {
			return o, err
		}
	}
	go stopOnFailure(ctx, stop, f)
	o = measure(ctx, warm, done, e.Cameras, e.Frames)
	return o, f.Wait()
}

// stopOnFailure ends the measurement when a camera fails, for which the others would wait for ever.
func stopOnFailure(ctx context.Context, stop func(), f *fleet.Fleet) {
	for ctx.Err() == nil {
		for _, s := range f.Status() {
			if s.State == fleet.Failed {
				stop()
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// measure counts between two moments at which all cameras stand still.
func measure(ctx context.Context, warm, done *gate, cameras, frames int) Overhead {
	var before, after runtime.MemStats
	warm.wait(ctx)
	runtime.GC()
	runtime.ReadMemStats(&before)
	cpu, began := CPUTime(), time.Now()
	warm.open()
	done.wait(ctx)
	wall, used := time.Since(began), CPUTime()-cpu
	runtime.ReadMemStats(&after)
	done.open()
	n := cameras * frames
	return Overhead{
		Cameras: cameras, Frames: n, CPU: used / time.Duration(n), Wall: wall / time.Duration(n),
		Allocations: float64(after.Mallocs-before.Mallocs) / float64(n), Bytes: float64(after.TotalAlloc-before.TotalAlloc) / float64(n),
	}
}

func (e Empty) pipeline(d device.Device, m *model.Manager, name string, s *beat, counters *metrics.Camera) pipeline.Options {
	return pipeline.Options{
		Camera: name, Lossless: true, Device: d, Manager: m, Logger: slog.New(slog.DiscardHandler),
		Open:  func(context.Context) (camera.Source, error) { return s, nil },
		Track: track.Options{Slots: 64},
		Vision: vision.Options{
			Limits:    device.Limits{Objects: 100, People: 32},
			Detectors: []vision.Detector{{Model: model.Detection, Outputs: map[string]string{"scores": "scores", "boxes": "boxes"}, Pixels: device.RGB, Classes: []string{"person"}, ScoreMin: .4, IoU: .5}},
			Stages: []vision.Stage{
				{Model: model.Pose, Task: model.Pose, Outputs: map[string]string{"keypoints": "keypoints"}},
				{Model: model.Segmentation, Task: model.Segmentation, Outputs: map[string]string{"mask": "mask"}},
				{Model: model.ReID, Task: model.ReID, Outputs: map[string]string{"features": "features"}},
			},
			Vectors: true,
		},
		Meter: meter{counters},
		Sinks: []pipeline.Sink{&encoder{}},
	}
}

// meter counts as a run does.
type meter struct{ counters *metrics.Camera }

func (m meter) Frame(f *result.Frame) {
	l := f.Latency
	m.counters.Frame(metrics.Latency{l.Decode, l.Queue, l.Detect, l.People, l.Track, l.Total}, len(f.Objects), f.PTS)
}

func (m meter) Dropped(cause string) { m.counters.Dropped(cause) }

// encoder makes the JSON of every result, as a sink does, and forgets it.
type encoder struct{ line []byte }

func (e *encoder) Write(f *result.Frame) error {
	e.line = result.AppendJSON(e.line[:0], f)
	return nil
}

// beat is a camera that sends frames access units of nothing. It stands still at gate after warm of them
// and at end after all.
type beat struct {
	frames, warm, sent int
	gate, end          *gate
}

func (b *beat) Format() media.Format {
	return media.Format{Codec: media.H264, Width: emptyFormat.Width, Height: emptyFormat.Height, Matrix: emptyFormat.Matrix}
}

func (b *beat) Next(ctx context.Context) (media.AccessUnit, error) {
	switch b.sent {
	case b.warm:
		b.gate.pass(ctx)
	case b.frames:
		b.end.pass(ctx)
		return media.AccessUnit{}, io.EOF
	}
	b.sent++
	return media.AccessUnit{PTS: time.Duration(b.sent) * 40 * time.Millisecond}, ctx.Err()
}

func (b *beat) Close() error { return nil }

func (d *emptyDecoder) Decode(au media.AccessUnit) error { return d.decode(au.PTS) }

// gate holds n goroutines until it is opened, and tells when all have come.
type gate struct {
	all    sync.WaitGroup
	opened chan struct{}
}

func newGate(n int) *gate {
	g := &gate{opened: make(chan struct{})}
	g.all.Add(n)
	return g
}

func (g *gate) pass(ctx context.Context) {
	g.all.Done()
	select {
	case <-g.opened:
	case <-ctx.Done():
	}
}

func (g *gate) wait(ctx context.Context) {
	come := make(chan struct{})
	go func() { g.all.Wait(); close(come) }()
	select {
	case <-come:
	case <-ctx.Done():
	}
}

func (g *gate) open() { close(g.opened) }
