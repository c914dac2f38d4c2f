package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sightline/internal/bench"
	"sightline/internal/config"
	"sightline/internal/model"
)

func TestBenchUsage(t *testing.T) {
	path := write(t, fourModels+"device: host\ncameras: [{name: a, source: @clips/plaza-1.mp4}]\n")
	for _, c := range []struct{ args, want string }{
		{"--what infer,speed", `cannot measure "speed": expected one of infer, decode, whole`},
		{"--device tpu", `device "tpu": expected cuda or host`},
		{"--device cuda --what infer,python", "python can be measured with device host only"},
		{"--mode fast", `--mode "fast": expected one of serialized, direct`},
		{"--what infer,whole --mode direct", "mode direct is for infer alone"},
		{"--what whole --mode parallel,fixed", "mode fixed is for infer alone"},
		{"--lanes 1,x", `--lanes "1,x": expected numbers`},
		{"--streams 0", `--streams "0": expected numbers`},
		{"--cameras -4", `--cameras "-4": expected numbers`},
		{"--batching 2", `--batching "2": expected workers/max-wait`},
		{"--batching 0/1ms", `--batching "0/1ms": expected workers/max-wait`},
		{"--tasks gait", `--tasks "gait": expected some of detection, pose`},
		{"--fps 0", "cannot be 0 or below"},
		{"--for -1s", "cannot be 0 or below"},
		{"--device host --what pipeline --cameras 1,2", "--cameras 2: the configuration has 1"},
		{"--device host --what infer --out /nowhere/at/all.json", "--out: open /nowhere/at/all.json: no such file or directory"},
	} {
		code, out, err := sightline(append([]string{"bench", path}, strings.Fields(c.args)...)...)
		if code != exitUsage && !strings.Contains(c.args, "--out") || code == exitOK || !strings.Contains(err, c.want) {
			t.Errorf("%q: code %d, want %q:\n%s%s", c.args, code, c.want, out, err)
		}
	}
	few := write(t, "models: {detection: @models/detection.yaml}\ndevice: host\ncameras: [{name: a, source: @clips/plaza-1.mp4}]\n")
	if code, _, err := sightline("bench", few, "--what", "pipeline,bare"); code != exitUsage || !strings.Contains(err, "no model for pose") {
		t.Errorf("code %d: %s", code, err)
	}
}

func TestBenchChoosesByDevice(t *testing.T) {
	for _, c := range []struct {
		o          benchOptions
		configured string
		what, mode string
	}{
		{benchOptions{}, "host", "pipeline,bare,overhead", "parallel"},
		{benchOptions{}, "cuda", "infer,decode,whole", "parallel"},
		{benchOptions{device: "cuda"}, "host", "infer,decode,whole", "parallel"},
		{benchOptions{device: "host", modes: []string{"batched"}}, "cuda", "pipeline,bare,overhead", "batched"},
		{benchOptions{what: []string{"infer"}, modes: []string{"direct"}}, "cuda", "infer", "parallel"},
		{benchOptions{what: []string{"overhead"}}, "cuda", "overhead", "parallel"},
		{benchOptions{tasks: []string{"detection"}}, "host", "pipeline,overhead", "parallel"},
	} {
		conf := &config.Config{Device: c.configured, Inference: config.Inference{Mode: "parallel"}}
		tasks := c.o.tasks // here: of the configuration's models
		if len(tasks) == 0 {
			tasks = model.Tasks
		}
		for _, task := range tasks {
			conf.Models = append(conf.Models, config.Model{Card: config.Card{Task: task}})
		}
		if err := c.o.choose(conf); err != nil || strings.Join(c.o.what, ",") != c.what || conf.Inference.Mode != c.mode {
			t.Errorf("%+v with %s: %v, measures %v in mode %s", c.o, c.configured, err, c.o.what, conf.Inference.Mode)
		}
	}
}

// TestBenchTracksAsConfigured: a camera that bench makes up has the same tracker as one of the configuration.
func TestBenchTracksAsConfigured(t *testing.T) {
	c, err := config.Load(write(t, fourModels+"device: host\ntracking: {method: sort, birth: 0.7, lost: 3s, confirm: 2}\ncameras: [{name: a, source: @clips/plaza-1.mp4}]\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := pipelineOptions(c, &c.Cameras[0]).Track
	if got := pipelineOptions(c, liveCamera(c, "made up")).Track; got != want || got.Birth != .7 {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestBatchings(t *testing.T) {
	got, err := batchings("1/1ms, 4/500us")
	if want := []batching{{1, time.Millisecond}, {4, 500 * time.Microsecond}}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v", got, err)
	}
}

// TestBenchOnTheHost runs every kind for as short a time as gives a figure. What the figures are is not looked at.
func TestBenchOnTheHost(t *testing.T) {
	needHost(t)
	path := write(t, fourModels+"device: host\ncameras: [{name: a, source: @clips/plaza-1.mp4}]\n")
	file := filepath.Join(t.TempDir(), "bench.json")
	var r benchReport
	run := func(args string) string {
		t.Helper()
		arguments := append([]string{"bench", "--config", path, "--out", file, "--warm", "10ms", "--for", "150ms"}, strings.Fields(args)...)
		code, out, err := sightline(arguments...)
		text, wrong := os.ReadFile(file)
		r = benchReport{}
		if code != exitOK || wrong != nil || json.Unmarshal(text, &r) != nil || r.Device.Kind != "host" || r.Machine == "" {
			t.Fatalf("%s: code %d, %v: %s%s", args, code, wrong, out, err)
		}
		return out
	}
	out := run("--what infer --tasks segmentation --lanes 1,2 --items 2 --batching 1/1ms,2/2ms")
	rows := map[string]int{}
	for _, i := range r.Infer {
		rows[i.Mode]++
		if i.Error != "" || i.ItemsPerSecond <= 0 || i.Turn.P99 < i.Turn.P50 || i.Turn.P50 <= 0 || i.Context.Pool <= 0 {
			t.Errorf("%+v", i)
		}
	}
	// One model on one and two lanes; batched with two settings; fixed with batches of 1, 2, 4 and 8; together with itself alone.
	if rows["serialized"] != 2 || rows[bench.Direct] != 2 || rows["parallel"] != 2 || rows["batched"] != 4 || rows[bench.FixedMode] != 8 || rows[bench.TogetherMode] != 2 {
		t.Errorf("rows by mode: %v", rows)
	}
	if !strings.Contains(out, "batched 1/1ms") {
		t.Errorf("the table:\n%s", out)
	}
	out = run("--what decode,whole --streams 1,2 --cameras 1 --fps 2 --mode parallel,batched --json")
	if len(r.Decode) != 2 || len(r.Whole) != 2 || !json.Valid([]byte(out)) {
		t.Fatalf("%d rows of decode, %d of whole; printed:\n%s", len(r.Decode), len(r.Whole), out)
	}
	for _, d := range r.Decode {
		if d.Error != "" || d.FPS <= 0 || d.SlowestFPS <= 0 || d.Clip != "plaza-1.mp4" || d.Codec != "h264" || d.Width != 768 || d.Stream.Pool <= 0 {
			t.Errorf("%+v", d)
		}
	}
	for i, w := range r.Whole {
		if w.Error != "" || w.Mode != []string{"parallel", "batched"}[i] || w.Cameras != 1 || w.Camera.Pool <= 0 {
			t.Errorf("%+v", w)
		}
		if (len(w.Batches) > 0) != (w.Mode == "batched") {
			t.Errorf("%s: batches %+v", w.Mode, w.Batches)
		}
		for name, b := range w.Batches {
			if b.PerSecond > 0 && (b.Items < 1 || b.Room < b.Items) {
				t.Errorf("%s: batches %+v", name, b)
			}
		}
	}
	if _, tried := r.Held["batched"]; !tried {
		t.Errorf("held: %v", r.Held)
	}
	run("--what whole --cameras 1 --fps 2 --for 2s --mode batched")
	if b := r.Whole[0].Batches["detection"]; b.PerSecond <= 0 || b.Items != 1 || b.Room != 1 {
		t.Errorf("one camera's batches: %+v", r.Whole[0].Batches)
	}
	run("--what whole --cameras 1 --fps 2 --for 2s")
	if w := r.Whole[0]; w.Delivered == 0 || w.Expected != 4 || w.Latency.P95 <= 0 || w.People <= 0 || w.Stages["detect"].Count == 0 || w.Cores <= 0 {
		t.Errorf("%+v", w)
	}
}

// TestBenchTellsBeforeItFails: a clip that is no clip does not lose what was measured before it.
func TestBenchTellsBeforeItFails(t *testing.T) {
	needHost(t)
	path := write(t, fourModels+"device: host\ncameras: [{name: a, source: @clips/plaza-1.mp4}]\n")
	bad := filepath.Join(t.TempDir(), "bad.mp4")
	if err := os.WriteFile(bad, []byte("this is not a video at all"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, err := sightline("bench", "--config", path, "--what", "decode,whole", "--streams", "1", "--for", "50ms", "--warm", "10ms",
		"--clip", bad+",../../clips/plaza-west.mp4")
	if code != exitFailed || !strings.Contains(out, "plaza-west.mp4") || !strings.Contains(err, "not an MP4 file") {
		t.Errorf("code %d:\n%s%s", code, out, err)
	}
}

func TestSpread(t *testing.T) {
	for _, c := range []struct {
		shown  float64
		rounds []float64
		want   string
	}{
		{5, nil, ""}, {5, []float64{5}, ""}, {0, []float64{0, 0}, ""}, {10, []float64{10, 10}, "0.0%"}, {10, []float64{9, 10, 15}, "50.0%"}, {10, []float64{10, 2, 11}, "80.0%"},
	} {
		if got := spread(c.shown, c.rounds); got != c.want {
			t.Errorf("%+v: %q", c, got)
		}
	}
}
