package cli

import (
	"context"
	"fmt"
	"log/slog"

	"sightline/internal/device"
	"sightline/internal/device/host"
	"sightline/internal/fetch"
	"sightline/internal/progress"
)

// deviceOptions say which device and where its parts are; empty paths are found or fetched.
type deviceOptions struct {
	kind                string
	memory              int64
	threads             int
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
		return nil, fmt.Errorf("device cuda: %w: this build has no GPU support yet; nothing runs in its place "+
			"(device: host is the development stand-in)", device.ErrUnavailable)
	}
	return nil, misuse("device %q: expected cuda or host", o.kind)
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
