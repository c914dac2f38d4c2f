package contract

import (
	"errors"
	"fmt"
	"strings"

	"sightline/internal/device"
	"sightline/internal/golden"
	"sightline/internal/model"
	"sightline/internal/result"
	"sightline/internal/vision"
)

// Cascades: several detectors and a model of whole pictures at their own pace, models on the objects of one of them by class, size and
// pace, and one engine for two roles of one model, in every mode.
func Cascades(h *Harness) (figure string, err error) {
	if err := inEveryMode(h.cascade); err != nil {
		return "", err
	}
	return fmt.Sprintf("%d pictures a mode", len(cascadeWant)), nil
}

// finds are a detector's answers: scores of two classes and boxes of a 150x90 picture.
func finds(scores, boxes golden.Floats) []golden.Raw {
	n := len(boxes) / 4
	return []golden.Raw{{Name: "scores", Shape: []int{1, n, 2}, Data: scores}, {Name: "boxes", Shape: []int{1, n, 4}, Data: boxes}}
}

// halves are the answers of a model of whole pictures: road on the left, grass on the right.
func halves() golden.Raw {
	const classes, height, width = 4, 9, 16
	r := golden.Raw{Name: "mask", Shape: []int{1, classes, height, width}, Data: make(golden.Floats, classes*height*width)}
	for i := range r.Data {
		if class, left := i/(height*width), i%width < width/2; class == 0 && left || class == 3 && !left {
			r.Data[i] = 1
		}
	}
	return r
}

// cascadeWant are the objects of each picture, with what is said of them, and its areas.
var cascadeWant = []string{
	"dog breed=yes|person clothes=yes|person|car plates=yes|ground: road 0.50|ground: grass 0.50",
	"dog breed=yes|person|person|resting far",
	"dog breed=yes|person clothes=yes|person|ground: road 0.50|ground: grass 0.50|resting far",
	"dog breed=yes|person|person|car plates=yes",
	"dog breed=yes|person clothes=yes|person|ground: road 0.50|ground: grass 0.50|resting far",
}

// cascadeVision is what looks at what. The person of 16 pixels is too small for clothes.
func cascadeVision() vision.Options {
	outputs := map[string]string{"scores": "scores", "boxes": "boxes"}
	says := func(role, on, class string, every int) vision.Stage {
		return vision.Stage{Model: role, Task: model.Classification, Outputs: map[string]string{"scores": "scores"}, Pixels: device.RGB,
			Subjects: vision.Subjects{On: on, Classes: []string{class}, MinHeight: 20}, Region: device.Region{Scale: 1}, Labels: []string{"no", "yes"}, Every: every}
	}
	return vision.Options{
		Limits: device.Limits{Objects: 8, People: 4},
		Detectors: []vision.Detector{
			{Model: "near", Outputs: outputs, Pixels: device.RGB, Classes: []string{"person", "dog"}, ScoreMin: .4, IoU: .5},
			{Model: "far", Outputs: outputs, Pixels: device.RGB, Classes: []string{"car", "van"}, ScoreMin: .4, IoU: .5, Every: 3},
		},
		Scenes: []vision.Scene{{Model: "ground", Outputs: map[string]string{"mask": "mask"}, Pixels: device.RGB, Fit: "stretch",
			Labels: []string{"road", "sky", "water", "grass"}, Wanted: []string{"sky", "road", "grass"}, Every: 2}},
		Stages: []vision.Stage{says("clothes", "near", "person", 2), says("breed", "near", "dog", 0), says("plates", "far", "car", 0)},
	}
}

func (h *Harness) cascade(mode model.Mode) (err error) {
	d, err := h.open(0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	yes := []golden.Raw{{Name: "scores", Shape: []int{1, 2}, Data: golden.Floats{0, 2}}}
	whole, crop := device.Binding{Name: "images", Shape: []int{3, 90, 150}}, device.Binding{Name: "images", Shape: []int{3, 8, 8}}
	a := &answering{Device: d, answers: map[string][]golden.Raw{
		"near": finds(golden.Floats{.9, 0, .8, .1, 0, .95}, golden.Floats{10, 10, 40, 80, 100, 10, 112, 26, 60, 40, 90, 70}),
		"far":  finds(golden.Floats{.7, 0}, golden.Floats{20, 20, 120, 60}),
		"says": yes, "ground": {halves()},
	}, inputs: map[string][]device.Binding{"near": {whole}, "far": {whole}, "says": {crop}, "ground": {whole}}}
	config := h.config(a, mode)
	for _, role := range []string{"near", "far", "ground", "clothes", "breed", "plates"} {
		s := model.Spec{Role: role, Task: model.Classification, Name: "says", Key: "says", Batch: 4, Read: func() ([]byte, error) { return nil, nil }}
		if role == "near" || role == "far" {
			s.Task, s.Name, s.Key, s.Batch = model.Detection, role, role, 1
		}
		if role == "ground" {
			s.Task, s.Name, s.Key, s.Batch = model.Segmentation, role, role, 1
		}
		config.Models = append(config.Models, s)
	}
	m, err := model.New(config)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	if m.Engine("clothes") != m.Engine("plates") {
		return errors.New("two roles of one model have two engines")
	}
	return (&bench{device: d, manager: m}).watch(cascadeVision(), cascadeWant, describe)
}

// watch shows grey pictures of 150x90 to models and compares what is found in each with want.
func (b *bench) watch(o vision.Options, want []string, describe func(*result.Frame) string) (err error) {
	c, err := b.manager.CreatePipelineContexts("cascade")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	format := device.PictureFormat{Width: 150, Height: 90, Pitch: 150, Matrix: "bt709"}
	buffer, err := b.device.Pool().Alloc("cascade", "picture", device.OnDevice, format.Size())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, buffer.Close()) }()
	o.Owner, o.Device, o.Contexts, o.Format = "cascade", b.device, c, format
	v, err := vision.New(o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, v.Close()) }()
	f := &result.Frame{}
	for i, want := range want {
		if _, err := v.Detect(&device.Picture{PictureFormat: format, Buffer: buffer}, f); err != nil {
			return err
		}
		if got := describe(f) + resting(v.Resting()); got != want {
			return fmt.Errorf("picture %d: %q, expected %q", i, got, want)
		}
	}
	return nil
}

// resting names the detectors that did not look.
func resting(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return "|resting " + strings.Join(names, " ")
}

// describe names a frame's objects, their attributes, and its areas.
func describe(f *result.Frame) string {
	var objects []string
	for _, o := range f.Objects {
		text := []string{o.Class}
		for _, a := range o.Attributes {
			text = append(text, a.Model+"="+a.Class)
		}
		objects = append(objects, strings.Join(text, " "))
	}
	for _, a := range f.Areas {
		objects = append(objects, fmt.Sprintf("%s: %s %.2f", a.Model, a.Class, a.Share))
	}
	return strings.Join(objects, "|")
}
