package vision

import (
	"fmt"
	"math"
	"slices"

	"sightline/internal/device"
	"sightline/internal/model"
	"sightline/internal/result"
)

// segmentStage: crop -> segmentation -> bits at picture resolution.
type segmentStage struct {
	crops
	maskRows
	// margin makes one plane of a semantic model's channels; nil for models of one plane.
	margin        *device.Margin
	plane         *device.Buffer
	rows, columns int
	threshold     float32
}

// maskRows are the last frame's masks.
type maskRows struct {
	records rows
	// kept is what the frame's objects point to.
	kept []result.Mask
}

func (g *group) newMaskRows() (r maskRows, err error) {
	r.kept = make([]result.Mask, g.manager.options.Limits.People)
	r.records, err = g.newRows("masks", device.MaskRecordSize)
	return r, err
}

// give points an object to the mask of a row.
func (r *maskRows) give(row int, o *result.Object) error {
	ok, err := maskFromRecord(&r.kept[row], r.records.of(row))
	if ok {
		o.Mask = &r.kept[row]
	}
	return err
}

// logit is the number whose sigmoid is p.
func logit(p float32) float32 { return float32(math.Log(float64(p) / (1 - float64(p)))) }

func newSegmentStage(c crops) (g *segmentStage, err error) {
	g = &segmentStage{crops: c, threshold: c.Threshold}
	channels := 1
	switch c.Family {
	case "", "decoded":
	case "logits":
		g.threshold = logit(c.Threshold)
	case "semantic":
		channels, g.threshold = len(c.Labels), 0
	default:
		return nil, fmt.Errorf("model %s: no segmentation model is of family %q", c.context.Engine().Name(), c.Family)
	}
	b, shape, err := c.output("mask", channels, -1, -1)
	if err != nil {
		return nil, err
	}
	g.plane, g.rows, g.columns = b, shape[1], shape[2]
	if c.Family == "semantic" {
		g.margin = &device.Margin{In: b, Channels: channels, Channel: slices.Index(c.Labels, c.Of), Cells: g.rows * g.columns}
		size := 4 * int64(g.margin.Cells) * int64(c.context.Items())
		if g.plane, err = c.group.manager.alloc("margins", device.OnDevice, size); err != nil {
			return nil, err
		}
		g.margin.Out = g.plane
	}
	g.maskRows, err = c.group.newMaskRows()
	return g, err
}

func (g *segmentStage) step(first, n int) model.Step {
	o := g.options()
	return model.Step{
		Context: g.context, Items: n,
		Before: func(s device.Stream) error { return g.crop(s, first, n) },
		After: func(s device.Stream) error {
			if g.margin != nil {
				m := *g.margin
				m.Count = n
				if err := o.Device.Kernels().Margin(s, m); err != nil {
					return err
				}
			}
			err := o.Device.Kernels().PackMasks(s, device.PackMasks{
				In: g.plane, InWidth: g.columns, InHeight: g.rows,
				Subjects: g.group.list.Out, Limits: o.Limits,
				First: first, Count: n, Region: g.Region, Threshold: g.threshold,
				Width: o.Format.Width, Height: o.Format.Height, Out: g.records.onDevice,
			})
			if err != nil {
				return err
			}
			return g.records.copy(s, first, n)
		},
	}
}

func (g *segmentStage) read(row int, o *result.Object) error { return g.give(row, o) }
