package vision

import (
	"encoding/binary"
	"fmt"

	"sightline/internal/device"
	"sightline/internal/model"
	"sightline/internal/result"
)

// classifyStage: crop -> classifier -> the best class.
type classifyStage struct {
	crops
	in         *device.Buffer
	activation device.Activation
	best       rows
}

// attributes is memory for what classifiers say of a frame's objects.
type attributes struct {
	list []result.Attribute
	// each is how many one object gets at most.
	each int
}

// take is room for one object's attributes.
func (a *attributes) take() []result.Attribute {
	if cap(a.list)-len(a.list) < a.each {
		a.list = make([]result.Attribute, 0, max(2*cap(a.list), 16*a.each)) // what was taken stays where it is
	}
	n := len(a.list)
	a.list = a.list[:n+a.each]
	return a.list[n : n : n+a.each]
}

func newClassifyStage(c crops) (*classifyStage, error) {
	s := &classifyStage{crops: c}
	i, err := outputIndex(c.context.Engine(), c.Outputs["scores"])
	if err != nil {
		return nil, err
	}
	if out := c.context.Engine().Outputs()[i]; out.Elements() != len(c.Labels) {
		return nil, fmt.Errorf("model %s has output %v, expected %d numbers, one a class", c.context.Engine().Name(), out, len(c.Labels))
	}
	s.in = c.context.Output(i)
	switch c.Activation {
	case "", "softmax":
		s.activation = device.Softmax
	case "sigmoid":
		s.activation = device.Sigmoid
	}
	c.group.manager.attributes.each++
	s.best, err = c.newRows("classes", 8)
	return s, err
}

func (s *classifyStage) step(first, n int) model.Step {
	kernels := s.options().Device.Kernels()
	return model.Step{
		Context: s.context, Items: n,
		Before: func(stream device.Stream) error { return s.crop(stream, first, n) },
		After: func(stream device.Stream) error {
			err := kernels.Classify(stream, device.Classify{
				In: s.in, Classes: len(s.Labels), Activation: s.activation, First: first, Count: n, Out: s.best.onDevice,
			})
			if err != nil {
				return err
			}
			return s.best.copy(stream, first, n)
		},
	}
}

func (s *classifyStage) read(row int, o *result.Object) error {
	raw := s.best.of(row)
	class, score := int32(binary.LittleEndian.Uint32(raw)), float(raw[4:])
	if class < 0 {
		return notANumber(s.context)
	}
	if score < s.Threshold {
		return nil
	}
	if o.Attributes == nil {
		o.Attributes = s.group.manager.attributes.take()
	}
	o.Attributes = append(o.Attributes, result.Attribute{Model: s.Model, Class: s.Labels[class], Score: score})
	return nil
}
