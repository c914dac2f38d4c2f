package cli

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"sightline/internal/fetch"
	"sightline/internal/progress"
)

const fetchHelp = `
Brings what the devices need into the user's cache directory, once, pinned and checked by SHA-256:

  onnxruntime, ffmpeg   for device host, with pip; ffmpeg only where no working one is on the PATH.
                        The default; the other commands do this themselves when they need it.
  tensorrt              TensorRT 10.6 for device cuda, with mvn: 1.1 GB, 1.7 GB unpacked

Prints the paths. Environment: SIGHTLINE_ONNXRUNTIME, SIGHTLINE_FFMPEG and SIGHTLINE_TENSORRT name what to use
instead; XDG_CACHE_HOME moves the cache.
`

func fetchCommand(ctx context.Context, e *environment, args []string) error {
	asEnvironment := e.flags.Bool("env", false, "print export lines for a shell's eval")
	if err := e.parse(args, slog.LevelWarn); err != nil {
		return err
	}
	wanted := e.args
	if len(wanted) == 0 {
		wanted = []string{"onnxruntime", "ffmpeg"}
	}
	display := progress.New(e.err, progress.Options{})
	defer display.Close()
	kinds := []struct {
		name, variable string
		bring          func(context.Context, fetch.Options) (string, error)
	}{
		{"onnxruntime", fetch.ONNXRuntimeVariable, fetch.ONNXRuntime},
		{"ffmpeg", fetch.FFmpegVariable, fetch.FFmpeg},
		{"tensorrt", fetch.TensorRTVariable, fetch.TensorRT},
	}
	for _, w := range wanted {
		if w != "onnxruntime" && w != "ffmpeg" && w != "tensorrt" {
			return misuse("cannot fetch %q: expected onnxruntime, ffmpeg or tensorrt", w)
		}
	}
	for _, k := range kinds {
		if !slices.Contains(wanted, k.name) {
			continue
		}
		path, err := k.bring(ctx, fetch.Options{Log: e.logger, Progress: display})
		if err != nil {
			return err
		}
		if *asEnvironment {
			fmt.Fprintf(e.out, "export %s='%s'\n", k.variable, strings.ReplaceAll(path, "'", `'\''`))
		} else {
			fmt.Fprintf(e.out, "%-12s %s\n", k.name, path)
		}
	}
	return nil
}
