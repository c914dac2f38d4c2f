package mpegts

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sightline/internal/media"
)

// clip makes two seconds of 25 pictures with ffmpeg.
func clip(t testing.TB, name string, arguments ...string) string {
	t.Helper()
	ffmpeg := os.Getenv("SIGHTLINE_FFMPEG")
	if ffmpeg == "" {
		ffmpeg = "ffmpeg"
	}
	if _, err := exec.LookPath(ffmpeg); err != nil {
		t.Skip("no ffmpeg: SIGHTLINE_FFMPEG is not set")
	}
	path := filepath.Join(t.TempDir(), name)
	list := append([]string{"-v", "error", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25:duration=2"}, arguments...)
	if out, err := exec.Command(ffmpeg, append(list, "-g", "10", path)...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return path
}

func play(t testing.TB, path string, o Options, limit int) (s *Source, units []media.AccessUnit) {
	t.Helper()
	s, err := Open(path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	for len(units) < limit {
		u, err := s.Next(context.Background())
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		units = append(units, u)
	}
	return s, units
}

func TestFiles(t *testing.T) {
	for _, c := range []struct {
		name, file string
		arguments  []string
		codec      media.Codec
	}{
		{"plain", "a.ts", []string{"-c:v", "libx264", "-bf", "0"}, media.H264},
		{"b-frames", "a.ts", []string{"-c:v", "libx264", "-bf", "3"}, media.H264},
		{"h265", "a.ts", []string{"-c:v", "libx265", "-x265-params", "log-level=error:bframes=3"}, media.H265},
		{"with audio", "a.ts", []string{"-f", "lavfi", "-i", "sine=duration=2", "-c:v", "libx264", "-c:a", "aac"}, media.H264},
		{"time stamps before packets", "a.m2ts", []string{"-c:v", "libx264", "-f", "mpegts", "-mpegts_m2ts_mode", "1"}, media.H264},
		{"clock about to wrap", "a.ts", []string{"-c:v", "libx264", "-output_ts_offset", "95442.5"}, media.H264},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, units := play(t, clip(t, c.file, c.arguments...), Options{}, 1000)
			if f := s.Format(); f.Codec != c.codec || f.Width != 320 || f.Height != 180 || f.FrameRate < 24.9 || f.FrameRate > 25.1 {
				t.Errorf("format %+v", f)
			}
			var times []time.Duration
			for i, u := range units {
				times = append(times, u.PTS)
				if u.Key != (i%10 == 0) && c.codec == media.H264 || u.Discontinuity {
					t.Errorf("unit %d: key %t, discontinuity %t", i, u.Key, u.Discontinuity)
				}
				if u.Key && !bytes.Contains(u.Data, s.Format().ParameterSets[0]) {
					t.Errorf("unit %d has no parameter sets", i)
				}
			}
			slices.Sort(times)
			for i, at := range times {
				if want := time.Duration(i) * 40 * time.Millisecond; (at - want).Abs() > time.Millisecond {
					t.Fatalf("picture %d at %v, want %v", i, at, want)
				}
			}
			if len(units) != 50 {
				t.Errorf("%d units of 50", len(units))
			}
		})
	}
}

func TestLoopGoesOn(t *testing.T) {
	_, units := play(t, clip(t, "a.ts", "-c:v", "libx264", "-bf", "2"), Options{Loop: true}, 120)
	var times []time.Duration
	for _, u := range units {
		times = append(times, u.PTS)
	}
	slices.Sort(times)
	for i := 1; i < len(times)-3; i++ { // the last ones lack pictures that are shown before them
		if step := times[i] - times[i-1]; step < 39*time.Millisecond || step > 81*time.Millisecond {
			t.Errorf("picture %d comes %v after the one before", i, step)
		}
	}
}

// TestTwoRecordingsInOneFile: a recorder that appends starts its clock anew.
func TestTwoRecordingsInOneFile(t *testing.T) {
	one := clip(t, "a.ts", "-c:v", "libx264", "-bf", "0")
	two := clip(t, "b.ts", "-c:v", "libx264", "-bf", "0", "-output_ts_offset", "5000")
	a, _ := os.ReadFile(two)
	b, _ := os.ReadFile(one)
	path := filepath.Join(t.TempDir(), "both.ts")
	if err := os.WriteFile(path, append(a, b...), 0o600); err != nil {
		t.Fatal(err)
	}
	_, units := play(t, path, Options{}, 1000)
	if len(units) < 98 {
		t.Errorf("%d units of 100", len(units))
	}
	for i := 1; i < len(units); i++ {
		if step := units[i].PTS - units[i-1].PTS; step <= 0 || step > 100*time.Millisecond {
			t.Errorf("unit %d comes %v after the one before", i, step)
		}
	}
}

func TestDamage(t *testing.T) {
	raw, err := os.ReadFile(clip(t, "a.ts", "-c:v", "libx264", "-bf", "0"))
	if err != nil {
		t.Fatal(err)
	}
	for i := len(raw) / 2; i < len(raw)/2+4*packet; i++ {
		raw[i] = 0xff
	}
	path := filepath.Join(t.TempDir(), "damaged.ts")
	if err := os.WriteFile(path, raw[:len(raw)-100], 0o600); err != nil {
		t.Fatal(err)
	}
	gaps := 0
	_, units := play(t, path, Options{Damaged: func() { gaps++ }}, 1000)
	if n := len(units); n < 40 || n > 50 || gaps != 1 {
		t.Errorf("%d units of 50, %d gaps", n, gaps)
	}
}

func TestAPieceBeginsAnywhere(t *testing.T) {
	raw, err := os.ReadFile(clip(t, "a.ts", "-c:v", "libx264", "-bf", "0", "-g", "10"))
	if err != nil {
		t.Fatal(err)
	}
	for _, from := range []int{1, 100, packet - 1, 3*packet + 7} {
		path := filepath.Join(t.TempDir(), "piece.ts")
		if err := os.WriteFile(path, raw[from:], 0o600); err != nil {
			t.Fatal(err)
		}
		if _, units := play(t, path, Options{}, 1000); len(units) < 35 {
			t.Errorf("from byte %d: %d units of 50", from, len(units))
		}
	}
}

func TestRefusals(t *testing.T) {
	write := func(content string) string {
		path := filepath.Join(t.TempDir(), "a.ts")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	filler := strings.Repeat("\x47\x1f\xff\x10"+strings.Repeat("\xff", packet-4), 50)
	for _, c := range []struct{ name, path, want string }{
		{"missing", filepath.Join(t.TempDir(), "none.ts"), "no such file"},
		{"text", write("hello"), "not a transport stream"},
		{"empty", write(""), "not a transport stream"},
		{"only filler", write(filler), "no program in the transport stream"},
		{"mpeg-2", clip(t, "m.ts", "-c:v", "mpeg2video"), "no H.264 or H.265 stream, found [MPEG1Video]"},
	} {
		if _, err := Open(c.path, Options{}); err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), c.path) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

func TestRealtimeAndClose(t *testing.T) {
	s, err := Open(clip(t, "a.ts", "-c:v", "libx264"), Options{Realtime: true})
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	for range 6 {
		if _, err := s.Next(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	if took := time.Since(began); took < 190*time.Millisecond {
		t.Errorf("6 units in %v", took)
	}
	go func() { _ = s.Close() }()
	for {
		if _, err := s.Next(context.Background()); err != nil {
			if !errors.Is(err, os.ErrClosed) {
				t.Errorf("after close: %v", err)
			}
			return
		}
	}
}

func FuzzSource(f *testing.F) {
	raw, err := os.ReadFile(clip(f, "a.ts", "-c:v", "libx264", "-bf", "0", "-vf", "scale=64:48", "-frames:v", "12"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw, 0, byte(0))
	f.Add(raw[:len(raw)/2], 1000, byte(0xff))
	f.Add([]byte{}, 0, byte(0))
	f.Fuzz(func(t *testing.T, raw []byte, at int, value byte) {
		raw = bytes.Clone(raw)
		if at >= 0 && at < len(raw) {
			raw[at] = value
		}
		d, err := newDemuxer(bytes.NewReader(raw), func(int) {})
		for err == nil {
			var u timed
			if u, err = d.next(); err == nil && len(u.Data) == 0 {
				t.Error("an empty unit")
			}
		}
	})
}
