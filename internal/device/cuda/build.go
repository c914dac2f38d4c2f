package cuda

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"sightline/internal/atomicfile"
	"sightline/internal/device"
	"sightline/internal/native/tensorrt"
)

// Builder makes plans on a device that nothing else uses meanwhile: it times kernels. One goroutine uses
// it; the caller closes it before the device.
type Builder struct {
	device  *Device
	builder *tensorrt.Builder
	timing  []byte
}

// BuilderFolder is the folder that must be in LD_LIBRARY_PATH when a process that builds starts: TensorRT
// opens its builder resource by bare name. Empty means that the loader finds it.
func (d *Device) BuilderFolder() string { return tensorrt.Folder() }

// NewBuilder loads TensorRT's builder, which takes gigabytes of memory and half a minute: make one for all
// plans.
func (d *Device) NewBuilder() (*Builder, error) {
	if err := d.options.libraries().LoadParser(); err != nil {
		return nil, fmt.Errorf("device cuda: %w: %w", device.ErrUnavailable, err)
	}
	if err := os.MkdirAll(d.options.Plans, 0o777); err != nil {
		return nil, err
	}
	b := &Builder{device: d}
	var err error
	if b.timing, err = os.ReadFile(b.timingPath()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	err = d.do(func() (err error) { b.builder, err = tensorrt.NewBuilder(); return err })
	if err != nil {
		return nil, fmt.Errorf("builder: %w", err)
	}
	return b, nil
}

// timingPath is where what was learnt about kernels is kept; it only makes later builds faster.
func (b *Builder) timingPath() string {
	return filepath.Join(b.device.options.Plans, fmt.Sprintf("timing-trt%s-sm%d.cache", tensorrt.Version(), b.device.sm))
}

// PlanPath is where a model's plan for one batch size belongs.
func (d *Device) PlanPath(id PlanID, batch int) string {
	return filepath.Join(d.options.Plans, PlanName(id, batch, tensorrt.Version(), d.sm))
}

// Job is one plan to make: a model's, FP16, for one batch size.
type Job struct {
	Model device.ModelFile
	Batch int
	// Path is where the plan goes: PlanPath, where the device looks for it.
	Path string
	// Level is TensorRT's optimisation level, 0 to 5; Tactics, if above 0, bounds how many kernels are timed for a layer.
	Level, Tactics int
	// Progress is told now and then which part is done, 0 to 1, and what goes on. It may be nil.
	Progress func(part float64, phase string)
}

// Build makes a plan and writes it, whole or not at all. It takes from seconds to many minutes, and ends
// with ctx's cause when that is done; what was timed by then is kept for the next try.
func (b *Builder) Build(ctx context.Context, j Job) error {
	var built *tensorrt.Built
	size := int64(j.Batch)
	p := phases{}
	err := b.device.do(func() (err error) {
		built, err = b.builder.Build(j.Model.ONNX, tensorrt.BuildOptions{
			FP16: true, OptimizationLevel: j.Level, MaxTactics: j.Tactics, Batch: tensorrt.Batch{Min: size, Opt: size, Max: size}, TimingCache: b.timing,
			Progress: func(s tensorrt.Step) bool {
				if part, phase := p.update(s); j.Progress != nil {
					j.Progress(part, phase)
				}
				return ctx.Err() == nil
			},
		})
		return err
	})
	if errors.Is(err, tensorrt.ErrCancelled) && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if built != nil && len(built.TimingCache) > 0 {
		b.timing = built.TimingCache
		if failed := writeWhole(b.timingPath(), b.timing); failed != nil {
			b.device.options.Logger.Warn("what was timed is not kept: the next build times it again", "error", failed)
		}
	}
	if err != nil {
		return fmt.Errorf("build model %s, batch %d: %w", j.Model.Name, j.Batch, err)
	}
	return writeWhole(j.Path, built.Plan)
}

func writeWhole(path string, content []byte) error {
	if err := atomicfile.Write(path, content, 0o644); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// Close releases the builder.
func (b *Builder) Close() error {
	return b.device.undo(b.builder.Close)
}
