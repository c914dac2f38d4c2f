package cli

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

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
}

// openDevice is the one place that chooses a device. What was asked for is opened or the command fails:
// no device ever stands in for another.
func openDevice(ctx context.Context, o deviceOptions) (device.Device, error) {
	switch o.kind {
	case "host":
		return openHost(ctx, o)
	case "cuda":
		return openCUDA(o)
	}
	return nil, misuse("device %q: expected cuda or host", o.kind)
}

// openCUDA finds TensorRT and the plans where the configuration or the environment says, or in the cache, or,
// for TensorRT, in the loader's path.
func openCUDA(o deviceOptions) (device.Device, error) {
	plans := cmp.Or(o.gpu.Plans, os.Getenv("SIGHTLINE_PLANS"))
	if plans == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return nil, fmt.Errorf("device cuda: %w: no folder for plans: %w", device.ErrUnavailable, err)
		}
		plans = filepath.Join(cache, "sightline", "plans")
	}
	d, err := cuda.New(cuda.Options{
		Ordinal: o.gpu.GPU, TensorRT: tensorRTFolder(o.gpu), Plans: plans,
		MemoryLimit: o.memory, Logger: o.logger,
	})
	if err != nil {
		return nil, err // not d: a nil *cuda.Device in an interface is not nil
	}
	return d, nil
}

// tensorRTFolder is where TensorRT lies; empty leaves it to the loader.
func tensorRTFolder(c config.CUDA) string {
	return cmp.Or(c.TensorRT, os.Getenv(fetch.TensorRTVariable), fetch.CachedTensorRT(fetch.Options{}))
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
	return host.New(host.Options{ONNXRuntime: o.onnxruntime, FFmpeg: o.ffmpeg, MemoryLimit: o.memory, Threads: o.threads, Logger: o.logger})
}
