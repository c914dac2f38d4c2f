package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"sightline/internal/config"
	"sightline/internal/device"
	"sightline/internal/native/dl"
)

const doctorHelp = `
Says what this machine has and lacks, one line a thing: the NVIDIA driver's libraries and TensorRT for
the GPU, ONNX Runtime and ffmpeg for the host device, pip, the cache. It brings what the host device
needs if that is missing (--offline: does not). Exit code 0 if the host device works. Whether the GPU works
is what sightline validate tells.
`

func doctorCommand(ctx context.Context, e *environment, args []string) error {
	offline := e.flags.Bool("offline", false, "fetch nothing")
	if err := e.parse(args, slog.LevelError); err != nil {
		return err
	}
	say := func(state, what, detail string) { fmt.Fprintf(e.out, "%-5s %-22s %s\n", state, what, detail) }
	say("info", "system", fmt.Sprintf("%s/%s, %d cores, %s", runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version()))
	for _, l := range []struct{ what, name string }{
		{"CUDA driver", "libcuda.so.1"}, {"NVDEC", "libnvcuvid.so.1"}, {"NVML", "libnvidia-ml.so.1"}, {"TensorRT", "libnvinfer.so.10"},
	} {
		place := l.name
		if dir := tensorRTFolder(config.CUDA{}); dir != "" && l.what == "TensorRT" {
			place = filepath.Join(dir, l.name)
		}
		if _, err := dl.Open(place); err != nil {
			say("none", l.what, oneLine(err.Error()))
		} else {
			say("found", l.what, place)
		}
	}
	for _, tool := range []string{"pip3", "python3", "uv", "ffmpeg"} {
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
	if *offline && os.Getenv("SIGHTLINE_ONNXRUNTIME") == "" {
		say("skip", "host device", "--offline")
		return nil
	}
	d, err := openDevice(ctx, deviceOptions{kind: "host", logger: e.logger})
	if err != nil {
		say("bad", "host device", oneLine(err.Error()))
		return errors.New("the host device does not work")
	}
	info := d.Info()
	say("ok", "host device", info.Runtime+" on "+info.Name)
	return closeDevice(d, nil)
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// closeDevice closes d after a command and joins its complaint to the command's error.
func closeDevice(d device.Device, err error) error {
	if e := d.Close(); e != nil && !errors.Is(err, device.ErrLost) {
		return errors.Join(err, e)
	}
	return err
}
