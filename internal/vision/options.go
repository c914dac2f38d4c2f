package vision

import (
	"fmt"
	"slices"

	"sightline/internal/device"
	"sightline/internal/model"
)

// Detector says how the detector's outputs are read.
type Detector struct {
	// Scores and Boxes name the outputs [anchors,classes] and [anchors,4].
	Scores, Boxes string
	Classes       []string
	// Wanted lists the classes to report; none means all.
	Wanted        []string
	ScoreMin, IoU float32
}

// Person says how a person model is fed and read.
type Person struct {
	// Output names the model's output: keypoints, mask or features.
	Output string
	Region device.Region
	// Threshold is the mask's.
	Threshold float32
}

// Options are what a DetectionManager is made from.
type Options struct {
	// Owner is the camera's name; buffers are booked to it.
	Owner  string
	Device device.Device
	// Contexts are the pipeline's. Detection must be there; the person models are optional.
	Contexts *model.Contexts
	// Format of the pictures to come.
	Format device.PictureFormat
	// Limits of the results: see device.Limits.
	Limits   device.Limits
	Detector Detector
	// People has an entry for each person model in Contexts.
	People map[model.Task]Person
	// Gallery is how many appearance vectors are remembered for the tracker; 0 means none.
	Gallery int
	// Vectors copies appearance vectors out, for sinks that write them.
	Vectors bool
}

// outputIndex finds an output by name.
func outputIndex(e *model.Engine, name string) (int, error) {
	i := slices.IndexFunc(e.Outputs(), func(b device.Binding) bool { return b.Name == name })
	if i < 0 {
		return 0, fmt.Errorf("model %s has no output %q, it has %v", e.Name(), name, e.Outputs())
	}
	return i, nil
}

// inputSize is the width and height of a model's picture input.
func inputSize(e *model.Engine) (width, height int, err error) {
	in := e.Inputs()
	if len(in) != 1 || len(in[0].Shape) != 3 || in[0].Shape[0] != 3 {
		return 0, 0, fmt.Errorf("model %s has inputs %v, expected one of shape [3 height width]", e.Name(), in)
	}
	return in[0].Shape[2], in[0].Shape[1], nil
}

// shaped checks the shape of an output; -1 stands for any size.
func shaped(e *model.Engine, i int, want ...int) error {
	got := e.Outputs()[i]
	ok := len(got.Shape) == len(want)
	for k := 0; ok && k < len(want); k++ {
		ok = want[k] < 0 || want[k] == got.Shape[k]
	}
	if !ok {
		return fmt.Errorf("model %s has output %v, expected shape %v (-1: any)", e.Name(), got, want)
	}
	return nil
}
