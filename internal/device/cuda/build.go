package cuda

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

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

// NewBuilder loads TensorRT's builder, which takes gigabytes of memory and half a minute: make one for all
// plans.
func (d *Device) NewBuilder() (*Builder, error) {
	if err := tensorrt.LoadParser(d.options.TensorRT); err != nil {
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

// Build makes the FP16 plan of a model for one batch size and writes it to path (PlanPath, where the device
// looks for it), whole or not at all. level is TensorRT's optimisation level, 0 to 5. It takes from seconds
// to many minutes.
func (b *Builder) Build(m device.ModelFile, path string, batch, level int) error {
	var built *tensorrt.Built
	size := int64(batch)
	err := b.device.do(func() (err error) {
		built, err = b.builder.Build(m.ONNX, tensorrt.BuildOptions{
			FP16: true, OptimizationLevel: level, Batch: tensorrt.Batch{Min: size, Opt: size, Max: size}, TimingCache: b.timing,
		})
		return err
	})
	if err != nil {
		return fmt.Errorf("build model %s, batch %d: %w", m.Name, batch, err)
	}
	b.timing = built.TimingCache
	if err := writeWhole(b.timingPath(), built.TimingCache); err != nil {
		return err
	}
	return writeWhole(path, built.Plan)
}

// writeWhole writes a file beside its place and moves it there.
func writeWhole(path string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".plan-*")
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// Close releases the builder.
func (b *Builder) Close() error {
	return b.device.undo(func() error { b.builder.Close(); return nil })
}
