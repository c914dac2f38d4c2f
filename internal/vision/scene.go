package vision

import (
	"encoding/binary"
	"math/bits"
	"slices"

	"sightline/internal/device"
	"sightline/internal/model"
	"sightline/internal/result"
)

// Scene is a semantic segmentation model that looks at whole pictures, and how it is fed and read.
type Scene struct {
	// Model is its role among the pipeline's contexts.
	Model   string
	Outputs map[string]string
	// Input, Constants, Pixels and Fit: as for a Detector.
	Input     string
	Constants map[string][]float64
	Pixels    device.Pixels
	Fit       string
	// Labels are the model's classes, Wanted those that are told; none means all.
	Labels, Wanted []string
	// Every is n to look at every n-th picture; 0 means all.
	Every int
}

// scene is one such model of the lane: letterbox -> model -> a plane and a mask for each class. Its masks are
// those of as many subjects, each as large as the picture.
type scene struct {
	Scene
	view
	classes []string
	margins []device.Margin
	pack    device.PackMasks
	onHost  *device.Buffer
	// kept are the last picture's masks, which its areas point to.
	kept []result.Mask
}

func (m *DetectionManager) newScene(o Scene) (*scene, error) {
	v, err := m.newView(o.Model, o.Input, o.Constants, o.Pixels, o.Fit, o.Every)
	if err != nil {
		return nil, err
	}
	s := &scene{Scene: o, view: v}
	out, shape, err := output(s.context, o.Outputs["mask"], len(o.Labels), -1, -1)
	if err != nil {
		return nil, err
	}
	s.classes = slices.DeleteFunc(slices.Clone(o.Labels), func(c string) bool { return len(o.Wanted) > 0 && !slices.Contains(o.Wanted, c) })
	cells := shape[1] * shape[2]
	planes, err := m.alloc("areas", device.OnDevice, 4*int64(cells)*int64(len(s.classes)))
	if err != nil {
		return nil, err
	}
	for k, class := range s.classes {
		s.margins = append(s.margins, device.Margin{
			In: out, Out: planes.Slice(4*int64(k)*int64(cells), 4*int64(cells)), Count: 1,
			Channels: len(o.Labels), Channel: slices.Index(o.Labels, class), Cells: cells,
		})
	}
	plane := s.input.Fit.Plane(s.input.OutWidth, s.input.OutHeight)
	limits := device.Limits{People: len(s.classes)}
	s.pack = device.PackMasks{
		In: planes, InWidth: shape[2], InHeight: shape[1], Plane: &plane, Limits: limits, Count: limits.People,
		Region: device.Region{Scale: 1}, Width: m.picture.Width, Height: m.picture.Height,
	}
	s.kept = make([]result.Mask, limits.People)
	if err := s.subjects(limits); err != nil {
		return nil, err
	}
	size := device.MaskRecordSize * int64(limits.People)
	if s.pack.Out, err = m.alloc("areas", device.OnDevice, size); err != nil {
		return nil, err
	}
	s.onHost, err = m.alloc("areas", device.Pinned, size)
	return s, err
}

// subjects makes the list of as many pictures as there are classes, once.
func (s *scene) subjects(limits device.Limits) (err error) {
	m := s.manager
	if s.pack.Subjects, err = m.alloc("areas", device.OnDevice, limits.SubjectsSize()); err != nil {
		return err
	}
	return m.upload(s.stream(), s.pack.Subjects, func(raw []byte) {
		binary.LittleEndian.PutUint32(raw, uint32(limits.People))
		for i := range limits.People {
			box := raw[device.RecordHeader+device.RecordSize*i:]
			encode(box[8:], device.Float32, float64(m.picture.Width))
			encode(box[12:], device.Float32, float64(m.picture.Height))
		}
	})
}

func (s *scene) step() model.Step {
	kernels := s.manager.options.Device.Kernels()
	return s.program(func(stream device.Stream) error {
		for _, m := range s.margins {
			if err := kernels.Margin(stream, m); err != nil {
				return err
			}
		}
		if err := kernels.PackMasks(stream, s.pack); err != nil {
			return err
		}
		return stream.Copy(s.onHost, s.pack.Out)
	})
}

// read appends the areas of the classes that are there.
func (s *scene) read(f *result.Frame) error {
	for i, class := range s.classes {
		record := s.onHost.Bytes()[device.MaskRecordSize*i:][:device.MaskRecordSize]
		ok, err := maskFromRecord(&s.kept[i], record)
		if err != nil {
			return err
		}
		step := int(binary.LittleEndian.Uint32(record[16:]))
		columns, rows := (s.pack.Width+step-1)/step, (s.pack.Height+step-1)/step
		if set := ones(record[device.MaskHeader:]); ok && set > 0 {
			f.Areas = append(f.Areas, result.Area{Model: s.Model, Class: class, Share: float32(set) / float32(columns*rows), Mask: &s.kept[i]})
		}
	}
	return nil
}

func ones(packed []byte) (n int) {
	for ; len(packed) >= 8; packed = packed[8:] {
		n += bits.OnesCount64(binary.LittleEndian.Uint64(packed))
	}
	return n
}
