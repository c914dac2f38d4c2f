package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"time"

	"sightline/internal/config"
	"sightline/internal/device"
	"sightline/internal/device/cuda"
)

// sharingCommand is not listed: validate starts it as a child process, because it may not survive.
const sharingCommand = "share-context-unsafely"

const sharingHelp = `
Shares one TensorRT context among threads with no lock, and prints as JSON how many inferences failed or were
wrong. For sightline validate, which shows with it why every camera has contexts of its own. It may crash.
`

func shareUnsafely(ctx context.Context, e *environment, args []string) error {
	path := e.flags.String("config", "", "configuration whose segmentation model to take")
	threads := e.flags.Int("threads", 2, "threads")
	calls := e.flags.Int("calls", 200, "inferences a thread")
	if err := e.parse(args, slog.LevelError); err != nil {
		return err
	}
	e.logger = slog.New(slog.DiscardHandler) // TensorRT will complain, a lot
	c, err := config.Load(*path)
	if err != nil {
		return err
	}
	if c.Models.Task("segmentation") == nil {
		return errors.New("the configuration has no segmentation model")
	}
	onnx, err := readModel(&c.Models.Task("segmentation").Card)
	if err != nil {
		return err
	}
	d, err := openDevice(ctx, deviceOptions{kind: "cuda", gpu: c.CUDA, logger: e.logger})
	if err != nil {
		return err
	}
	m := device.ModelFile{Name: c.Models.Task("segmentation").Card.Name(), ONNX: onnx, MaxBatch: 1}
	damage, err := d.(*cuda.Device).ShareUnsafely(m, *threads, *calls)
	if err != nil {
		return err
	}
	if err := json.NewEncoder(e.out).Encode(damage); err != nil {
		return err
	}
	os.Exit(exitOK) // nothing of this process is fit to be closed in order
	return nil
}

// shareInChild starts the child and says what came of it; no damage is an error.
func shareInChild(ctx context.Context, path string, threads int) (string, error) {
	program, err := os.Executable()
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	child := exec.CommandContext(ctx, program, sharingCommand, "--config", path, "--threads", fmt.Sprint(threads))
	child.WaitDelay = time.Second
	var out, complaints bytes.Buffer
	child.Stdout, child.Stderr = &out, &complaints
	err = child.Run()
	var ended *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return "the process hung", nil
	case errors.As(err, &ended) && (ended.ExitCode() < 0 || strings.Contains(complaints.String(), "SIG")):
		return "the process died: " + firstLine(complaints.String(), ended.String()), nil
	case err != nil:
		return "", fmt.Errorf("%w: %s", err, oneLine(complaints.String()))
	}
	var d cuda.Damage
	if err := json.Unmarshal(out.Bytes(), &d); err != nil {
		return "", fmt.Errorf("child said %q: %w", out.String(), err)
	}
	if d.Failed == 0 && d.Wrong == 0 {
		return "", fmt.Errorf("%d inferences on a shared context, and nothing went wrong", d.Calls)
	}
	text := fmt.Sprintf("of %d inferences %d failed, %d were wrong", d.Calls, d.Failed, d.Wrong)
	if d.Example != "" {
		text += " (" + oneLine(d.Example) + ")"
	}
	return text, nil
}

func firstLine(text, otherwise string) string {
	if line, _, _ := strings.Cut(strings.TrimSpace(text), "\n"); line != "" {
		return line
	}
	return otherwise
}
