package vision

import (
	"sightline/internal/config"
	"sightline/internal/device"
)

// Use adds a configured model: as a detector or a scene, or as a stage that looks at a detector's objects.
func (o *Options) Use(m *config.Model) {
	card := &m.Card
	var detector *Detector
	if card.Task == "detection" {
		detector = &Detector{
			Model: m.Name, Family: card.Family, Outputs: card.Outputs.Names(),
			Input: card.Input.Name, Constants: constants(card.Input.Constants), Pixels: pixels(&card.Input), Fit: card.Input.Fit,
			Classes: card.Classes, ScoreMin: float32(m.Threshold), IoU: float32(m.IoU),
			Sigmoid: card.Activation == "sigmoid", Strides: card.Strides, Centre: float32(card.Centre), Every: m.Every,
		}
		if m.On == "" {
			detector.Wanted = m.Classes
			o.Detectors = append(o.Detectors, *detector)
			return
		}
	}
	if m.On == config.Picture {
		o.Scenes = append(o.Scenes, Scene{
			Model: m.Name, Outputs: card.Outputs.Names(), Input: card.Input.Name, Constants: constants(card.Input.Constants),
			Pixels: pixels(&card.Input), Fit: card.Input.Fit, Labels: card.Classes, Wanted: m.Classes, Every: m.Every,
		})
		return
	}
	s := Stage{
		Model: m.Name, Task: card.Task, Family: card.Family, Outputs: card.Outputs.Names(), Input: card.Input.Name, Constants: constants(card.Input.Constants), Pixels: pixels(&card.Input),
		Subjects:    Subjects{On: m.On, Classes: m.Classes, MinWidth: float32(m.MinWidth), MinHeight: float32(m.MinHeight)},
		Region:      device.Region{Scale: float32(card.Region.Scale), Black: card.Region.Outside == "black"},
		Proportions: card.Region.Form == "aspect",
		Threshold:   float32(m.Threshold), Labels: card.Classes, Of: card.Of,
		Detector: detector, Activation: card.Activation, Refine: card.Refine, Every: m.Every,
	}
	if card.Region.Form == "square" {
		s.Region.Aspect = 1
	}
	o.Stages = append(o.Stages, s)
}

func constants(list []config.Constant) map[string][]float64 {
	if len(list) == 0 {
		return nil
	}
	all := map[string][]float64{}
	for _, c := range list {
		all[c.Name] = c.Values
	}
	return all
}

// CheckOf compares the inputs and outputs of a loaded model with its card: a model.Spec's Check.
func CheckOf(card *config.Card) func(inputs, outputs []device.Binding) error {
	tensors := func(bindings []device.Binding) []config.Tensor {
		list := make([]config.Tensor, len(bindings))
		for i, b := range bindings {
			list[i] = config.Tensor{Name: b.Name, Shape: b.Shape}
		}
		return list
	}
	return func(inputs, outputs []device.Binding) error { return card.Check(tensors(inputs), tensors(outputs)) }
}

// pixels are a card's input in the device's terms: p*scale+offset for p in 0..1.
func pixels(in *config.Input) device.Pixels {
	p := device.Pixels{BGR: in.Colour == "bgr", Last: in.Layout == "nhwc", Pad: float32(in.Pad) / 255}
	black, white := 0.0, 1.0
	if len(in.Range) == 2 {
		black, white = in.Range[0], in.Range[1]
	}
	for c := range 3 {
		mean, std := 0.0, 1.0
		if len(in.Mean) == 3 {
			mean = in.Mean[c]
		}
		if len(in.Std) == 3 {
			std = in.Std[c]
		}
		p.Scale[c], p.Offset[c] = float32((white-black)/std), float32((black-mean)/std)
	}
	return p
}
