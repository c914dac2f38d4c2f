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
	view
	choose device.Select
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
	v, err := m.newView(o.Model, o.Input, o.Constants, o.Pixels, o.Fit, o.Every)
	if err != nil {
		return err
	}
	d := &detector{Detector: o, view: v}
	head, err := o.newHead(d.context, d.input.OutWidth, d.input.OutHeight)
	if err != nil {
		return err
	}
	d.choose = device.Select{
		Head: head.Head, Anchors: head.anchors, Classes: len(o.Classes),
		Fit: d.input.Fit, Width: m.picture.Width, Height: m.picture.Height, ScoreMin: o.ScoreMin, IoU: o.IoU,
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
	m.detectors, m.viewers = append(m.detectors, d), append(m.viewers, d)
	d.own, err = d.newOneStage(head)
	return err
}

func (d *detector) step() model.Step {
	kernels := d.manager.options.Device.Kernels()
	return d.program(func(s device.Stream) error {
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
	})
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
