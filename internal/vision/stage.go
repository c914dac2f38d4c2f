package vision

import (
	"fmt"

	"sightline/internal/device"
	"sightline/internal/model"
	"sightline/internal/result"
)

// crops is what all stages share: a batch of subjects is cut out of the picture into the model's input.
type crops struct {
	Stage
	group   *group
	context *model.ExecutionContext
	input
}

func (g *group) newStage(o Stage, context *model.ExecutionContext) (s stage, err error) {
	c := crops{Stage: o, group: g, context: context}
	if c.input, err = g.manager.newInput(context, o.Input, o.Constants, o.Pixels); err != nil {
		return nil, err
	}
	if o.Proportions {
		c.Region.Aspect = float32(c.width) / float32(c.height)
	}
	switch o.Task {
	case model.Pose:
		s, err = newPoseStage(c)
	case model.Segmentation:
		s, err = newSegmentStage(c)
	case model.ReID:
		s, err = newReIDStage(c)
	case model.Classification:
		s, err = newClassifyStage(c)
	case model.Detection:
		s, err = newDetectStage(c)
	default:
		err = fmt.Errorf("model %s: task %q does not look at objects", context.Engine().Name(), o.Task)
	}
	return s, err
}

func (c *crops) due(picture uint64) bool { return isDue(picture, c.Every) }

// finish: most stages say nothing but what read does.
func (c *crops) finish(*result.Frame) error { return nil }

func (c *crops) options() *Options { return &c.group.manager.options }

// crop queues the sampling of n subjects into the context's input.
func (c *crops) crop(s device.Stream, first, n int) error {
	m := c.group.manager
	return m.options.Device.Kernels().Crop(s, device.Crop{
		Picture: m.picture, Subjects: c.group.list.Out, Limits: m.options.Limits,
		First: first, Count: n, Region: c.Region, Pixels: c.pixels,
		Out: c.buffer, OutWidth: c.width, OutHeight: c.height,
	})
}

// output is the one of a role: its buffer and the shape of one item.
func (c *crops) output(role string, dimensions ...int) (*device.Buffer, []int, error) {
	return output(c.context, c.Outputs[role], dimensions...)
}

// rows are results of so many bytes a subject, on the device and on the host.
type rows struct {
	onDevice, onHost *device.Buffer
	size             int64
}

func (g *group) newRows(purpose string, size int64) (r rows, err error) {
	m := g.manager
	total := size * int64(m.options.Limits.People)
	r.size = size
	if r.onDevice, err = m.alloc(purpose, device.OnDevice, total); err != nil {
		return r, err
	}
	r.onHost, err = m.alloc(purpose, device.Pinned, total)
	return r, err
}

// copy queues the way of n rows to the host.
func (r *rows) copy(s device.Stream, first, n int) error {
	return s.Copy(r.onHost.Slice(int64(first)*r.size, int64(n)*r.size), r.onDevice.Slice(int64(first)*r.size, int64(n)*r.size))
}

// of is a row on the host.
func (r *rows) of(row int) []byte { return r.onHost.Bytes()[int64(row)*r.size:][:r.size] }

func (c *crops) newRows(purpose string, size int64) (rows, error) {
	return c.group.newRows(purpose, size)
}

// notANumber tells which model answered so.
func notANumber(c *model.ExecutionContext) error {
	return fmt.Errorf("model %s: outputs %v: %w", c.Engine().Name(), c.Engine().Outputs(), ErrNotANumber)
}
