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

// finder is the end of every detector: the objects that were selected, on the device and on the host, and the
// groups of stages that look at them.
type finder struct {
	manager *DetectionManager
	model   string
	by      *model.ExecutionContext
	classes []string
	choose  device.Select
	// selected is the selection on the host.
	selected *device.Buffer
	lists    []*group
	// offset is where its objects begin among the frame's.
	offset int
	// looked says that it looked at the last picture.
	looked bool
}

// newFinder completes choose, which says how the objects are selected, and lets groups look at them.
func (m *DetectionManager) newFinder(o *Detector, by *model.ExecutionContext, choose device.Select) (f *finder, err error) {
	limits := m.options.Limits
	f = &finder{manager: m, model: o.Model, by: by, classes: o.Classes, choose: choose}
	f.choose.Width, f.choose.Height, f.choose.Limits = m.picture.Width, m.picture.Height, limits
	f.choose.ScoreMin, f.choose.IoU = o.ScoreMin, o.IoU
	if f.choose.Out, err = m.alloc("selection", device.OnDevice, limits.SelectionSize()); err != nil {
		return nil, err
	}
	if f.selected, err = m.alloc("selection", device.Pinned, limits.SelectionSize()); err != nil {
		return nil, err
	}
	if f.choose.Scratch, err = m.alloc("selection scratch", device.OnDevice, device.SelectScratch(choose.Candidates())); err != nil {
		return nil, err
	}
	m.finders = append(m.finders, f)
	return f, nil
}

// queue queues the selection, its way to the host, and the lists of subjects.
func (f *finder) queue(s device.Stream) error {
	if err := f.manager.options.Device.Kernels().Select(s, f.choose); err != nil {
		return err
	}
	if err := s.Copy(f.selected, f.choose.Out); err != nil {
		return err
	}
	for _, g := range f.lists {
		if err := g.choose(s); err != nil {
			return err
		}
	}
	return nil
}

// name is what the detector's objects call it: nothing, where it is the only one.
func (f *finder) name() string {
	if len(f.manager.finders) > 1 {
		return f.model
	}
	return ""
}

// read appends the objects to the frame's, and reads the lists of subjects. parent, if there, says in which of the
// frame's objects an anchor lies.
func (f *finder) read(frame *result.Frame, parent func(anchor int) int) error {
	raw := f.selected.Bytes()
	count := min(int(binary.LittleEndian.Uint32(raw)), f.choose.Limits.Objects)
	if none := binary.LittleEndian.Uint32(raw[4:]); none > 0 {
		e := f.by.Engine()
		return fmt.Errorf("model %s: %d numbers of outputs %v: %w", e.Name(), none, e.Outputs(), ErrNotANumber)
	}
	f.offset, f.looked = len(frame.Objects), true
	name := f.name()
	for i := range count {
		r := raw[device.RecordHeader+device.RecordSize*i:]
		o := result.Object{
			Detector: name,
			Class:    f.classes[binary.LittleEndian.Uint32(r[20:])],
			Score:    float(r[16:]),
			Box:      result.Box{float(r), float(r[4:]), float(r[8:]), float(r[12:])},
		}
		if parent != nil {
			o.Parent = parent(int(binary.LittleEndian.Uint32(r[24:]))) + 1
		}
		frame.Objects = append(frame.Objects, o)
	}
	for _, g := range f.lists {
		g.read()
	}
	return nil
}
