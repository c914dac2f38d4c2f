package vision

import (
	"encoding/binary"
	"fmt"
	"unsafe"

	"sightline/internal/device"
	"sightline/internal/model"
	"sightline/internal/result"
)

// personStage is one person model: how a batch of people gets in and its results out.
type personStage interface {
	// step is the stage's part of the program for n people from person first.
	step(first, n int) model.Step
}

// stage is what the person models share.
type stage struct {
	manager       *DetectionManager
	context       *model.ExecutionContext
	person        Person
	output        int
	width, height int
}

func (m *DetectionManager) newStage(t model.Task, context *model.ExecutionContext) (personStage, error) {
	s := stage{manager: m, context: context, person: m.options.People[t]}
	var err error
	if s.width, s.height, err = inputSize(context.Engine()); err != nil {
		return nil, err
	}
	if s.output, err = outputIndex(context.Engine(), s.person.Output); err != nil {
		return nil, err
	}
	switch t {
	case model.Pose:
		m.pose, err = newPoseStage(s)
		return m.pose, err
	case model.Segmentation:
		m.segment, err = newSegmentStage(s)
		return m.segment, err
	case model.ReID:
		m.reid, err = newReIDStage(s)
		return m.reid, err
	}
	return nil, fmt.Errorf("task %s is not a person model", t)
}

// crop queues the sampling of n people into the context's input.
func (s *stage) crop(stream device.Stream, first, n int) error {
	return s.manager.options.Device.Kernels().Crop(stream, device.Crop{
		Picture: s.manager.picture, Selection: s.manager.selection, Limits: s.manager.options.Limits,
		First: first, Count: n, Region: s.person.Region,
		Out: s.context.Input(0), OutWidth: s.width, OutHeight: s.height,
	})
}

// results allocates a row of size bytes a person, on the device and on the host.
func (s *stage) results(purpose string, size int64) (onDevice, onHost *device.Buffer, err error) {
	total := size * int64(s.manager.options.Limits.People)
	if onDevice, err = s.manager.alloc(purpose, device.OnDevice, total); err != nil {
		return nil, nil, err
	}
	onHost, err = s.manager.alloc(purpose, device.Pinned, total)
	return onDevice, onHost, err
}

// copyRows queues the copy of n rows of size bytes.
func copyRows(stream device.Stream, dst, src *device.Buffer, size int64, first, n int) error {
	return stream.Copy(dst.Slice(int64(first)*size, int64(n)*size), src.Slice(int64(first)*size, int64(n)*size))
}

// poseStage: crop -> pose -> joints in picture pixels.
type poseStage struct {
	stage
	joints, host *device.Buffer
	// kept are the last frame's joints, which its objects point to.
	kept [][17]result.Keypoint
}

const jointsSize = 17 * 3 * 4

func newPoseStage(s stage) (p *poseStage, err error) {
	if err := shaped(s.context.Engine(), s.output, 17, 3); err != nil {
		return nil, err
	}
	p = &poseStage{stage: s, kept: make([][17]result.Keypoint, s.manager.options.Limits.People)}
	p.joints, p.host, err = s.results("joints", jointsSize)
	return p, err
}

func (p *poseStage) step(first, n int) model.Step {
	return model.Step{
		Context: p.context, Items: n,
		Before: func(s device.Stream) error { return p.crop(s, first, n) },
		After: func(s device.Stream) error {
			err := p.manager.options.Device.Kernels().Keypoints(s, device.Keypoints{
				In: p.context.Output(p.output), InWidth: p.width, InHeight: p.height,
				Selection: p.manager.selection, Limits: p.manager.options.Limits,
				First: first, Count: n, Region: p.person.Region, Out: p.joints,
			})
			if err != nil {
				return err
			}
			return copyRows(s, p.host, p.joints, jointsSize, first, n)
		},
	}
}

func (p *poseStage) read(row int, o *result.Object) {
	raw := p.host.Bytes()[row*jointsSize:]
	o.Keypoints = p.kept[row][:]
	for i := range o.Keypoints {
		o.Keypoints[i] = result.Keypoint{float(raw[12*i:]), float(raw[12*i+4:]), float(raw[12*i+8:])}
	}
}

// segmentStage: crop -> segmentation -> bits at picture resolution.
type segmentStage struct {
	stage
	records, host *device.Buffer
	// kept are the last frame's masks, which its objects point to.
	kept []result.Mask
}

func newSegmentStage(s stage) (g *segmentStage, err error) {
	if err := shaped(s.context.Engine(), s.output, 1, -1, -1); err != nil {
		return nil, err
	}
	g = &segmentStage{stage: s, kept: make([]result.Mask, s.manager.options.Limits.People)}
	g.records, g.host, err = s.results("masks", device.MaskRecordSize)
	return g, err
}

func (g *segmentStage) step(first, n int) model.Step {
	shape := g.context.Engine().Outputs()[g.output].Shape
	return model.Step{
		Context: g.context, Items: n,
		Before: func(s device.Stream) error { return g.crop(s, first, n) },
		After: func(s device.Stream) error {
			err := g.manager.options.Device.Kernels().PackMasks(s, device.PackMasks{
				In: g.context.Output(g.output), InWidth: shape[2], InHeight: shape[1],
				Selection: g.manager.selection, Limits: g.manager.options.Limits,
				First: first, Count: n, Region: g.person.Region, Threshold: g.person.Threshold,
				Width: g.manager.picture.Width, Height: g.manager.picture.Height, Out: g.records,
			})
			if err != nil {
				return err
			}
			return copyRows(s, g.host, g.records, device.MaskRecordSize, first, n)
		},
	}
}

func (g *segmentStage) read(row int, o *result.Object) error {
	record := g.host.Bytes()[row*device.MaskRecordSize:][:device.MaskRecordSize]
	ok, err := maskFromRecord(&g.kept[row], record)
	if ok {
		o.Mask = &g.kept[row]
	}
	return err
}

// reidStage: crop -> ReID -> unit vectors, compared on the device with the gallery of remembered ones.
type reidStage struct {
	stage
	length int
	// vectors are float16 [people,length], gallery float16 [slots,length], slots int32 [people]: what
	// the tracker decided after the last frame. cosines are float32 [people,slots].
	vectors, vectorsHost *device.Buffer
	gallery              *device.Buffer
	slots, slotsHost     *device.Buffer
	cosines, cosinesHost *device.Buffer
	// kept are the last frame's vectors, which its objects point to.
	kept []byte
}

// galleryKeep is how much of a remembered vector stays when its person is seen again.
const galleryKeep = 0.9

func newReIDStage(s stage) (r *reidStage, err error) {
	if err := shaped(s.context.Engine(), s.output, -1); err != nil {
		return nil, err
	}
	r = &reidStage{stage: s, length: s.context.Engine().Outputs()[s.output].Shape[0]}
	if r.vectors, r.vectorsHost, err = s.results("vectors", int64(2*r.length)); err != nil {
		return nil, err
	}
	if s.manager.options.Vectors {
		r.kept = make([]byte, s.manager.options.Limits.People*2*r.length)
	}
	slots := s.manager.options.Gallery
	if slots == 0 {
		return r, nil
	}
	if r.gallery, err = s.manager.alloc("gallery", device.OnDevice, int64(2*slots*r.length)); err != nil {
		return nil, err
	}
	if r.slots, r.slotsHost, err = s.results("gallery slots", 4); err != nil {
		return nil, err
	}
	if r.cosines, r.cosinesHost, err = s.results("cosines", int64(4*slots)); err != nil {
		return nil, err
	}
	for i := range s.manager.options.Limits.People {
		binary.LittleEndian.PutUint32(r.slotsHost.Bytes()[4*i:], ^uint32(0)) // -1: leave everything
	}
	return r, nil
}

func (r *reidStage) step(first, n int) model.Step {
	kernels, people := r.manager.options.Device.Kernels(), r.manager.options.Limits.People
	return model.Step{
		Context: r.context, Items: n,
		Before: func(s device.Stream) error {
			// The first batch of a frame brings the gallery up to the last frame, whose vectors are
			// still there.
			if first == 0 && r.gallery != nil {
				if err := s.Copy(r.slots, r.slotsHost); err != nil {
					return err
				}
				blend := device.Blend{Seen: r.vectors, Slots: r.slots, Gallery: r.gallery, Rows: people, Length: r.length, Keep: galleryKeep}
				if err := kernels.Blend(s, blend); err != nil {
					return err
				}
			}
			return r.crop(s, first, n)
		},
		After: func(s device.Stream) error {
			err := kernels.Normalize(s, device.Normalize{In: r.context.Output(r.output), Length: r.length, First: first, Count: n, Out: r.vectors})
			if err != nil {
				return err
			}
			if r.gallery != nil {
				if err := r.compare(s, first, n); err != nil {
					return err
				}
			}
			if !r.manager.options.Vectors {
				return nil
			}
			return copyRows(s, r.vectorsHost, r.vectors, int64(2*r.length), first, n)
		},
	}
}

// compare queues the cosines of n people with the whole gallery.
func (r *reidStage) compare(s device.Stream, first, n int) error {
	slots := r.manager.options.Gallery
	vector, row := int64(2*r.length), int64(4*slots)
	err := r.manager.options.Device.Kernels().Cosine(s, device.Cosine{
		A: r.vectors.Slice(int64(first)*vector, int64(n)*vector), B: r.gallery,
		Rows: n, Columns: slots, Length: r.length, Out: r.cosines.Slice(int64(first)*row, int64(n)*row),
	})
	if err != nil {
		return err
	}
	return copyRows(s, r.cosinesHost, r.cosines, row, first, n)
}

func (r *reidStage) read(row int, o *result.Object) {
	size := 2 * r.length
	o.ReID = r.kept[row*size:][:size]
	copy(o.ReID, r.vectorsHost.Bytes()[row*size:])
}

// Appearance is what the tracker may know of how people look.
type Appearance struct {
	// Cosines is [people][Slots] of the last frame's persons, in the order in which they are among the
	// objects, with the remembered vectors; nil where there is no ReID.
	Cosines []float32
	Slots   int
	// Remember is for the tracker's answer: for each person what device.Blend documents for Slots.
	Remember []int32
}

// Appearance gives the tracker's view after Detect. Remember must be filled before the next Detect.
func (m *DetectionManager) Appearance() Appearance {
	if m.reid == nil || m.reid.gallery == nil {
		return Appearance{}
	}
	n, slots := len(m.indices), m.options.Gallery
	remember := words[int32](m.reid.slotsHost)
	if n == 0 {
		// Nothing ran on the device: the last answer still waits to be carried out.
		return Appearance{Slots: slots}
	}
	for i := range remember {
		remember[i] = -1
	}
	return Appearance{Cosines: words[float32](m.reid.cosinesHost)[:n*slots], Slots: slots, Remember: remember[:n]}
}

// words views pinned memory as 32-bit values; pool memory is aligned to 256 bytes.
func words[T int32 | float32](b *device.Buffer) []T {
	raw := b.Bytes()
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(raw))), len(raw)/4)
}
