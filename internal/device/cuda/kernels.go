package cuda

import (
	"fmt"
	"unsafe"

	"sightline/internal/device"
	"sightline/internal/kernels"
	driver "sightline/internal/native/cuda"
)

// kernelSet implements device.Kernels: package kernels plans the launches, this queues them.
type kernelSet struct {
	modules   []driver.Module
	functions map[string]driver.Function
}

var _ device.Kernels = (*kernelSet)(nil)

// load loads the modules into the current context.
func (k *kernelSet) load() error {
	k.functions = map[string]driver.Function{}
	for _, m := range kernels.Modules() {
		module, err := driver.LoadPTX(m.PTX)
		if err != nil {
			return fmt.Errorf("kernels %s: %w", m.Name, err)
		}
		k.modules = append(k.modules, module)
		for _, name := range m.Kernels {
			if k.functions[name], err = module.Function(name); err != nil {
				return err
			}
		}
	}
	return nil
}

// queue queues a plan; err is why there is none.
func (k *kernelSet) queue(s device.Stream, plan []kernels.Launch, err error) error {
	if err != nil {
		return err
	}
	st := s.(*stream)
	return st.do(func() error {
		for _, l := range plan {
			shape := driver.Shape{Grid: l.Grid, Block: l.Block, Shared: l.SharedBytes}
			if err := k.functions[l.Kernel].Launch(st.handle, shape, unsafe.Pointer(unsafe.SliceData(l.Params))); err != nil {
				return fmt.Errorf("kernel %s: %w", l.Kernel, err)
			}
		}
		return nil
	})
}

func (k *kernelSet) Letterbox(s device.Stream, a device.Letterbox) error {
	plan, err := kernels.Letterbox(a)
	return k.queue(s, plan, err)
}

func (k *kernelSet) Select(s device.Stream, a device.Select) error {
	plan, err := kernels.Select(a, a.Scratch)
	return k.queue(s, plan, err)
}

func (k *kernelSet) Choose(s device.Stream, a device.Choose) error {
	plan, err := kernels.Choose(a)
	return k.queue(s, plan, err)
}

func (k *kernelSet) Crop(s device.Stream, a device.Crop) error {
	plan, err := kernels.Crop(a)
	return k.queue(s, plan, err)
}

func (k *kernelSet) Keypoints(s device.Stream, a device.Keypoints) error {
	plan, err := kernels.Keypoints(a)
	return k.queue(s, plan, err)
}

func (k *kernelSet) Uncrop(s device.Stream, a device.Uncrop) error {
	plan, err := kernels.Uncrop(a)
	return k.queue(s, plan, err)
}

func (k *kernelSet) PackMasks(s device.Stream, a device.PackMasks) error {
	plan, err := kernels.PackMasks(a)
	return k.queue(s, plan, err)
}

func (k *kernelSet) Normalize(s device.Stream, a device.Normalize) error {
	plan, err := kernels.Normalize(a)
	return k.queue(s, plan, err)
}

func (k *kernelSet) Cosine(s device.Stream, a device.Cosine) error {
	plan, err := kernels.Cosine(a)
	return k.queue(s, plan, err)
}

func (k *kernelSet) Blend(s device.Stream, a device.Blend) error {
	plan, err := kernels.Blend(a)
	return k.queue(s, plan, err)
}

func (k *kernelSet) Joints(s device.Stream, a device.Joints) error {
	plan, err := kernels.Joints(a)
	return k.queue(s, plan, err)
}

func (k *kernelSet) AnchorJoints(s device.Stream, a device.AnchorJoints) error {
	plan, err := kernels.AnchorJoints(a)
	return k.queue(s, plan, err)
}

func (k *kernelSet) Combine(s device.Stream, a device.Combine) error {
	plan, err := kernels.Combine(a)
	return k.queue(s, plan, err)
}

func (k *kernelSet) Margin(s device.Stream, a device.Margin) error {
	plan, err := kernels.Margin(a)
	return k.queue(s, plan, err)
}

func (k *kernelSet) Classify(s device.Stream, a device.Classify) error {
	plan, err := kernels.Classify(a)
	return k.queue(s, plan, err)
}

func (k *kernelSet) Moves(s device.Stream, a device.Moves) error {
	plan, err := kernels.Moves(a)
	return k.queue(s, plan, err)
}
