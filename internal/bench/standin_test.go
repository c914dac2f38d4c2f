package bench

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sightline/internal/device"
	"sightline/internal/device/cuda"
	"sightline/internal/leaktest"
	"sightline/internal/media"
	"sightline/internal/model"
	"sightline/internal/native/fake"
	"sightline/internal/pipeline"
	"sightline/internal/track"
	"sightline/internal/vision"
)

// standIns are kept for the process: they stay open.
var standIns map[string]*fake.Library

// standIn opens the GPU device on stand-ins for NVIDIA's libraries. No kernel runs there.
func standIn(t *testing.T) (d *cuda.Device, folder string) {
	t.Helper()
	if standIns == nil {
		standIns = map[string]*fake.Library{}
		t.Setenv("SIGHTLINE_TENSORRT", "") // the real one
		for name, soname := range map[string]string{
			"cuda": "libcuda.so.1", "nvcuvid": "libnvcuvid.so.1", "nvml": "libnvidia-ml.so.1", "nvinfer": "libnvinfer.so.10",
		} {
			lib, err := fake.Open(name, soname)
			if errors.Is(err, fake.ErrNoCompiler) {
				t.Skip(err)
			}
			if err != nil {
				t.Fatal(err)
			}
			standIns[name] = lib
		}
	}
	folder = t.TempDir()
	d, err := cuda.New(cuda.Options{Plans: folder})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
		for name, lib := range standIns {
			if r := lib.Refusals(); r != "" {
				t.Errorf("%s: %s", name, r)
			}
		}
	})
	return d, folder
}

// plan writes a stand-in's plans of batch 1, 2 and 4.
func plan(t *testing.T, folder string, task string, tensors ...string) model.Spec {
	t.Helper()
	onnx := []byte("model " + string(task))
	for _, n := range []int{1, 2, 4} {
		text := fmt.Sprintf("plan %d %d\n%s\n", n, 2048*n, strings.Join(tensors, "\n"))
		path := filepath.Join(folder, cuda.PlanName(cuda.NewPlanID(onnx), n, "10.6.0", 90))
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return model.Spec{Task: task, Name: string(task), Key: string(task), Batch: 4, Read: func() ([]byte, error) { return onnx, nil }}
}

const short = 60 * time.Millisecond

func TestInferOnTheGPU(t *testing.T) {
	leaktest.Check(t)
	d, folder := standIn(t)
	spec := plan(t, folder, model.Pose, "i images 3 8 8", "o keypoints 17 3")
	spec.Role = "hands" // a model of a name of its own
	var rows []Inference
	tell := func(r Inference) { rows = append(rows, r) }
	for _, c := range []struct {
		mode  model.Mode
		graph bool
	}{{model.Serialized, false}, {model.Parallel, false}, {model.Parallel, true}, {model.Batched, false}} {
		config := model.Config{Device: d, Mode: c.mode, Models: []model.Spec{spec}, Workers: 2, MaxWait: time.Millisecond}
		err := Infer{Device: d, Config: config, Graph: c.graph, Lanes: []int{1, 3}, Items: 2, Warm: short, For: short, Rounds: 2}.Run(context.Background(), tell)
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := (Fixed{Device: d, Spec: spec, Streams: []int{1, 2}, Warm: short, For: short}).Run(context.Background(), tell); err != nil {
		t.Fatal(err)
	}
	if len(rows) != 4*2+3*2 {
		t.Fatalf("%d rows", len(rows))
	}
	for i, r := range rows {
		if r.Error != "" || r.ItemsPerSecond <= 0 || r.Turn.Count < r.Lanes || r.Context.Pool <= 0 || r.Model != "pose" || !slices.Contains(r.Rounds, r.ItemsPerSecond) || i < 8 && len(r.Rounds) != 2 {
			t.Errorf("row %d: %+v", i, r)
		}
	}
	if rows[2].Mode != Direct || rows[4].Mode != "parallel" || rows[6].Workers != 2 || rows[13].Mode != FixedMode || rows[13].Items != 4 {
		t.Errorf("%+v", rows)
	}
}

func TestTogether(t *testing.T) {
	d, folder := standIn(t)
	specs := []model.Spec{plan(t, folder, model.Pose, "i images 3 8 8", "o keypoints 17 3"), plan(t, folder, model.ReID, "i images 3 8 8", "o features 4")}
	b := Together{Device: d, Specs: specs, Streams: []int{1, 2}, Warm: short, For: short, Rounds: 2}
	var rows []Inference
	if err := b.Run(context.Background(), func(r Inference) { rows = append(rows, r) }); err != nil {
		t.Fatal(err)
	}
	if len(rows) != 4 {
		t.Fatalf("%d rows", len(rows))
	}
	for i, r := range rows {
		if r.Error != "" || r.Model != specs[i%2].Name || r.Mode != TogetherMode || r.Lanes != 1+i/2 || r.Items != 4 || r.ItemsPerSecond <= 0 || r.Turn.Count < r.Lanes || r.Context.Pool <= 0 || len(r.Rounds) != 2 {
			t.Errorf("row %d: %+v", i, r)
		}
	}
	b.Specs[1].Read = func() ([]byte, error) { return []byte("no plan of this"), nil }
	if err := b.Run(context.Background(), func(Inference) { t.Error("a row") }); !errors.Is(err, cuda.ErrNoPlan) {
		t.Errorf("a model without a plan: %v", err)
	}
}

func TestInferTellsWhatFails(t *testing.T) {
	d, folder := standIn(t)
	spec := plan(t, folder, model.Pose, "i images 3 8 8", "o keypoints 17 3")
	infer := Infer{Device: d, Config: model.Config{Device: d, Models: []model.Spec{spec}}, Graph: true, Lanes: []int{1}, Items: 1, Warm: short, For: short}
	stopped, stop := context.WithCancel(context.Background())
	stop()
	if err := infer.Run(stopped, func(Inference) { t.Error("a row of nothing") }); !errors.Is(err, ErrInterrupted) {
		t.Errorf("interrupted: %v", err)
	}
	spec.Read = func() ([]byte, error) { return []byte("no plan of this"), nil }
	infer.Config.Models = []model.Spec{spec}
	if err := infer.Run(context.Background(), func(Inference) {}); !errors.Is(err, cuda.ErrNoPlan) {
		t.Errorf("no plan: %v", err)
	}
}

// shots are units of the stand-in's decoder: see its source.
func shots(t *testing.T, fps float64) *Clip {
	t.Helper()
	var units []media.AccessUnit
	for i := range 6 {
		u := media.AccessUnit{Data: []byte("P\x02"), PTS: time.Duration(i) * 10 * time.Millisecond}
		if i%3 == 0 {
			u.Data, u.Key = []byte("S\x14\x0a\x08\x03P\x02"), true // 320x152
		}
		units = append(units, u)
	}
	c, err := newClip(media.Format{Codec: media.H264, Width: 320, Height: 152, Matrix: "bt601"}, units, fps)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestDecodeOnTheGPU(t *testing.T) {
	leaktest.Check(t)
	d, _ := standIn(t)
	var rows []Decoding
	err := Decode{Device: d, Clip: shots(t, 0), Streams: []int{1, 3}, Warm: short, For: 300 * time.Millisecond, Rounds: 2, LowDelay: true}.Run(context.Background(), func(r Decoding) { rows = append(rows, r) })
	if err != nil || len(rows) != 2 {
		t.Fatalf("%v, %+v", err, rows)
	}
	for _, r := range rows {
		if r.Error != "" || r.FPS <= 0 || r.SlowestFPS <= 0 || r.Stream.Pool != 0 || r.Load.Samples == 0 || r.Load.MemoryMB <= 0 || len(r.Rounds) != 2 || !slices.Contains(r.Rounds, r.FPS) {
			t.Errorf("%+v", r)
		}
	}
	rows = nil
	err = Decode{Device: d, Clip: shots(t, 0), Streams: []int{2}, Warm: short, For: short, Leave: true}.Run(context.Background(), func(r Decoding) { rows = append(rows, r) })
	if err != nil || len(rows) != 1 || rows[0].FPS <= 0 || rows[0].Stream.Pool != 0 || !rows[0].Leave {
		t.Errorf("pictures that are left in the decoder: %v, %+v", err, rows)
	}
	standIns["nvcuvid"].Fail("cuvidCreateDecoder", 2)
	rows = nil
	err = Decode{Device: d, Clip: shots(t, 0), Streams: []int{1, 2}, Warm: short, For: short}.Run(context.Background(), func(r Decoding) { rows = append(rows, r) })
	if err != nil || len(rows) != 1 || rows[0].Error == "" {
		t.Errorf("a decoder that cannot be made: %v, %+v", err, rows)
	}
}

// still is a GPU whose kernels do nothing, so that every picture is empty: the stand-ins have no room for their
// arguments.
type still struct{ *cuda.Device }

func (s still) Kernels() device.Kernels { return stillKernels{emptyKernels{s.Device.Kernels(), nil}} }

type stillKernels struct{ emptyKernels }

func (stillKernels) Select(s device.Stream, _ device.Select) error { return s.Do(nothing) }
func (stillKernels) Choose(s device.Stream, _ device.Choose) error { return s.Do(nothing) }

func TestWholeOnTheGPU(t *testing.T) {
	leaktest.Check(t)
	gpu, folder := standIn(t)
	d := still{gpu}
	config := model.Config{Device: d, Models: []model.Spec{
		plan(t, folder, model.Detection, "i images 3 8 8", "o scores 21 5", "o boxes 21 4"),
		plan(t, folder, model.Pose, "i images 3 8 8", "o keypoints 17 3"),
	}}
	manager, err := model.New(config)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := manager.Close(); err != nil {
			t.Error(err)
		}
	}()
	w := Whole{Device: d, Manager: manager, Clip: shots(t, 50), Cameras: []int{1, 3}, Warm: short, For: 300 * time.Millisecond, Rounds: 3, Logger: slog.New(slog.DiscardHandler),
		Pipeline: func(name string) pipeline.Options {
			return pipeline.Options{
				Camera: name, Device: d, Manager: manager, Track: track.Options{Slots: 8},
				Vision: vision.Options{
					Limits:    device.Limits{Objects: 8, People: 4},
					Detectors: []vision.Detector{{Model: model.Detection, Outputs: map[string]string{"scores": "scores", "boxes": "boxes"}, Pixels: device.RGB, Classes: []string{"a", "b", "c", "d", "person"}, ScoreMin: .4, IoU: .5}},
					Stages:    []vision.Stage{{Model: model.Pose, Task: model.Pose, Outputs: map[string]string{"keypoints": "keypoints"}}},
				},
			}
		}}
	testCompute(t, Compute{Device: d, Clip: shots(t, 50), Lanes: 2, Pipeline: w.Pipeline, Warm: short, For: short})
	var rows []Watching
	if err := w.Run(context.Background(), func(r Watching) { rows = append(rows, r) }); err != nil {
		t.Fatal(err)
	}
	if len(rows) != 2 {
		t.Fatalf("%+v", rows)
	}
	for _, r := range rows {
		if r.Error != "" || r.Delivered == 0 || r.Expected != 15*r.Cameras || r.FPS <= 0 || r.Latency.P50 <= 0 || r.Camera.Pool <= 0 || r.Load.Samples == 0 || len(r.Rounds) != 3 || r.Delivered > r.Expected || r.StartS <= 0 {
			t.Errorf("%+v", r)
		}
	}
	// A camera that fails is told, not waited for.
	standIns["nvcuvid"].Fail("cuvidCreateDecoder", 2)
	rows, w.Cameras = nil, []int{2, 3}
	err = w.Run(context.Background(), func(r Watching) { rows = append(rows, r) })
	if err != nil || len(rows) != 1 || !strings.Contains(rows[0].Error, "cuvidCreateDecoder") {
		t.Errorf("%v, %+v", err, rows)
	}
}

// testCompute is for a Compute whose detector finds nothing.
func testCompute(t *testing.T, c Compute) {
	t.Helper()
	row, err := c.Run(context.Background())
	if err != nil || row.FPS <= 0 || row.Turn.Count < c.Lanes || row.Lane.Pool <= 0 || row.People != 0 {
		t.Errorf("%v, %+v", err, row)
	}
	if free := FreeMemory(c.Device); free <= 0 {
		t.Errorf("%g MiB free", free)
	}
	c.Pipeline = func(name string) pipeline.Options {
		return pipeline.Options{Camera: name, Device: c.Device, Manager: closedManager(t, c.Device)}
	}
	if _, err := c.Run(context.Background()); !errors.Is(err, device.ErrClosed) {
		t.Errorf("lanes that cannot be made: %v", err)
	}
}

func closedManager(t *testing.T, d device.Device) *model.Manager {
	t.Helper()
	m, err := model.New(model.Config{Device: d})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	return m
}
