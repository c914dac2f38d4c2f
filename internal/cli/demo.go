package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"sightline/internal/config"
	"sightline/internal/progress"
)

const demoHelp = `
Runs the four cameras of demo.yaml (looked for in the working directory, then beside the program) through
detection, pose, segmentation, ReID and tracking on the host device, as fast as they go. It needs no GPU
and says so: the host device is for development. What is missing of ONNX Runtime and ffmpeg is fetched
once.

It shows progress, prints a table, and writes JSON lines and an annotated picture a camera and a page,
report.html, into the folder --out.
`

func demoCommand(ctx context.Context, e *environment, args []string) error {
	out := e.flags.String("out", "demo", "folder for everything that is written")
	if err := e.parse(args, slog.LevelWarn); err != nil {
		return err
	}
	if len(e.args) != 0 {
		return misuse("expected no arguments, got %q", e.args)
	}
	path, err := demoConfig()
	if err != nil {
		return err
	}
	c, err := config.Load(path)
	if err != nil {
		return err
	}
	for i := range c.Sinks {
		c.Sinks[i].Dir = *out
	}
	display := progress.New(e.err, progress.Options{})
	defer display.Close()
	e.logTo(display)
	r := runner{environment: e, config: c, display: display, table: e.out, folder: *out, title: "Sightline demo"}
	return r.run(ctx)
}

func demoConfig() (string, error) {
	const name = "demo.yaml"
	places := []string{"."}
	if program, err := os.Executable(); err == nil {
		places = append(places, filepath.Dir(program), filepath.Dir(filepath.Dir(program)))
	}
	for _, dir := range places {
		path := filepath.Join(dir, name)
		if _, err := os.Stat(path); err == nil {
			return path, nil
		} else if !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
	}
	return "", fmt.Errorf("no %s in the working directory or beside the program: run it from the project's folder", name)
}
