package cli

import (
	"slices"

	"sightline/internal/config"
	"sightline/internal/device"
	"sightline/internal/vision"
)

// visionOptions say which models look at a camera's pictures and at the objects in them, and how.
func visionOptions(c *config.Config, cam *config.Camera) vision.Options {
	o := vision.Options{
		Limits: device.Limits{Objects: c.Limits.Objects, People: min(c.Limits.People, c.Limits.Objects)},
		Vectors: slices.ContainsFunc(c.Sinks, func(s config.Sink) bool {
			return s.ReID && s.Takes(cam.Name)
		}),
	}
	for _, m := range c.ModelsOf(cam) {
		if m.Card.Task == "detection" {
			o.Detectors = append(o.Detectors, detector(m))
		} else {
			o.Stages = append(o.Stages, stage(m))
		}
	}
	return o
}

func detector(m *config.Model) vision.Detector {
	card := &m.Card
	return vision.Detector{
		Model: m.Name, Family: card.Family, Outputs: card.Outputs.Names(), Pixels: pixels(&card.Input), Fit: card.Input.Fit,
		Classes: card.Classes, Wanted: m.Classes, ScoreMin: float32(m.Threshold), IoU: float32(m.IoU),
		Sigmoid: card.Activation == "sigmoid", Strides: card.Strides, Centre: float32(card.Centre), Every: m.Every,
	}
}

func stage(m *config.Model) vision.Stage {
	card := &m.Card
	s := vision.Stage{
		Model: m.Name, Task: card.Task, Family: card.Family, Outputs: card.Outputs.Names(), Pixels: pixels(&card.Input),
		Subjects:    vision.Subjects{On: m.On, Classes: m.Classes, MinWidth: float32(m.MinWidth), MinHeight: float32(m.MinHeight)},
		Region:      device.Region{Scale: float32(card.Region.Scale), Black: card.Region.Outside == "black"},
		Proportions: card.Region.Form == "aspect",
		Threshold:   float32(m.Threshold), Labels: card.Classes, Of: card.Of,
		Activation: card.Activation, Refine: card.Refine, Every: m.Every,
	}
	if card.Region.Form == "square" {
		s.Region.Aspect = 1
	}
	return s
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
