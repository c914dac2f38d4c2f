package vision

import (
	"fmt"
	"slices"

	"sightline/internal/device"
	"sightline/internal/model"
)

// Detector is a model that finds objects in whole pictures, and how it is fed and read. As part of a Stage it finds
// them in other objects; how it is fed is then the stage's.
type Detector struct {
	// Model is its role among the pipeline's contexts.
	Model string
	// Family says how Outputs, names by role, are read: see docs/models.md.
	Family  string
	Outputs map[string]string
	// Input is the name of the picture input; the only one's if empty. Constants are what other inputs get.
	Input     string
	Constants map[string][]float64
	Pixels    device.Pixels
	// Fit is letterbox (also if empty), corner or stretch.
	Fit     string
	Classes []string
	// Wanted lists the classes to report; none means all.
	Wanted        []string
	ScoreMin, IoU float32
	// Sigmoid: scores are logits.
	Sigmoid bool
	// Strides and Centre are those of families with a grid.
	Strides []int
	Centre  float32
	// Every is n to look at every n-th picture; 0 means all.
	Every int
}

// Stage is a model that looks at objects, and how it is fed and read.
type Stage struct {
	// Model is its role among the pipeline's contexts, Task what it does: model.Pose and so on.
	Model, Task string
	// Family says how Outputs, names by role, are read.
	Family  string
	Outputs map[string]string
	// Input is the name of the picture input; the only one's if empty. Constants are what other inputs get.
	Input     string
	Constants map[string][]float64
	Pixels    device.Pixels
	Subjects
	Region device.Region
	// Proportions makes Region.Aspect that of the model's input.
	Proportions bool
	// Threshold is the least probability of a mask's pixel, or the least score of a class that is told.
	Threshold float32
	// Labels are the model's own classes (classification, semantic masks); Of is the one a mask is made of.
	Labels []string
	Of     string
	// Detector says how the outputs of a detection model are read.
	Detector *Detector
	// Activation and Refine: see docs/models.md.
	Activation, Refine string
	// Every is n to look at every n-th picture; 0 means all.
	Every int
}

// Subjects says which objects stages look at. Stages that say the same share a list.
type Subjects struct {
	// On is the role of the detector that finds them; the first one's if empty.
	On string
	// Classes of objects; none means all.
	Classes []string
	// MinWidth and MinHeight are picture pixels.
	MinWidth, MinHeight float32
}

func (s Subjects) same(o Subjects) bool {
	return s.On == o.On && slices.Equal(s.Classes, o.Classes) && s.MinWidth == o.MinWidth && s.MinHeight == o.MinHeight
}

// Options are what a DetectionManager is made from.
type Options struct {
	// Owner is the camera's name; buffers are booked to it.
	Owner  string
	Device device.Device
	// Contexts are the pipeline's: one for each detector and stage.
	Contexts *model.Contexts
	// Format of the pictures to come.
	Format device.PictureFormat
	// Limits of the results, for every detector and every list of subjects: see device.Limits.
	Limits device.Limits
	// Detectors look at pictures, at least one; Stages at the objects that they find. Scenes look at pictures too.
	Detectors []Detector
	Scenes    []Scene
	Stages    []Stage
	// Gallery is how many appearance vectors are remembered for the tracker; 0 means none.
	Gallery int
	// Vectors copies appearance vectors out, for sinks that write them.
	Vectors bool
}

// marks has an entry a class, set for those that are named; nil if none is.
func marks(classes, named []string) []bool {
	if len(named) == 0 {
		return nil
	}
	set := make([]bool, len(classes))
	for i, class := range classes {
		set[i] = slices.Contains(named, class)
	}
	return set
}

// anyOutput finds an output by name.
func anyOutput(e *model.Engine, name string) (int, error) {
	i := slices.IndexFunc(e.Outputs(), func(b device.Binding) bool { return b.Name == name })
	if i < 0 {
		return 0, fmt.Errorf("model %s has no output %q, it has %v", e.Name(), name, e.Outputs())
	}
	return i, nil
}

// outputIndex finds an output of float32 by name.
func outputIndex(e *model.Engine, name string) (int, error) {
	i, err := anyOutput(e, name)
	if err == nil && e.Outputs()[i].Type != device.Float32 {
		return 0, fmt.Errorf("model %s has output %v, expected float32", e.Name(), e.Outputs()[i])
	}
	return i, err
}

// output finds an output of float32 by name, whose shape must be this (-1: any size): its buffer and its shape.
func output(c *model.ExecutionContext, name string, want ...int) (*device.Buffer, []int, error) {
	i, err := outputIndex(c.Engine(), name)
	if err != nil {
		return nil, nil, err
	}
	if err := shaped(c.Engine(), i, want...); err != nil {
		return nil, nil, err
	}
	return c.Output(i), c.Engine().Outputs()[i].Shape, nil
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
