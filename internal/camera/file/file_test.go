package file

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sightline/internal/media"
)

const clips = "../../../clips/"

func play(t *testing.T, path string, o Options, limit int) []media.AccessUnit {
	t.Helper()
	s, err := Open(path, o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var units []media.AccessUnit
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
	return units
}

func TestClips(t *testing.T) {
	for _, c := range []struct {
		name          string
		width, height int
	}{{"plaza-1", 768, 576}, {"plaza-2", 768, 576}, {"plaza-west", 480, 576}, {"plaza-east", 480, 576}} {
		s, err := Open(clips+c.name+".mp4", Options{})
		if err != nil {
			t.Fatal(err)
		}
		f := s.Format()
		if f.Width != c.width || f.Height != c.height || f.Codec != media.H264 || f.Matrix != "bt601" || f.FullRange || f.FrameRate < 9.9 || f.FrameRate > 20.1 {
			t.Errorf("%s: %+v", c.name, f)
		}
		if s.Frames() != 120 {
			t.Errorf("%s: %d frames", c.name, s.Frames())
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		for i, u := range play(t, clips+c.name+".mp4", Options{}, 1000) {
			if want := time.Duration(i) * 100 * time.Millisecond; u.PTS != want {
				t.Fatalf("%s: unit %d has PTS %v, want %v", c.name, i, u.PTS, want)
			}
			if u.Key != (i%10 == 0) {
				t.Fatalf("%s: unit %d: key %v", c.name, i, u.Key)
			}
			if u.Key && (!strings.HasPrefix(string(u.Data), "\x00\x00\x00\x01\x67") || !strings.Contains(string(u.Data), "\x00\x00\x00\x01\x68")) {
				t.Fatalf("%s: key unit %d lacks its parameter sets", c.name, i)
			}
		}
	}
}

func TestLoopGoesOn(t *testing.T) {
	units := play(t, clips+"plaza-1.mp4", Options{Loop: true}, 365)
	for i, u := range units {
		if want := time.Duration(i) * 100 * time.Millisecond; u.PTS != want {
			t.Fatalf("unit %d has PTS %v, want %v", i, u.PTS, want)
		}
	}
}

func TestRealtimeWaitsAndCloseWakesIt(t *testing.T) {
	s, err := Open(clips+"plaza-1.mp4", Options{Realtime: true})
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	for range 4 {
		if _, err := s.Next(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	if took := time.Since(began); took < 290*time.Millisecond {
		t.Errorf("four units of 10 a second took %v", took)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := s.Next(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	done := make(chan error)
	go func() {
		var err error
		for err == nil {
			_, err = s.Next(context.Background())
		}
		done <- err
	}()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := <-done; err == nil {
		t.Error("no error after close")
	}
}

func TestBadFiles(t *testing.T) {
	whole, err := os.ReadFile(clips + "plaza-1.mp4")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		data []byte
		says string
	}{
		{"empty", nil, "empty"},
		{"text", []byte("this is not a video at all"), "not an MP4 file"},
		{"cut", whole[:len(whole)/2], ""},
		{"head", whole[:40], ""},
	} {
		path := filepath.Join(t.TempDir(), c.name+".mp4")
		if err := os.WriteFile(path, c.data, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Open(path, Options{})
		if err == nil {
			_ = s.Close()
			t.Errorf("%s: opened", c.name)
			continue
		}
		if !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if _, err := Open("missing.mp4", Options{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func FuzzOpen(f *testing.F) {
	whole, err := os.ReadFile(clips + "plaza-west.mp4")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole[:2000])
	f.Add([]byte("\x00\x00\x00\x10ftypisom\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "x.mp4")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Open(path, Options{})
		if err != nil {
			return
		}
		defer s.Close()
		for {
			if _, err := s.Next(context.Background()); err != nil {
				return
			}
		}
	})
}
