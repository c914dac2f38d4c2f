package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"strings"

	"sightline/internal/config"
	"sightline/internal/device"
	"sightline/internal/fetch"
)

const doctorHelp = `
Says what this machine has and lacks, one line a thing, and below what is missing how to bring it: for the
GPU the NVIDIA driver's libraries, TensorRT and, with CONFIG, the plans of its models; for the host device
ONNX Runtime and ffmpeg, which are fetched if they are missing (--offline: not). Exit code 0 if the device
that CONFIG names works, or without CONFIG if any device works. sightline validate then checks a device.
`

func doctorCommand(ctx context.Context, e *environment, args []string) error {
	offline := e.flags.Bool("offline", false, "fetch nothing")
	if err := e.parse(args, slog.LevelError); err != nil {
		return err
	}
	var c *config.Config
	file := "CONFIG"
	switch len(e.args) {
	case 0:
	case 1:
		file = e.args[0]
		var err error
		if c, err = config.Load(file); err != nil {
			return err
		}
	default:
		return misuse("expected at most one configuration file, got %d", len(e.args))
	}
	say := func(state, what, detail string) { fmt.Fprintf(e.out, "%-5s %-22s %s\n", state, what, detail) }
	say("info", "system", fmt.Sprintf("%s/%s, %d cores, %s", runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version()))
	sayTools(say)
	gpu, err := diagnose(c, file, deviceOptions{kind: "cuda", logger: e.logger}, say)
	if err != nil {
		return err
	}
	host, err := checkHost(ctx, e, *offline, say)
	switch {
	case c != nil && c.Device == "cuda" && !gpu:
		return fmt.Errorf("the GPU device, which %s asks for, does not work here", file)
	case c != nil && c.Device == "host" || !gpu && !host:
		return err
	}
	return nil
}

// sayTools lists what fetching needs.
func sayTools(say func(state, what, detail string)) {
	for _, tool := range []string{"pip3", "python3", "uv", "ffmpeg", "mvn"} {
		if path, err := exec.LookPath(tool); err == nil {
			say("found", tool, path)
		} else {
			say("none", tool, "not on the PATH")
		}
	}
	if cache, err := os.UserCacheDir(); err == nil {
		say("info", "cache", cache)
	} else {
		say("bad", "cache", err.Error())
	}
}

// checkHost opens the host device. Offline, one that would have to be fetched is not tried and does not work.
func checkHost(ctx context.Context, e *environment, offline bool, say func(state, what, detail string)) (works bool, err error) {
	if offline && !fetch.Have(fetch.Options{}) {
		say("skip", "host device", "something would have to be fetched (--offline)")
		return false, errors.New("neither the GPU device works here, nor the host device without fetching anything")
	}
	d, err := openDevice(ctx, deviceOptions{kind: "host", logger: e.logger})
	if err != nil {
		say("bad", "host device", oneLine(err.Error()))
		return false, errors.New("neither the GPU nor the host device works here")
	}
	info := d.Info()
	say("ok", "host device", info.Runtime+" on "+info.Name)
	return true, closeDevice(d, nil)
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// closeDevice closes d after a command and joins its complaint to the command's error.
func closeDevice(d device.Device, err error) error {
	if e := d.Close(); e != nil && !errors.Is(err, device.ErrLost) {
		return errors.Join(err, e)
	}
	return err
}
