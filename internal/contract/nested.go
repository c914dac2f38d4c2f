package contract

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"sightline/internal/device"
	"sightline/internal/golden"
	"sightline/internal/model"
	"sightline/internal/result"
	"sightline/internal/vision"
)

// Nested: a detector on the objects of another, at its own pace, beside a model that looks at them one by one, and a
// model on what it finds; what is found in two crops is one object, and a number that is none is told. In every mode.
func Nested(h *Harness) (figure string, err error) {
	if err := inEveryMode(h.nested); err != nil {
		return "", err
	}
	return fmt.Sprintf("%d pictures a mode", len(nestedWant)), nil
}

var nestedWant = []string{
	"person [10 10 50 90] mood=yes|person [30 10 70 90] mood=yes|person [100 10 140 90] mood=yes|dog [0 0 9 9]|" +
		"hat in 3 [120 50 140 90]|badge in 1 [35 20 45 40] colour=yes|badge in 2 [50 50 60 70] colour=yes|hat in 3 [105 15 115 25]",
	"person [10 10 50 90] mood=yes|person [30 10 70 90] mood=yes|person [100 10 140 90] mood=yes|dog [0 0 9 9]|resting worn",
	"person [10 10 50 90] mood=yes|person [30 10 70 90] mood=yes|person [100 10 140 90] mood=yes|dog [0 0 9 9]|" +
		"hat in 3 [120 50 140 90]|badge in 1 [35 20 45 40] colour=yes|badge in 2 [50 50 60 70] colour=yes|hat in 3 [105 15 115 25]",
}

// inside are the answers for three crops of 8x16, each of 40x80 picture pixels, as YOLOv8 gives them: rows of cx, cy,
// w, h, badge, hat for three anchors. The first two crops overlap, and show the same badge.
func inside() golden.Raw {
	return golden.Raw{Name: "output0", Shape: []int{3, 6, 3}, Data: golden.Floats{
		6, 0, 0, 4, 0, 0, 2, 0, 0, 4, 0, 0, .9, 0, 0, 0, .1, 0,
		2, 5, 0, 4, 10, 0, 2, 2, 0, 4, 4, 0, .8, .7, 0, 0, 0, 0,
		2, 6, 1, 2, 12, 1, 2, 4, 1, 2, 8, 1, 0, 0, .2, .6, .95, 0,
	}}
}

func nestedVision() vision.Options {
	crop := device.Region{Scale: 1}
	says := func(role, on, class string) vision.Stage {
		return vision.Stage{Model: role, Task: model.Classification, Outputs: map[string]string{"scores": "scores"}, Pixels: device.RGB,
			Subjects: vision.Subjects{On: on, Classes: []string{class}}, Region: crop, Labels: []string{"no", "yes"}}
	}
	return vision.Options{
		Limits: device.Limits{Objects: 8, People: 4},
		Detectors: []vision.Detector{{Model: "near", Outputs: map[string]string{"scores": "scores", "boxes": "boxes"}, Pixels: device.RGB,
			Classes: []string{"person", "dog"}, ScoreMin: .4, IoU: .5}},
		Stages: []vision.Stage{ // the first looks at what the second finds
			says("colour", "worn", "badge"),
			{Model: "worn", Task: model.Detection, Outputs: map[string]string{"predictions": "output0"}, Pixels: device.RGB,
				Subjects: vision.Subjects{On: "near", Classes: []string{"person"}}, Region: crop, Every: 2,
				Detector: &vision.Detector{Model: "worn", Family: "yolov8", Outputs: map[string]string{"predictions": "output0"},
					Classes: []string{"badge", "hat"}, ScoreMin: .4, IoU: .5}},
			says("mood", "near", "person"),
		},
	}
}

func (h *Harness) nested(mode model.Mode) (err error) {
	if err := h.watchNested(mode, inside(), nestedWant); err != nil {
		return err
	}
	broken := inside()
	broken.Data[6*3*2+3*4] = float32(math.NaN()) // a score in the third crop
	err = h.watchNested(mode, broken, nestedWant)
	if !errors.Is(err, vision.ErrNotANumber) || !strings.Contains(err.Error(), "worn") {
		return fmt.Errorf("a score that is no number gave %v, expected an error that names the model", err)
	}
	return nil
}

func (h *Harness) watchNested(mode model.Mode, found golden.Raw, want []string) (err error) {
	d, err := h.open(0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	yes, crop := []golden.Raw{{Name: "scores", Shape: []int{1, 2}, Data: golden.Floats{0, 2}}}, []device.Binding{{Name: "images", Shape: []int{3, 8, 8}}}
	a := &answering{Device: d, answers: map[string][]golden.Raw{
		"near": finds(golden.Floats{.9, 0, .85, 0, .8, 0, 0, .5}, golden.Floats{10, 10, 50, 90, 30, 10, 70, 90, 100, 10, 140, 90, 0, 0, 9, 9}),
		"worn": {found}, "colour": yes, "mood": yes,
	}, inputs: map[string][]device.Binding{
		"near": {{Name: "images", Shape: []int{3, 90, 150}}}, "worn": {{Name: "images", Shape: []int{3, 16, 8}}}, "colour": crop, "mood": crop,
	}}
	config := h.config(a, mode)
	for role, task := range map[string]string{"near": model.Detection, "worn": model.Detection, "colour": model.Classification, "mood": model.Classification} {
		s := model.Spec{Role: role, Task: task, Name: role, Key: role, Batch: 3, Within: role == "worn", Read: func() ([]byte, error) { return nil, nil }}
		if role == "near" || role == "mood" {
			s.Batch = 1
		}
		config.Models = append(config.Models, s)
	}
	m, err := model.New(config)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	return (&bench{device: d, manager: m}).watch(nestedVision(), want, describeNested)
}

func describeNested(f *result.Frame) string {
	var objects []string
	for _, o := range f.Objects {
		text := o.Class
		if o.Parent > 0 {
			text += fmt.Sprintf(" in %d", o.Parent)
		}
		if worn := o.Class == "badge" || o.Class == "hat"; worn != (o.Detector == "worn") || !worn && o.Detector != "near" {
			text += " found by " + o.Detector
		}
		text += fmt.Sprintf(" [%.3g %.3g %.3g %.3g]", o.Box[0], o.Box[1], o.Box[2], o.Box[3])
		for _, a := range o.Attributes {
			text += " " + a.Model + "=" + a.Class
		}
		objects = append(objects, text)
	}
	return strings.Join(objects, "|")
}
