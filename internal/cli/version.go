package cli

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"runtime/debug"
)

const versionHelp = `Prints the version, the revision it was built from, and the Go version.`

func versionCommand(_ context.Context, e *environment, args []string) error {
	if err := e.parse(args, slog.LevelInfo); err != nil {
		return err
	}
	if len(e.args) > 0 {
		return misuse("expected no arguments, got %q", e.args)
	}
	_, err := fmt.Fprintf(e.out, "sightline %s %s %s/%s\n", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}

// version is the module's version and the revision it was built from, as far as the build knows them.
func version() string {
	version, revision := "development", ""
	if info, ok := debug.ReadBuildInfo(); ok {
		if v := info.Main.Version; v != "" && v != "(devel)" {
			version = v
		}
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				revision = " " + s.Value[:min(12, len(s.Value))]
			}
		}
	}
	return version + revision
}
