package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"

	"sightline/internal/config"
	"sightline/internal/device"
	"sightline/internal/device/cuda"
	"sightline/internal/device/host"
	"sightline/internal/fetch"
	"sightline/internal/progress"
)

// deviceOptions say which device and where its parts are; empty paths are found or fetched.
type deviceOptions struct {
	kind                string
	memory              int64
	threads             int
	gpu                 config.CUDA
	onnxruntime, ffmpeg string
	logger              *slog.Logger
	progress            *progress.Display
	// ready, if set, sees the open device first; its error closes the device.
	ready func(context.Context, device.Device) error
}

// configuredDevice is the device that a configuration asks for.
func configuredDevice(c *config.Config, logger *slog.Logger) deviceOptions {
	return deviceOptions{kind: c.Device, memory: int64(c.MemoryLimit), threads: c.HostThreads(runtime.NumCPU()), gpu: c.CUDA, logger: logger}
}

// errStopped: somebody stopped the program before it had begun.
var errStopped = errors.New("stopped before it had begun")

// openDevice is the one place that chooses a device. What was asked for is opened or the command fails:
// no device ever stands in for another.
func openDevice(ctx context.Context, o deviceOptions) (d device.Device, err error) {
	switch o.kind {
	case "host":
		d, err = openHost(ctx, o)
	case "cuda":
		d, err = openCUDA(o)
	default:
		err = misuse("device %q: expected cuda or host", o.kind)
	}
	if err != nil && ctx.Err() != nil {
		return nil, errStopped // whatever it says, that is why
	}
	if err == nil && o.ready != nil {
		if err := o.ready(ctx, d); err != nil {
			return nil, errors.Join(err, d.Close())
		}
	}
	return d, err
}

// processors is how many threads run Go code at once with a GPU: what is Go of a frame takes a tenth of a millisecond, and
// idle ones wake to look for work (150 cameras: 6 spare the scheduler half its time against 32; see docs/bench/gpu-history.md).
const processors = 6

// openCUDA opens the GPU.
func openCUDA(o deviceOptions) (device.Device, error) {
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(min(processors, runtime.GOMAXPROCS(0)))
	}
	options, err := cudaOptions(o)
	if err != nil {
		return nil, fmt.Errorf("device cuda: %w: %w", device.ErrUnavailable, err)
	}
	d, err := cuda.New(options)
	if err != nil {
		return nil, err // not d: a nil *cuda.Device in an interface is not nil
	}
	return d, nil
}

// cudaOptions say where the plans are: where the configuration or the environment says, or in the cache.
// TensorRT is looked for in more places; see tensorrt.Options.
func cudaOptions(o deviceOptions) (cuda.Options, error) {
	plans := cmp.Or(o.gpu.Plans, os.Getenv("SIGHTLINE_PLANS"))
	if plans == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return cuda.Options{}, fmt.Errorf("no folder for plans: %w", err)
		}
		plans = filepath.Join(cache, "sightline", "plans")
	}
	return cuda.Options{
		Ordinal: o.gpu.GPU, TensorRT: o.gpu.TensorRT, Cache: fetch.CachedTensorRT(fetch.Options{}), Plans: plans,
		MemoryLimit: o.memory, Logger: o.logger,
	}, nil
}

func openHost(ctx context.Context, o deviceOptions) (device.Device, error) {
	options := fetch.Options{Log: o.logger, Progress: o.progress}
	var err error
	if o.onnxruntime == "" {
		if o.onnxruntime, err = fetch.ONNXRuntime(ctx, options); err != nil {
			return nil, fmt.Errorf("host device: %w: %w", device.ErrUnavailable, err)
		}
	}
	if o.ffmpeg == "" {
		if o.ffmpeg, err = fetch.FFmpeg(ctx, options); err != nil {
			return nil, fmt.Errorf("host device: %w: %w", device.ErrUnavailable, err)
		}
	}
	d, err := host.New(host.Options{ONNXRuntime: o.onnxruntime, FFmpeg: o.ffmpeg, MemoryLimit: o.memory, Threads: o.threads, Logger: o.logger})
	if err != nil {
		return nil, err // not d, as above
	}
	return d, nil
}
