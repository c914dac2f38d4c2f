package cuda

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"sightline/internal/device"
	driver "sightline/internal/native/cuda"
	"sightline/internal/native/nvcuvid"
	"sightline/internal/native/nvml"
	"sightline/internal/native/tensorrt"
)

// Finding is one thing that the GPU device needs, there or missing.
type Finding struct {
	What, Detail string
	// Fix says what brings it; empty if nothing is missing.
	Fix string
	// Optional things are not needed to run.
	Optional bool
}

// How to bring what is missing.
const (
	fixDriver = "install NVIDIA's driver, 525 or newer (Ubuntu: ubuntu-drivers install --gpgpu; a container: docker run --gpus all)"
	fixVideo  = "install the driver's decode library (Ubuntu: libnvidia-decode-VERSION; a container: NVIDIA_DRIVER_CAPABILITIES=compute,video,utility)"
	fixRT     = "sightline fetch tensorrt (by mvn), or pip install tensorrt-cu12==10.6.0, or set " + tensorrt.EnvFolder + " to your folder"
)

// Diagnose looks for everything that the device needs on this machine, and goes on after what is missing.
// config is the name that the command for missing plans of models gives.
func Diagnose(o Options, models []device.ModelFile, config string) (list []Finding) {
	driverFound := findDriver()
	list = append(list, driverFound, found("NVDEC", nvcuvid.Load(), "libnvcuvid", fixVideo))
	telemetry := found("NVML", nvml.Load(), "libnvidia-ml", "install the driver's utilities (a container: capability utility); only the GPU's load is missing")
	telemetry.Optional = true
	list = append(list, telemetry, o.findTensorRT(driverFound.Fix == ""), o.findBuilder())
	for _, f := range list {
		if f.Fix != "" && !f.Optional {
			return list
		}
	}
	d, err := New(o)
	if err != nil {
		return append(list, found("GPU", err, "", "see above; sightline run --log-level debug tells more"))
	}
	list = append(list, d.describeGPU())
	list = append(list, d.findMissingPlans(models, config)...)
	if err := d.Close(); err != nil {
		list = append(list, found("GPU", err, "", "look for other processes on the GPU with nvidia-smi"))
	}
	return list
}

// found makes a finding of a check's error.
func found(what string, err error, detail, fix string) Finding {
	if err == nil {
		return Finding{What: what, Detail: detail}
	}
	// A line a place that was tried: the first one says enough here.
	first, more, _ := strings.Cut(err.Error(), "\n")
	if more != "" {
		first += fmt.Sprintf(" (nor in %d other places)", strings.Count(more, "\n")+1)
	}
	return Finding{What: what, Detail: first, Fix: fix}
}

func findDriver() Finding {
	err := driver.Load()
	version, n := 0, 0
	if err == nil {
		version, err = driver.DriverVersion()
	}
	if err == nil {
		n, err = driver.Devices()
	}
	if err == nil && n == 0 {
		err = errors.New("no GPU")
	}
	return found("CUDA driver", err, fmt.Sprintf("CUDA %d.%d, %d GPUs", version/1000, version%1000/10, n), fixDriver)
}

// findTensorRT opens TensorRT if there is a driver, for without one that may end the process.
func (o Options) findTensorRT(open bool) Finding {
	if open {
		err := o.libraries().Load()
		return found("TensorRT", err, tensorrt.Version()+" "+tensorrt.Folder(), fixRT)
	}
	folder, ok := o.libraries().Find()
	if !ok {
		return found("TensorRT", errors.New("libnvinfer.so.10 is in none of the usual places"), "", fixRT)
	}
	return Finding{What: "TensorRT", Detail: folder + " (not opened: there is no driver)"}
}

// findBuilder looks for what sightline build needs beyond the runtime.
func (o Options) findBuilder() Finding {
	folder, ok := o.libraries().Find()
	if !ok {
		return Finding{What: "TensorRT's builder", Detail: "comes with TensorRT", Fix: fixRT, Optional: true}
	}
	var missing []string
	for _, pattern := range []string{"libnvonnxparser.so.10", "libnvinfer_builder_resource*.so.10*"} {
		if files, _ := filepath.Glob(filepath.Join(folder, pattern)); len(files) == 0 {
			missing = append(missing, pattern)
		}
	}
	var err error
	if missing != nil {
		err = fmt.Errorf("%s without %s", folder, strings.Join(missing, " and "))
	}
	f := found("TensorRT's builder", err, folder, fixRT)
	f.Optional = true // plans that are there run without it
	return f
}

// describeGPU says which codecs the GPU decodes.
func (d *Device) describeGPU() Finding {
	var codecs []string
	err := d.do(func() error {
		for _, c := range []struct {
			codec nvcuvid.Codec
			bits  int
		}{{nvcuvid.H264, 8}, {nvcuvid.HEVC, 8}, {nvcuvid.HEVC, 10}, {nvcuvid.VP9, 8}, {nvcuvid.AV1, 8}} {
			caps, err := nvcuvid.QueryCaps(nvcuvid.Kind{Codec: c.codec, Chroma: nvcuvid.Chroma420, BitDepth: c.bits})
			if err != nil {
				return err
			}
			if caps.Supported != 0 {
				codecs = append(codecs, fmt.Sprintf("%s %d bit", c.codec, c.bits))
			}
		}
		return nil
	})
	return found("GPU", err, fmt.Sprintf("%s, compute capability %d.%d, decodes %s", d.name, d.sm/10, d.sm%10, strings.Join(codecs, ", ")),
		"the decoder of this GPU cannot be asked")
}

// findMissingPlans says for every model whether the device could load it.
func (d *Device) findMissingPlans(models []device.ModelFile, config string) (list []Finding) {
	for _, m := range models {
		buckets, err := d.findPlans(NewPlanID(m.ONNX), m.MaxBatch)
		list = append(list, found("plans of "+m.Name, err, fmt.Sprintf("batch sizes %v in %s", buckets, d.options.Plans), "sightline build "+config))
	}
	return list
}

// MissingPlans lists the models that the device has no plan for.
func (d *Device) MissingPlans(models []device.ModelFile) (missing []device.ModelFile, err error) {
	for _, m := range models {
		if _, err := d.findPlans(NewPlanID(m.ONNX), m.MaxBatch); errors.Is(err, ErrNoPlan) {
			missing = append(missing, m)
		} else if err != nil {
			return nil, err
		}
	}
	return missing, nil
}
