package vision

import (
	"sightline/internal/device"
	"sightline/internal/model"
	"sightline/internal/result"
)

// poseStage: crop -> pose -> joints in picture pixels.
type poseStage struct {
	crops
	in     *device.Buffer
	count  int
	joints rows
	// kept are the last frame's joints, which its objects point to.
	kept []result.Keypoint
}

func newPoseStage(c crops) (p *poseStage, err error) {
	p = &poseStage{crops: c}
	b, shape, err := c.output("keypoints", -1, 3)
	if err != nil {
		return nil, err
	}
	p.in, p.count = b, shape[0]
	p.kept = make([]result.Keypoint, c.options().Limits.People*p.count)
	p.joints, err = c.newRows("joints", int64(12*p.count))
	return p, err
}

func (p *poseStage) step(first, n int) model.Step {
	o := p.options()
	return model.Step{
		Context: p.context, Items: n,
		Before: func(s device.Stream) error { return p.crop(s, first, n) },
		After: func(s device.Stream) error {
			err := o.Device.Kernels().Keypoints(s, device.Keypoints{
				In: p.in, Joints: p.count, InWidth: p.width, InHeight: p.height,
				Subjects: p.group.list.Out, Limits: o.Limits,
				First: first, Count: n, Region: p.Region, Out: p.joints.onDevice,
			})
			if err != nil {
				return err
			}
			return p.joints.copy(s, first, n)
		},
	}
}

func (p *poseStage) read(row int, o *result.Object) error {
	raw := p.joints.of(row)
	o.Keypoints = p.kept[row*p.count:][:p.count:p.count]
	for i := range o.Keypoints {
		k := result.Keypoint{float(raw[12*i:]), float(raw[12*i+4:]), float(raw[12*i+8:])}
		if k[0] != k[0] || k[1] != k[1] || k[2] != k[2] {
			return p.notANumber()
		}
		o.Keypoints[i] = k
	}
	return nil
}
