package cli

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"sightline/internal/bench"
	"sightline/internal/config"
)

func TestPlanUsage(t *testing.T) {
	host := write(t, fourModels+"device: host\ncameras: [{name: a, source: @clips/plaza-1.mp4}]\n")
	live := write(t, fourModels+"cameras: [{name: a, source: 'rtsp://192.0.2.1/a'}]\n")
	for _, c := range []struct {
		args []string
		want string
	}{
		{nil, "expected one configuration file, got 0"},
		{[]string{host, "--fps", "0"}, "must be above 0"},
		{[]string{host, "--lanes", "-1"}, "0 or more"},
		{[]string{host}, "plan is for device cuda"},
		{[]string{live}, "has no file to play: --clip names one"},
	} {
		code, out, err := sightline(append([]string{"plan"}, c.args...)...)
		if code != exitUsage || !strings.Contains(err, c.want) {
			t.Errorf("%q: code %d, want %q:\n%s%s", c.args, code, c.want, out, err)
		}
	}
}

func TestLookedAt(t *testing.T) {
	c := &config.Config{Cameras: []config.Camera{{}, {MaxFPS: 10}, {MaxFPS: 60}}}
	if got := lookedAt(c, 30); got != 70./3 {
		t.Errorf("%g, want the mean of 30, 10 and 30", got)
	}
}

func TestPlanTable(t *testing.T) {
	p := planned{Mode: "parallel", Configured: 40, Calibration: bench.Calibration{
		Rate: 30, Looked: 30, FreeMB: 70000, Cores: 16,
		Decode:  bench.Decoding{Codec: "h264", Width: 1920, Height: 1080, FPS: 5200, CPUMS: .4, Stream: bench.Memory{GPU: 34}},
		Compute: bench.Computing{FPS: 1100, People: 5.7, CPUMS: .3, Lane: bench.Memory{GPU: 110}},
	}}
	p.Forecast = p.Calibration.Forecast()
	for _, c := range []struct {
		configured int
		want       string
	}{{40, "holds 34 cameras: compute binds; 40 configured, 6 too many\n"}, {4, "compute binds; 4 configured, 30 left\n"}} {
		p.Configured, p.Left = c.configured, p.Cameras-c.configured
		var out bytes.Buffer
		p.table(&out)
		if text := out.String(); !strings.Contains(text, c.want) || !strings.Contains(text, "1920x1080 h264") ||
			!strings.Contains(text, "compute          34  30 of 1100 pictures/s  <- binds\n") || strings.Count(text, "binds") != 2 {
			t.Errorf("%s", text)
		}
	}
	for _, c := range []struct {
		binds, mode string
		every       bool
		advice      []string
	}{
		{"compute", "parallel", true, []string{"mode: batched", "--models", "every: 2"}}, {"compute", "serialized", false, []string{"mode: batched", "--models"}},
		{"compute", "batched", true, []string{"every: 2"}}, {"compute", "batched", false, nil}, {"decode", "parallel", true, nil},
	} {
		p.Binds, p.Mode, p.everyPicture = c.binds, c.mode, c.every
		got := p.advice()
		if len(got) != len(c.advice) {
			t.Errorf("%+v: %q", c, got)
			continue
		}
		for i, want := range c.advice {
			if !strings.Contains(got[i], want) {
				t.Errorf("%+v: %q", c, got)
			}
		}
	}
	p.Binds, p.Mode = "compute", "parallel"
	raw, err := json.Marshal(p)
	if err != nil || !strings.Contains(string(raw), `"binds":"compute"`) || !strings.Contains(string(raw), `"left":30`) {
		t.Errorf("%v: %s", err, raw)
	}
}
