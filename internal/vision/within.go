package vision

import (
	"fmt"

	"sightline/internal/device"
	"sightline/internal/model"
	"sightline/internal/result"
)

// detectStage: crop -> detector -> the objects in each crop -> finder. What is found in two crops that overlap is
// one object: the finder's selection suppresses among all crops of a picture.
type detectStage struct {
	crops
	head    head
	objects *finder
	// found selects among one crop's anchors, in input pixels; its results lie in one row for each item.
	found  device.Select
	row    int64
	rows   *device.Buffer
	uncrop device.Uncrop
}

// twice is by how much objects of a family without suppression overlap where two crops show the same one.
const twice = 0.7

// mostWithin is how many objects are found in one crop at most.
const mostWithin = 32

func newDetectStage(c crops) (s *detectStage, err error) {
	s = &detectStage{crops: c}
	o, m := c.Detector, c.group.manager
	if s.head, err = o.newHead(c.context, c.width, c.height); err != nil {
		return nil, err
	}
	if s.head.jointCount > 0 || s.head.prototypes != nil {
		return nil, fmt.Errorf("model %s of family %s looks at whole pictures only", c.context.Engine().Name(), o.Family)
	}
	limits := m.options.Limits
	each := device.Limits{Objects: min(mostWithin, limits.Objects)}
	s.row = each.SelectionSize()
	if s.rows, err = m.alloc("found in crops", device.OnDevice, s.row*int64(c.context.Items())); err != nil {
		return nil, err
	}
	records, err := m.alloc("found in crops", device.OnDevice, device.RecordSize*int64(limits.People*each.Objects))
	if err != nil {
		return nil, err
	}
	word := func(n int) device.Values {
		return device.Values{Buffer: records, Offset: n, Anchor: device.RecordSize / 4, Item: 1}
	}
	across := *o
	if s.head.Final {
		across.IoU = twice
	}
	s.objects, err = m.newFinder(&across, c.context, device.Select{
		Head:    device.Head{Boxes: word(0), Scores: word(4), Labels: word(5), LabelType: device.Int32, UnitX: 1, UnitY: 1},
		Anchors: limits.People * each.Objects, Classes: len(o.Classes), Fit: device.Fit{ScaleX: 1, ScaleY: 1},
	})
	if err != nil {
		return nil, err
	}
	s.found = device.Select{
		Head: s.head.Head, Anchors: s.head.anchors, Classes: len(o.Classes), Fit: device.Fit{ScaleX: 1, ScaleY: 1},
		Width: c.width, Height: c.height, ScoreMin: o.ScoreMin, IoU: o.IoU, Wanted: marks(o.Classes, o.Wanted), Limits: each,
	}
	s.uncrop = device.Uncrop{
		In: s.rows, Each: each.Objects, InWidth: c.width, InHeight: c.height,
		Subjects: c.group.list.Out, Limits: limits, Region: c.Region, Out: records,
	}
	s.found.Scratch, err = m.alloc("selection scratch", device.OnDevice, device.SelectScratch(s.found.Candidates()))
	return s, err
}

func (s *detectStage) step(first, n int) model.Step {
	kernels := s.options().Device.Kernels()
	return model.Step{
		Context: s.context, Items: n,
		Before: func(on device.Stream) error { return s.crop(on, first, n) },
		After: func(on device.Stream) error {
			for i := range n {
				k := s.found
				k.Head, k.Out = s.head.item(i, s.context), s.rows.Slice(int64(i)*s.row, s.row)
				if err := kernels.Select(on, k); err != nil {
					return err
				}
			}
			k := s.uncrop
			k.First, k.Count = first, n
			if err := kernels.Uncrop(on, k); err != nil {
				return err
			}
			return s.objects.queue(on) // of all crops so far: the last program's stands
		},
	}
}

// item is the head of item i of a batch.
func (h *head) item(i int, c *model.ExecutionContext) device.Head {
	shifted := func(v device.Values) device.Values {
		for k, b := range c.Engine().Outputs() {
			if c.Output(k) == v.Buffer {
				v.Offset += i * b.Elements()
			}
		}
		return v
	}
	out := h.Head
	out.Scores, out.Objectness, out.Labels, out.Boxes = shifted(h.Scores), shifted(h.Objectness), shifted(h.Labels), shifted(h.Boxes)
	return out
}

func (s *detectStage) read(int, *result.Object) error { return nil }

func (s *detectStage) finish(f *result.Frame) error {
	if s.objects.looked = true; len(s.group.indices) == 0 {
		return nil // nothing ran: what is on the host is of another picture
	}
	return s.objects.read(f, func(anchor int) int { return s.group.indices[anchor/s.uncrop.Each] })
}
