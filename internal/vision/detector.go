package vision

import (
	"sightline/internal/device"
	"sightline/internal/model"
	"sightline/internal/result"
)

// detector is one detection model that looks at whole pictures: letterbox -> detector -> finder.
type detector struct {
	view
	objects *finder
	// own is what a one-stage model says beside, or nil.
	own *oneStage
}

// addDetector makes a detector and puts it among the others.
func (m *DetectionManager) addDetector(o Detector) error {
	v, err := m.newView(o.Model, o.Input, o.Constants, o.Pixels, o.Fit, o.Every)
	if err != nil {
		return err
	}
	d := &detector{view: v}
	head, err := o.newHead(d.context, d.input.OutWidth, d.input.OutHeight)
	if err != nil {
		return err
	}
	d.objects, err = m.newFinder(&o, d.context, device.Select{
		Head: head.Head, Anchors: head.anchors, Classes: len(o.Classes), Fit: d.input.Fit, Wanted: marks(o.Classes, o.Wanted),
	})
	if err != nil {
		return err
	}
	m.viewers = append(m.viewers, d)
	d.own, err = d.newOneStage(head)
	return err
}

func (d *detector) step() model.Step {
	return d.program(func(s device.Stream) error {
		if err := d.objects.queue(s); err != nil || d.own == nil {
			return err
		}
		return d.own.queue(s)
	})
}

func (d *detector) read(f *result.Frame) error {
	if err := d.objects.read(f, nil); err != nil || d.own == nil {
		return err
	}
	return d.own.read(f)
}
