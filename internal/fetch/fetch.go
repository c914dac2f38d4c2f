// Package fetch brings what the devices need once into the user's cache, with pinned versions and SHA-256: ONNX
// Runtime's library and an ffmpeg program for the host, from Python wheels by pip; TensorRT for the GPU, by Maven.
package fetch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"

	"sightline/internal/progress"
)

// The environment variables that name a file to use in place of a fetched one. A wrong name is an error; nothing is
// fetched instead.
const (
	ONNXRuntimeVariable = "SIGHTLINE_ONNXRUNTIME"
	FFmpegVariable      = "SIGHTLINE_FFMPEG"
)

// Errors that a caller can act on; the returned errors wrap them and say what to do.
var (
	ErrPlatform = errors.New("nothing to fetch for this platform")
	ErrNoPip    = errors.New("pip not found")
	ErrDownload = errors.New("download failed")
)

// HashError says that a downloaded wheel is not the pinned one. Nothing of it was used.
type HashError struct {
	File      string
	Got, Want string // SHA-256 in hex
	GotSize   int64  // bytes
	WantSize  int64
}

func (e *HashError) Error() string {
	text := fmt.Sprintf("%s is not the pinned file: its SHA-256 is %s, want %s", e.File, e.Got, e.Want)
	if e.GotSize != e.WantSize {
		text += fmt.Sprintf(" (%d bytes, want %d)", e.GotSize, e.WantSize)
	}
	return text
}

// Options of all calls. The zero value works.
type Options struct {
	Log      *slog.Logger      // nil: no log
	Progress *progress.Display // nil: no progress
	CacheDir string            // "": sightline below the user's cache directory (XDG_CACHE_HOME or HOME)
}

func (o Options) logger() *slog.Logger {
	if o.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return o.Log
}

// ONNXRuntime returns the path of ONNX Runtime's library: the file that SIGHTLINE_ONNXRUNTIME names, the one in the
// cache, or, the first time, the one it fetches. Any number of goroutines and processes may call it at once; one of
// them fetches. A call that is cut off leaves nothing that a later one would take for the library.
func ONNXRuntime(ctx context.Context, o Options) (string, error) {
	return newFetcher(o).onnxRuntime(ctx)
}

// Have says whether ONNX Runtime and ffmpeg are there, so that nothing would have to be fetched.
func Have(o Options) bool { return newFetcher(o).complete() }

func (f *fetcher) complete() bool {
	_, missing := exec.LookPath("ffmpeg")
	return f.has(kindONNXRuntime, ONNXRuntimeVariable) && (missing == nil || f.has(kindFFmpeg, FFmpegVariable))
}

// has says whether a person named a file, or the pinned one is in the cache.
func (f *fetcher) has(kind, variable string) bool {
	if os.Getenv(variable) != "" {
		return true
	}
	p, dir, err := f.pin(kind, variable)
	return err == nil && have(filepath.Join(dir, p.file()), p)
}

// FFmpeg returns the path of an ffmpeg program that runs: the file that SIGHTLINE_FFMPEG names, ffmpeg on the PATH, the
// one in the cache, or, the first time, the one it fetches. For concurrent and interrupted calls see ONNXRuntime.
func FFmpeg(ctx context.Context, o Options) (string, error) {
	return newFetcher(o).ffmpeg(ctx)
}

// Env returns both paths as environment entries, "SIGHTLINE_ONNXRUNTIME=…" and "SIGHTLINE_FFMPEG=…", for processes that
// must not fetch anything themselves, such as tests.
func Env(ctx context.Context, o Options) ([]string, error) {
	library, err := ONNXRuntime(ctx, o)
	if err != nil {
		return nil, err
	}
	program, err := FFmpeg(ctx, o)
	if err != nil {
		return nil, err
	}
	return []string{ONNXRuntimeVariable + "=" + library, FFmpegVariable + "=" + program}, nil
}

// fetcher is one call's options and what tests put in place of the machine.
type fetcher struct {
	Options
	log         *slog.Logger
	goos, arch  string
	pins        map[string]pin // by kind/GOOS/GOARCH
	bundle      bundle         // TensorRT
	root        bool           // we may install packages
	retryPauses []time.Duration
}

func newFetcher(o Options) *fetcher {
	return &fetcher{Options: o, log: o.logger(), goos: runtime.GOOS, arch: runtime.GOARCH, pins: pins(), bundle: tensorRT(),
		root: os.Geteuid() == 0, retryPauses: []time.Duration{2 * time.Second, 8 * time.Second}}
}

func (f *fetcher) onnxRuntime(ctx context.Context) (string, error) {
	if path := os.Getenv(ONNXRuntimeVariable); path != "" {
		return named(ONNXRuntimeVariable, path)
	}
	return f.pinned(ctx, kindONNXRuntime, ONNXRuntimeVariable)
}

func (f *fetcher) ffmpeg(ctx context.Context) (string, error) {
	if path := os.Getenv(FFmpegVariable); path != "" {
		path, err := named(FFmpegVariable, path)
		if err != nil {
			return "", err
		}
		if err := runs(ctx, path); err != nil {
			return "", fmt.Errorf("%s: %w", FFmpegVariable, err)
		}
		return path, nil
	}
	if path, err := exec.LookPath("ffmpeg"); err == nil {
		if path, err = filepath.Abs(path); err == nil {
			err = runs(ctx, path)
		}
		if err == nil {
			return path, nil
		}
		f.log.Warn("ffmpeg on the PATH does not run, taking the pinned one", "path", path, "error", err)
	}
	path, err := f.pinned(ctx, kindFFmpeg, FFmpegVariable)
	if err != nil {
		return "", err
	}
	if err := runs(ctx, path); err != nil {
		return "", fmt.Errorf("the fetched ffmpeg: %w (is the cache on a file system mounted noexec? XDG_CACHE_HOME moves it)", err)
	}
	return path, nil
}

// named checks a file that a person named. The path comes back absolute, for the environment may be handed to a process
// that runs elsewhere.
func named(variable, path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("%s: %w", variable, err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("%s: %w", variable, err)
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("%s: %s is not a file", variable, path)
	}
	return path, nil
}

// runs says whether path is a program that answers -version as ffmpeg does.
func runs(ctx context.Context, path string) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for {
		cmd := exec.CommandContext(ctx, path, "-hide_banner", "-version")
		cmd.WaitDelay = time.Second
		out, err := cmd.Output()
		if busy(err) && pause(ctx, 10*time.Millisecond) == nil {
			continue
		}
		if err != nil {
			return fmt.Errorf("%s -version: %w", path, err)
		}
		if !bytes.HasPrefix(out, []byte("ffmpeg version")) {
			return fmt.Errorf("%s -version: this is not ffmpeg", path)
		}
		return nil
	}
}

// pinned returns the file of this platform's pin, from the cache or fetched into it.
func (f *fetcher) pinned(ctx context.Context, kind, variable string) (string, error) {
	p, dir, err := f.pin(kind, variable)
	if err != nil {
		return "", err
	}
	path, err := f.obtain(ctx, p, dir)
	if err != nil {
		return "", fmt.Errorf("fetch %s %s: %w", p.pkg, p.version, err)
	}
	return path, nil
}

// pin is this platform's, and the folder of the cache that it goes into.
func (f *fetcher) pin(kind, variable string) (p pin, dir string, err error) {
	p, ok := f.pins[kind+"/"+f.goos+"/"+f.arch]
	if !ok {
		return p, "", fmt.Errorf("%s for %s/%s: %w: set %s to a file of your own", kind, f.goos, f.arch, ErrPlatform, variable)
	}
	cache, err := f.cacheDir()
	return p, filepath.Join(cache, p.dir()), err
}

func (f *fetcher) cacheDir() (string, error) {
	if f.CacheDir != "" {
		return filepath.Abs(f.CacheDir)
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no cache directory: %w: set HOME, or XDG_CACHE_HOME to an absolute path", err)
	}
	return filepath.Join(dir, "sightline"), nil
}
