package fetch

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sightline/internal/leaktest"
	"sightline/internal/progress"
)

func TestFetchOnce(t *testing.T) {
	leaktest.Check(t)
	m := newMachine(t)
	m.script("pip3", deliver)
	f := m.fetcher()
	var shown bytes.Buffer
	f.Progress = progress.New(&shown, progress.Options{Plain: time.Hour})
	if f.complete() {
		t.Error("all is there before anything is fetched")
	}
	for range 2 {
		path, err := f.onnxRuntime(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if text, err := os.ReadFile(path); err != nil || string(text) != libraryText {
			t.Errorf("%s holds %q, %v", path, text, err)
		}
		path, err = f.ffmpeg(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o755 {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
	f.Progress.Close()
	if !f.complete() {
		t.Error("something is missing when all was fetched")
	}
	m.wantCache("lib-1.0-test/lib.so", "prog-1.0-test/ffmpeg")
	if n := m.downloads(); n != 2 {
		t.Errorf("%d downloads, want 2:\n%s", n, strings.Join(m.calls(), "\n"))
	}
	for _, want := range []string{"--no-deps", "--only-binary=:all:", "--python-version 311", "--implementation cp",
		"--abi cp311", "--platform manylinux_2_28_test", "lib==1.0"} {
		if call := m.calls()[1]; !strings.Contains(call, want) {
			t.Errorf("no %s in: %s", want, call)
		}
	}
	if got := shown.String(); !strings.Contains(got, "lib 1.0: done") || !strings.Contains(got, "prog 1.0: done") {
		t.Errorf("progress: %s", got)
	}
}

func TestCachedFileOfTheWrongSizeIsReplaced(t *testing.T) {
	m := newMachine(t)
	m.script("pip3", deliver)
	f := m.fetcher()
	path := filepath.Join(m.cache, "lib-1.0-test", "lib.so")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("half"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := f.onnxRuntime(t.Context()); err != nil {
		t.Fatal(err)
	}
	if text, _ := os.ReadFile(path); string(text) != libraryText {
		t.Errorf("%s holds %q", path, text)
	}
}

func TestWrongHash(t *testing.T) {
	for name, spoil := range map[string]func([]byte) []byte{
		"other bytes": func(b []byte) []byte { b[len(b)/2] ^= 1; return b },
		"truncated":   func(b []byte) []byte { return b[:len(b)/2] },
		"empty":       func([]byte) []byte { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t)
			m.script("pip3", deliver)
			f := m.fetcher()
			f.retryPauses = []time.Duration{0, 0}
			wheel := filepath.Join(m.dir, "lib-1.0.whl")
			good, err := os.ReadFile(wheel)
			if err != nil {
				t.Fatal(err)
			}
			bad := spoil(bytes.Clone(good))
			if err := os.WriteFile(wheel, bad, 0o644); err != nil {
				t.Fatal(err)
			}
			_, err = f.onnxRuntime(t.Context())
			var hash *HashError
			if !errors.As(err, &hash) {
				t.Fatalf("error: %v", err)
			}
			if hash.Want != pinOf("lib", good, "", 0).sha256 || hash.Got != pinOf("lib", bad, "", 0).sha256 ||
				!strings.Contains(err.Error(), hash.Want) || !strings.Contains(err.Error(), hash.Got) {
				t.Errorf("not both hashes: %v", err)
			}
			if len(good) != len(bad) && !strings.Contains(err.Error(), "bytes, want") {
				t.Errorf("no sizes: %v", err)
			}
			if n := m.downloads(); n != 1 {
				t.Errorf("%d downloads, want 1", n)
			}
			m.wantCache()
		})
	}
}

func TestOwnFiles(t *testing.T) {
	m := newMachine(t) // no pip: whatever is not there would fail
	f := m.fetcher()
	library, program := filepath.Join(m.dir, "own.so"), filepath.Join(m.dir, "own-ffmpeg")
	for path, text := range map[string]string{library: "x", program: ffmpegText} {
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv(ONNXRuntimeVariable, library)
	t.Setenv(FFmpegVariable, program)
	entries, err := Env(t.Context(), f.Options)
	if err != nil || strings.Join(entries, " ") != ONNXRuntimeVariable+"="+library+" "+FFmpegVariable+"="+program {
		t.Errorf("%q, %v", entries, err)
	}
	for _, wrong := range []string{filepath.Join(m.dir, "missing"), m.dir} {
		t.Setenv(ONNXRuntimeVariable, wrong)
		if path, err := f.onnxRuntime(t.Context()); err == nil || !strings.Contains(err.Error(), ONNXRuntimeVariable) {
			t.Errorf("%s: %q, %v", wrong, path, err)
		}
	}
	for _, wrong := range []string{filepath.Join(m.dir, "missing"), library} { // the library is no program
		t.Setenv(FFmpegVariable, wrong)
		if path, err := f.ffmpeg(t.Context()); err == nil || !strings.Contains(err.Error(), FFmpegVariable) {
			t.Errorf("%s: %q, %v", wrong, path, err)
		}
	}
}

func TestFFmpegOnThePath(t *testing.T) {
	for _, c := range []struct {
		name, body string
		fetched    bool
	}{
		{"works", "echo ffmpeg version 7", false},
		{"fails", "echo ffmpeg version 7; exit 1", true},
		{"is something else", "echo hello", true},
		{"says nothing", "exit 0", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMachine(t)
			m.script("pip3", deliver)
			m.script("ffmpeg", c.body)
			path, err := m.fetcher().ffmpeg(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if fetched := strings.HasPrefix(path, m.cache); fetched != c.fetched {
				t.Errorf("took %s", path)
			}
		})
	}
}

func TestNoPlaceAndNoPlatform(t *testing.T) {
	m := newMachine(t)
	m.script("pip3", deliver)
	f := m.fetcher()
	f.arch = "vax"
	if _, err := f.onnxRuntime(t.Context()); !errors.Is(err, ErrPlatform) || !strings.Contains(err.Error(), "test/vax") ||
		!strings.Contains(err.Error(), ONNXRuntimeVariable) {
		t.Errorf("platform: %v", err)
	}
	f = m.fetcher()
	f.CacheDir = ""
	t.Setenv("HOME", "")
	t.Setenv("XDG_CACHE_HOME", "")
	if _, err := f.onnxRuntime(t.Context()); err == nil || !strings.Contains(err.Error(), "set HOME") {
		t.Errorf("no home: %v", err)
	}
	t.Setenv("XDG_CACHE_HOME", filepath.Join(m.dir, "xdg"))
	path, err := f.onnxRuntime(t.Context())
	if want := filepath.Join(m.dir, "xdg", "sightline", "lib-1.0-test", "lib.so"); err != nil || path != want {
		t.Errorf("%q, %v, want %q", path, err, want)
	}
	f.CacheDir = filepath.Join(m.dir, "lib-1.0.whl") // a file where a folder should be
	if _, err := f.onnxRuntime(t.Context()); err == nil || !strings.Contains(err.Error(), "XDG_CACHE_HOME") {
		t.Errorf("no folder: %v", err)
	}
}

func TestPinsAreWhole(t *testing.T) {
	for _, kind := range []string{kindONNXRuntime, kindFFmpeg} {
		for _, platform := range []string{"/linux/amd64", "/linux/arm64"} {
			p, ok := pins()[kind+platform]
			if !ok || len(p.sha256) != 64 || p.wheelSize <= 0 || p.size <= p.wheelSize || p.file() == "" ||
				p.executable != (kind == kindFFmpeg) || "/"+strings.ReplaceAll(p.arch, "-", "/") != platform {
				t.Errorf("%s%s: %+v", kind, platform, p)
			}
		}
	}
}

// TestRealWheels fetches what is pinned for this machine, about 96 MB: only where SIGHTLINE_TEST_FETCH is set.
func TestRealWheels(t *testing.T) {
	if os.Getenv("SIGHTLINE_TEST_FETCH") == "" {
		t.Skip("SIGHTLINE_TEST_FETCH is not set")
	}
	t.Setenv(ONNXRuntimeVariable, "")
	t.Setenv(FFmpegVariable, "")
	f := newFetcher(Options{CacheDir: t.TempDir(), Progress: progress.New(os.Stderr, progress.Options{})})
	defer f.Progress.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	if _, err := f.onnxRuntime(ctx); err != nil {
		t.Error(err)
	}
	path, err := f.pinned(ctx, kindFFmpeg, FFmpegVariable)
	if err == nil {
		err = runs(ctx, path)
	}
	if err != nil {
		t.Error(err)
	}
}
