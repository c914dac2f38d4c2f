package vision

import (
	"fmt"

	"sightline/internal/device"
	"sightline/internal/model"
	"sightline/internal/result"
)

// poseStage: crop -> pose -> joints in picture pixels.
type poseStage struct {
	crops
	jointRows
	// decode makes x, y in input pixels and a score of the model's outputs, decoded; where the model does so
	// itself decoded is its output, and decode has no form.
	decode  *device.Joints
	decoded *device.Buffer
}

// jointRows are the last frame's joints.
type jointRows struct {
	rows
	count int
	// kept is what the frame's objects point to.
	kept []result.Keypoint
}

func (g *group) newJointRows(count int) (j jointRows, err error) {
	j.count = count
	j.kept = make([]result.Keypoint, g.manager.options.Limits.People*count)
	j.rows, err = g.newRows("joints", int64(12*count))
	return j, err
}

// give points an object to the joints of a row; false if some are not numbers.
func (j *jointRows) give(row int, o *result.Object) bool {
	raw := j.of(row)
	o.Keypoints = j.kept[row*j.count:][:j.count:j.count]
	for i := range o.Keypoints {
		k := result.Keypoint{float(raw[12*i:]), float(raw[12*i+4:]), float(raw[12*i+8:])}
		if k[0] != k[0] || k[1] != k[1] || k[2] != k[2] {
			return false
		}
		o.Keypoints[i] = k
	}
	return true
}

func newPoseStage(c crops) (p *poseStage, err error) {
	p = &poseStage{crops: c}
	count, err := p.readFamily()
	if err != nil {
		return nil, err
	}
	if p.decode != nil {
		p.decode.Joints, p.decode.InWidth, p.decode.InHeight = count, p.width, p.height
		size := int64(12*count) * int64(c.context.Items())
		if p.decoded, err = c.group.manager.alloc("joints", device.OnDevice, size); err != nil {
			return nil, err
		}
		p.decode.Out = p.decoded
	}
	p.jointRows, err = c.group.newJointRows(count)
	return p, err
}

// readFamily says how the outputs are read, and how many joints there are.
func (p *poseStage) readFamily() (count int, err error) {
	var b, y *device.Buffer
	var shape, rows []int
	switch p.Family {
	case "", "decoded":
		p.decoded, shape, err = p.output("keypoints", -1, 3)
	case "movenet":
		i, err := outputIndex(p.context.Engine(), p.Outputs["keypoints"])
		if err != nil {
			return 0, err
		}
		p.decode = &device.Joints{Form: device.Relative, In: p.context.Output(i)}
		return p.context.Engine().Outputs()[i].Elements() / 3, nil
	case "simcc":
		if b, shape, err = p.output("x", -1, -1); err != nil {
			return 0, err
		}
		if y, rows, err = p.output("y", shape[0], -1); err == nil {
			p.decode = &device.Joints{Form: device.Axes, In: b, InY: y, Columns: shape[1], Rows: rows[1]}
		}
	case "heatmap":
		if b, shape, err = p.output("heatmaps", -1, -1, -1); err == nil {
			p.decode = &device.Joints{Form: device.Heatmaps, In: b, Rows: shape[1], Columns: shape[2], Quarter: p.Refine != "none"}
		}
	default:
		err = fmt.Errorf("model %s: no pose model is of family %q", p.context.Engine().Name(), p.Family)
	}
	if err != nil {
		return 0, err
	}
	return shape[0], nil
}

func (p *poseStage) step(first, n int) model.Step {
	o := p.options()
	return model.Step{
		Context: p.context, Items: n,
		Before: func(s device.Stream) error { return p.crop(s, first, n) },
		After: func(s device.Stream) error {
			if p.decode != nil {
				d := *p.decode
				d.Count = n
				if err := o.Device.Kernels().Joints(s, d); err != nil {
					return err
				}
			}
			err := o.Device.Kernels().Keypoints(s, device.Keypoints{
				In: p.decoded, Joints: p.count, InWidth: p.width, InHeight: p.height,
				Subjects: p.group.list.Out, Limits: o.Limits,
				First: first, Count: n, Region: p.Region, Out: p.onDevice,
			})
			if err != nil {
				return err
			}
			return p.copy(s, first, n)
		},
	}
}

func (p *poseStage) read(row int, o *result.Object) error {
	if !p.give(row, o) {
		return notANumber(p.context)
	}
	return nil
}
