package vision

import (
	"sightline/internal/device"
	"sightline/internal/result"
)

// oneStage is what a detector of a one-stage family says of its own objects: joints or masks. It is part
// of the detection program.
type oneStage struct {
	detector *detector
	group    *group
	joints   *device.AnchorJoints
	combine  *device.Combine
	pack     device.PackMasks
	jointRows
	maskRows
}

// newOneStage is nil for families that find objects only.
func (d *detector) newOneStage(h head) (s *oneStage, err error) {
	if h.jointCount == 0 && h.prototypes == nil {
		return nil, nil
	}
	m := d.manager
	s = &oneStage{detector: d}
	if s.group, err = m.newGroup(Subjects{On: d.objects.model}); err != nil {
		return nil, err
	}
	limits, list := m.options.Limits, s.group.list.Out
	fit, width, height := d.input.Fit, d.input.OutWidth, d.input.OutHeight
	if h.jointCount > 0 {
		if s.jointRows, err = s.group.newJointRows(h.jointCount); err != nil {
			return nil, err
		}
		s.joints = &device.AnchorJoints{
			Values: h.joints, Joints: h.jointCount, Anchors: h.anchors, YX: h.yx, Sigmoid: h.Sigmoid, UnitX: 1, UnitY: 1,
			Fit: fit, Subjects: list, Limits: limits, Out: s.jointRows.onDevice,
		}
		if h.yx {
			s.joints.UnitX, s.joints.UnitY = float32(width), float32(height)
		}
		return s, nil
	}
	if s.maskRows, err = s.group.newMaskRows(); err != nil {
		return nil, err
	}
	c := &device.Combine{
		Coefficients: h.coefficients, Anchors: h.anchors, Prototypes: h.prototypes, Count: h.planes[0], Height: h.planes[1], Width: h.planes[2],
		InWidth: width, InHeight: height, Fit: fit, Subjects: list, Limits: limits,
	}
	if c.Out, err = m.alloc("mask planes", device.OnDevice, 4*int64(limits.People)*int64(c.Width)*int64(c.Height)); err != nil {
		return nil, err
	}
	plane := fit.Plane(width, height)
	s.combine, s.pack = c, device.PackMasks{
		In: c.Out, InWidth: c.Width, InHeight: c.Height, Plane: &plane, Subjects: list, Limits: limits, Count: limits.People,
		Region: device.Region{Scale: 1}, Width: m.options.Format.Width, Height: m.options.Format.Height, Out: s.records.onDevice,
	}
	return s, nil
}

func (s *oneStage) queue(stream device.Stream) error {
	kernels, people := s.detector.manager.options.Device.Kernels(), s.detector.manager.options.Limits.People
	if s.joints != nil {
		if err := kernels.AnchorJoints(stream, *s.joints); err != nil {
			return err
		}
		return s.jointRows.copy(stream, 0, people)
	}
	if err := kernels.Combine(stream, *s.combine); err != nil {
		return err
	}
	if err := kernels.PackMasks(stream, s.pack); err != nil {
		return err
	}
	return s.records.copy(stream, 0, people)
}

func (s *oneStage) read(f *result.Frame) error {
	for row, index := range s.group.indices {
		o := &f.Objects[index]
		if s.joints == nil {
			if err := s.maskRows.give(row, o); err != nil {
				return err
			}
		} else if !s.jointRows.give(row, o) {
			return notANumber(s.detector.context)
		}
	}
	return nil
}
