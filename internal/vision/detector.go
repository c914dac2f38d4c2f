package vision

import (
	"encoding/binary"
	"errors"
	"fmt"

	"sightline/internal/device"
	"sightline/internal/model"
	"sightline/internal/result"
)

// ErrNotANumber: a model answered with NaN. Its results mean nothing.
var ErrNotANumber = errors.New("not a number")

// detector is one detection model of the lane: letterbox -> detector -> selection -> lists of subjects.
type detector struct {
	Detector
	manager *DetectionManager
	context *model.ExecutionContext
	input   device.Letterbox
	choose  device.Select
	// selected is the selection on the host.
	selected *device.Buffer
	// lists are the groups of subjects among its objects.
	lists []*group
	// own is what a one-stage model says beside, or nil.
	own *oneStage
	// offset is where its objects begin among the frame's.
	offset int
}

// addDetector makes a detector and puts it among the others.
func (m *DetectionManager) addDetector(o Detector) error {
	d := &detector{Detector: o, manager: m, context: m.options.Contexts.Of(o.Model)}
	if d.context == nil {
		return fmt.Errorf("no detection model %q", o.Model)
	}
	in, err := newInput(d.context, o.Input, o.Pixels)
	if err != nil {
		return err
	}
	if err := m.feed(d.context, o.Constants); err != nil {
		return err
	}
	width, height := in.width, in.height
	head, err := o.newHead(d.context, width, height)
	if err != nil {
		return err
	}
	picture := m.picture.PictureFormat
	fit := fitOf(o.Fit, picture, in)
	d.input = device.Letterbox{Picture: m.picture, Fit: fit, Pixels: in.pixels, Out: in.buffer, OutWidth: width, OutHeight: height}
	d.choose = device.Select{
		Head: head.Head, Anchors: head.anchors, Classes: len(o.Classes),
		Fit: fit, Width: picture.Width, Height: picture.Height, ScoreMin: o.ScoreMin, IoU: o.IoU,
		Wanted: marks(o.Classes, o.Wanted), Limits: m.options.Limits,
	}
	limits := m.options.Limits
	if d.choose.Out, err = m.alloc("selection", device.OnDevice, limits.SelectionSize()); err != nil {
		return err
	}
	if d.selected, err = m.alloc("selection", device.Pinned, limits.SelectionSize()); err != nil {
		return err
	}
	if d.choose.Scratch, err = m.alloc("selection scratch", device.OnDevice, device.SelectScratch(d.choose.Candidates())); err != nil {
		return err
	}
	m.detectors = append(m.detectors, d)
	d.own, err = d.newOneStage(head, fit, width, height)
	return err
}

// fitOf is where a picture lies in an input, by the name of the way.
func fitOf(name string, p device.PictureFormat, in input) device.Fit {
	place := device.NewFit
	switch name {
	case "corner":
		place = device.NewCornerFit
	case "stretch":
		place = device.NewStretchFit
	}
	return place(p.Width, p.Height, in.width, in.height)
}

func (d *detector) step() model.Step {
	kernels := d.manager.options.Device.Kernels()
	return model.Step{
		Context: d.context, Items: 1,
		Before: func(s device.Stream) error { return kernels.Letterbox(s, d.input) },
		After: func(s device.Stream) error {
			if err := kernels.Select(s, d.choose); err != nil {
				return err
			}
			if err := s.Copy(d.selected, d.choose.Out); err != nil {
				return err
			}
			for _, g := range d.lists {
				if err := g.choose(s); err != nil {
					return err
				}
			}
			if d.own != nil {
				return d.own.queue(s)
			}
			return nil
		},
	}
}

// read appends the selection's objects to the frame's, and reads the lists of subjects.
func (d *detector) read(f *result.Frame) error {
	raw := d.selected.Bytes()
	count := min(int(binary.LittleEndian.Uint32(raw)), d.manager.options.Limits.Objects)
	if none := binary.LittleEndian.Uint32(raw[4:]); none > 0 {
		return fmt.Errorf("model %s: %d numbers of outputs %v: %w", d.context.Engine().Name(), none, d.context.Engine().Outputs(), ErrNotANumber)
	}
	d.offset = len(f.Objects)
	for i := range count {
		o := raw[device.RecordHeader+device.RecordSize*i:]
		f.Objects = append(f.Objects, result.Object{
			Class: d.Classes[binary.LittleEndian.Uint32(o[20:])],
			Score: float(o[16:]),
			Box:   result.Box{float(o), float(o[4:]), float(o[8:]), float(o[12:])},
		})
	}
	for _, g := range d.lists {
		g.read()
	}
	if d.own != nil {
		return d.own.read(f)
	}
	return nil
}
