package vision

import (
	"sightline/internal/device"
	"sightline/internal/model"
	"sightline/internal/result"
)

// segmentStage: crop -> segmentation -> bits at picture resolution.
type segmentStage struct {
	crops
	in            *device.Buffer
	rows, columns int
	records       rows
	// kept are the last frame's masks, which its objects point to.
	kept []result.Mask
}

func newSegmentStage(c crops) (g *segmentStage, err error) {
	g = &segmentStage{crops: c, kept: make([]result.Mask, c.options().Limits.People)}
	b, shape, err := c.output("mask", 1, -1, -1)
	if err != nil {
		return nil, err
	}
	g.in, g.rows, g.columns = b, shape[1], shape[2]
	g.records, err = c.newRows("masks", device.MaskRecordSize)
	return g, err
}

func (g *segmentStage) step(first, n int) model.Step {
	o := g.options()
	return model.Step{
		Context: g.context, Items: n,
		Before: func(s device.Stream) error { return g.crop(s, first, n) },
		After: func(s device.Stream) error {
			err := o.Device.Kernels().PackMasks(s, device.PackMasks{
				In: g.in, InWidth: g.columns, InHeight: g.rows,
				Subjects: g.group.list.Out, Limits: o.Limits,
				First: first, Count: n, Region: g.Region, Threshold: g.Threshold,
				Width: o.Format.Width, Height: o.Format.Height, Out: g.records.onDevice,
			})
			if err != nil {
				return err
			}
			return g.records.copy(s, first, n)
		},
	}
}

func (g *segmentStage) read(row int, o *result.Object) error {
	ok, err := maskFromRecord(&g.kept[row], g.records.of(row))
	if ok {
		o.Mask = &g.kept[row]
	}
	return err
}
