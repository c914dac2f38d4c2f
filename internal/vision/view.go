package vision

import (
	"fmt"

	"sightline/internal/device"
	"sightline/internal/model"
	"sightline/internal/result"
)

// viewer is a model that looks at whole pictures. Those that are due run side by side in one program.
type viewer interface {
	step() model.Step
	// read adds what the model found to the frame.
	read(f *result.Frame) error
	due(picture uint64) bool
	stream() device.Stream
}

// view is what all viewers share: the picture is laid into the model's input.
type view struct {
	manager *DetectionManager
	context *model.ExecutionContext
	input   device.Letterbox
	every   int
}

// newView finds a model by its role, and lays the picture into its input as the name of a fit says.
func (m *DetectionManager) newView(role, name string, constants map[string][]float64, p device.Pixels, fit string, every int) (v view, err error) {
	v = view{manager: m, context: m.options.Contexts.Of(role), every: every}
	if v.context == nil {
		return v, fmt.Errorf("no model %q", role)
	}
	in, err := m.newInput(v.context, name, constants, p)
	if err != nil {
		return v, err
	}
	place := device.NewFit
	switch fit {
	case "corner":
		place = device.NewCornerFit
	case "stretch":
		place = device.NewStretchFit
	}
	v.input = device.Letterbox{
		Picture: m.picture, Fit: place(m.picture.Width, m.picture.Height, in.width, in.height),
		Pixels: in.pixels, Out: in.buffer, OutWidth: in.width, OutHeight: in.height,
	}
	return v, nil
}

func (v *view) due(picture uint64) bool { return isDue(picture, v.every) }

func (v *view) stream() device.Stream { return v.context.Stream() }

// program is the viewer's step, with what comes after the inference.
func (v *view) program(after func(s device.Stream) error) model.Step {
	kernels := v.manager.options.Device.Kernels()
	return model.Step{
		Context: v.context, Items: 1, After: after,
		Before: func(s device.Stream) error { return kernels.Letterbox(s, v.input) },
	}
}
