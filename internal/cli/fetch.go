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
Brings ONNX Runtime and, where no working ffmpeg is on the PATH, a static ffmpeg into the user's cache
directory, once, with pip. Both are pinned and checked by SHA-256. Without arguments it brings both.
The other commands do this themselves when they need it. Prints the paths.

Environment: SIGHTLINE_ONNXRUNTIME and SIGHTLINE_FFMPEG name files to use instead; XDG_CACHE_HOME moves
the cache.
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
	}
	for _, w := range wanted {
		if w != "onnxruntime" && w != "ffmpeg" {
			return misuse("cannot fetch %q: expected onnxruntime or ffmpeg", w)
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
