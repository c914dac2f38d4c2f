package cli

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"sightline/internal/config"
)

// What a run is to say, and leave behind, when its surroundings fail it.

func TestALibraryThatCannotBeLoaded(t *testing.T) {
	needHost(t)
	t.Setenv("SIGHTLINE_ONNXRUNTIME", "/bin/true")
	code, _, err := sightline("run", write(t, "device: host\n"+fourModels+"cameras: [{name: a, source: @clips/plaza-1.mp4}]\n"))
	if code != exitDevice || !strings.Contains(err, "device not available: load onnx runtime") {
		t.Errorf("code %d:\n%s", code, err)
	}
}

func TestFoldersThatCannotBeWrittenAreToldFirst(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	const config = "device: host\n" + fourModels + "cameras: [{name: a, source: @clips/plaza-1.mp4}]\n"
	code, out, err := sightline("run", "--report", filepath.Join(file, "report"), write(t, config))
	if code != exitFailed || out != "" || !strings.Contains(err, "the report's folder: mkdir "+file) || strings.Contains(err, "camera started") {
		t.Errorf("code %d:\n%s%s", code, out, err)
	}
}

func TestAReaderThatWentAway(t *testing.T) {
	needHost(t)
	for _, c := range []struct {
		sinks    string
		least    int // lines of the other sink
		complete bool
	}{
		{"{type: stdout}", 0, false},
		{"{type: stdout}, {type: jsonl, dir: OUT}", 120, true}, // which goes on
	} {
		path := write(t, "device: host\nmodels: {detection: @models/detection.yaml}\ncameras: [{name: a, source: @clips/plaza-west.mp4}]\nsinks: ["+c.sinks+"]\n")
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		_ = r.Close()
		var told bytes.Buffer
		code := Main([]string{"run", path}, w, &told)
		_ = w.Close()
		if code != exitFailed || !strings.Contains(told.String(), "broken pipe") {
			t.Errorf("%s: code %d:\n%s", c.sinks, code, &told)
		}
		if complete := strings.Contains(told.String(), "\na          120 "); complete != c.complete {
			t.Errorf("%s: all pictures %t:\n%s", c.sinks, complete, &told)
		}
		results, _ := os.ReadFile(filepath.Join(filepath.Dir(path), "a.jsonl"))
		if n := bytes.Count(results, []byte("\n")); n != c.least || c.least > 0 != strings.Contains(told.String(), "a.jsonl\n") {
			t.Errorf("%s: %d lines of the other sink:\n%s", c.sinks, n, &told)
		}
	}
}

// Opening a pipe would wait for whoever writes it, and no signal would end that.
func TestAPipeIsNoRecording(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe.mp4")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Skip(err)
	}
	for _, args := range [][]string{
		{"probe", pipe}, {"run", write(t, "device: host\n"+fourModels+"cameras: [{name: a, source: "+pipe+"}]\n")}, {"bench", "--clip", pipe, "--device", "host", "--what", "decode"},
	} {
		code, _, err := sightline(args...)
		if code == exitOK || args[0] != "bench" && !strings.Contains(err, "no regular file") {
			t.Errorf("%q: code %d: %s", args, code, err)
		}
	}
}

func TestStoppedBeforeItHasBegun(t *testing.T) {
	stopped, stop := context.WithCancel(context.Background())
	stop()
	if _, err := openDevice(stopped, deviceOptions{kind: "host", onnxruntime: "/bin/true", ffmpeg: "/bin/false", logger: slog.New(slog.DiscardHandler)}); !errors.Is(err, errStopped) {
		t.Errorf("opening a device: %v", err)
	}
	c, err := config.Load(write(t, "device: host\n"+fourModels+"cameras: [{name: a, source: @clips/plaza-1.mp4}]\n"))
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("SIGHTLINE_ONNXRUNTIME", "")
	t.Setenv("SIGHTLINE_FFMPEG", "")
	e := &environment{out: io.Discard, err: io.Discard, logger: slog.New(slog.DiscardHandler)}
	if err := (&runner{environment: e, config: c}).run(stopped); err != nil {
		t.Errorf("running: %v", err)
	}
}

func TestDoctorOffline(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("SIGHTLINE_ONNXRUNTIME", "")
	path := write(t, "device: host\n"+fourModels+"cameras: [{name: a, source: @clips/plaza-1.mp4}]\n")
	code, out, err := sightline("doctor", "--offline", path)
	if code != exitFailed || !strings.Contains(out, "skip  host device") || !strings.Contains(err, "without fetching") {
		t.Errorf("code %d:\n%s%s", code, out, err)
	}
}
