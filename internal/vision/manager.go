// Package vision finds the people and objects of a picture, and for every person the pose, the mask and
// the appearance vector, through one pipeline's execution contexts.
//
// Pixels stay on the device: a frame costs one copy inside the device, the detection program, one
// program for every batch of people, and the copies of their small results.
package vision

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"sightline/internal/device"
	"sightline/internal/model"
	"sightline/internal/result"
)

// DetectionManager is the vision part of one pipeline. One goroutine uses it.
type DetectionManager struct {
	options Options
	// picture is the lane's own: programs are recorded with its address.
	picture   *device.Picture
	selection *device.Buffer
	// selected is the selection on the host.
	selected *device.Buffer
	detect   *model.Program
	// people holds the programs of each batch of people, one for each of sizes; nil until it is needed.
	people [][]*model.Program
	stages []personStage
	// batch is the largest number of people in one program; sizes are the numbers that there are programs
	// for, ascending.
	batch   int
	sizes   []int
	pose    *poseStage
	segment *segmentStage
	reid    *reidStage
	buffers []*device.Buffer
	// indices are the objects of the frame's persons, in the order of the person results.
	indices []int
}

// Times says how long the two parts of a frame took.
type Times struct{ Detect, People time.Duration }

// New allocates the lane's buffers and records its programs. On failure nothing is left behind. Close it
// before the contexts.
func New(o Options) (_ *DetectionManager, err error) {
	m := &DetectionManager{options: o}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("vision for %s: %w", o.Owner, err), m.Close())
		}
	}()
	if o.Contexts.Of(model.Detection) == nil {
		return nil, errors.New("no detection model")
	}
	picture, err := m.alloc("picture", device.OnDevice, o.Format.Size())
	if err != nil {
		return nil, err
	}
	m.picture = &device.Picture{PictureFormat: o.Format, Buffer: picture}
	if m.selection, err = m.alloc("selection", device.OnDevice, o.Limits.SelectionSize()); err != nil {
		return nil, err
	}
	if m.selected, err = m.alloc("selection", device.Pinned, o.Limits.SelectionSize()); err != nil {
		return nil, err
	}
	step, err := m.detectionStep()
	if err != nil {
		return nil, err
	}
	if m.detect, err = model.NewProgram("detect", step); err != nil {
		return nil, err
	}
	return m, m.planPeople()
}

func (m *DetectionManager) alloc(purpose string, space device.Space, size int64) (*device.Buffer, error) {
	b, err := m.options.Device.Pool().Alloc(m.options.Owner, purpose, space, size)
	if err == nil {
		m.buffers = append(m.buffers, b)
	}
	return b, err
}

// detectionStep: letterbox, detector, selection, and the selection's way to the host.
func (m *DetectionManager) detectionStep() (model.Step, error) {
	o, kernels := m.options, m.options.Device.Kernels()
	context := o.Contexts.Of(model.Detection)
	engine := context.Engine()
	width, height, err := inputSize(engine)
	if err != nil {
		return model.Step{}, err
	}
	scores, err := outputIndex(engine, o.Detector.Scores)
	if err != nil {
		return model.Step{}, err
	}
	boxes, err := outputIndex(engine, o.Detector.Boxes)
	if err != nil {
		return model.Step{}, err
	}
	if err := errors.Join(shaped(engine, scores, -1, len(o.Detector.Classes)), shaped(engine, boxes, -1, 4)); err != nil {
		return model.Step{}, err
	}
	fit := device.NewFit(o.Format.Width, o.Format.Height, width, height)
	letterbox := device.Letterbox{Picture: m.picture, Fit: fit, Out: context.Input(0), OutWidth: width, OutHeight: height}
	anchors := engine.Outputs()[scores].Shape[0]
	scratch, err := m.alloc("selection scratch", device.OnDevice, device.SelectScratch(anchors))
	if err != nil {
		return model.Step{}, err
	}
	choose := device.Select{
		Scores: context.Output(scores), Boxes: context.Output(boxes),
		Anchors: anchors, Classes: len(o.Detector.Classes),
		Fit: fit, Width: o.Format.Width, Height: o.Format.Height,
		ScoreMin: o.Detector.ScoreMin, IoU: o.Detector.IoU,
		Wanted: o.Detector.wanted(), Person: o.Detector.person(), Limits: o.Limits, Out: m.selection, Scratch: scratch,
	}
	return model.Step{
		Context: context, Items: 1,
		Before: func(s device.Stream) error { return kernels.Letterbox(s, letterbox) },
		After: func(s device.Stream) error {
			if err := kernels.Select(s, choose); err != nil {
				return err
			}
			return s.Copy(m.selected, m.selection)
		},
	}, nil
}

func (d Detector) wanted() []bool {
	if len(d.Wanted) == 0 {
		return nil
	}
	wanted := make([]bool, len(d.Classes))
	for i, class := range d.Classes {
		for _, w := range d.Wanted {
			wanted[i] = wanted[i] || class == w
		}
	}
	return wanted
}

// person is the index of the class "person", -1 if there is none.
func (d Detector) person() int {
	for i, class := range d.Classes {
		if class == "person" {
			return i
		}
	}
	return -1
}

// planPeople makes the stages of the person models. Their programs, one for every batch and every size that
// a model has a bucket for, are recorded when they are first needed: most cameras never need most of them.
func (m *DetectionManager) planPeople() error {
	for _, t := range []model.Task{model.Pose, model.Segmentation, model.ReID} {
		context := m.options.Contexts.Of(t)
		if context == nil {
			continue
		}
		stage, err := m.newStage(t, context)
		if err != nil {
			return err
		}
		m.stages = append(m.stages, stage)
		if items := context.Engine().Items(); m.batch == 0 || items < m.batch {
			m.batch = items
		}
	}
	if len(m.stages) == 0 {
		return nil
	}
	m.sizes = m.programSizes()
	for first := 0; first < m.options.Limits.People; first += m.batch {
		m.people = append(m.people, make([]*model.Program, len(m.sizes)))
	}
	return nil
}

// program is the one that runs the person models side by side on n people of a batch. What is beyond the
// people is black.
func (m *DetectionManager) program(batch, n int) (*model.Program, error) {
	i, _ := slices.BinarySearch(m.sizes, n)
	if p := m.people[batch][i]; p != nil {
		return p, nil
	}
	first := batch * m.batch
	items := min(m.sizes[i], m.options.Limits.People-first)
	var steps []model.Step
	for _, stage := range m.stages {
		steps = append(steps, stage.step(first, items))
	}
	p, err := model.NewProgram(fmt.Sprintf("people %d+%d", first, items), steps...)
	m.people[batch][i] = p
	return p, err
}

// programSizes are the buckets of all person models up to batch, and batch itself.
func (m *DetectionManager) programSizes() []int {
	sizes := []int{m.batch}
	for _, t := range []model.Task{model.Pose, model.Segmentation, model.ReID} {
		if context := m.options.Contexts.Of(t); context != nil {
			for _, b := range context.Engine().Buckets() {
				if b < m.batch {
					sizes = append(sizes, b)
				}
			}
		}
	}
	slices.Sort(sizes)
	return slices.Compact(sizes)
}

// Detect runs the models on a picture and fills f's size and objects; slices of f are reused. The
// picture may be reused as soon as Detect returns; f's joints, masks and vectors live until its next call.
func (m *DetectionManager) Detect(p *device.Picture, f *result.Frame) (Times, error) {
	began := time.Now()
	if p.PictureFormat != m.options.Format {
		return Times{}, fmt.Errorf("vision for %s: picture is %+v, the lane was made for %+v", m.options.Owner, p.PictureFormat, m.options.Format)
	}
	if err := m.options.Contexts.Of(model.Detection).Stream().Copy(m.picture.Buffer, p.Buffer); err != nil {
		return Times{}, err
	}
	if err := m.detect.Run(); err != nil {
		return Times{}, err
	}
	f.Width, f.Height = p.Width, p.Height
	m.readSelection(f)
	detected := time.Now()
	if err := m.runPeople(); err != nil {
		return Times{}, err
	}
	if err := m.readPeople(f); err != nil {
		return Times{}, err
	}
	return Times{Detect: detected.Sub(began), People: time.Since(detected)}, nil
}

// readSelection turns the Selection that the device wrote into objects.
func (m *DetectionManager) readSelection(f *result.Frame) {
	raw := m.selected.Bytes()
	limits := m.options.Limits
	count := min(int(binary.LittleEndian.Uint32(raw)), limits.Objects)
	people := min(int(binary.LittleEndian.Uint32(raw[4:])), limits.People)
	f.Objects = f.Objects[:0]
	for i := range count {
		o := raw[8+24*i:]
		f.Objects = append(f.Objects, result.Object{
			Class: m.options.Detector.Classes[binary.LittleEndian.Uint32(o[20:])],
			Score: float(o[16:]),
			Box:   result.Box{float(o), float(o[4:]), float(o[8:]), float(o[12:])},
		})
	}
	m.indices = m.indices[:0]
	for i := range people {
		m.indices = append(m.indices, int(binary.LittleEndian.Uint32(raw[8+24*limits.Objects+4*i:])))
	}
}

func float(b []byte) float32 { return math.Float32frombits(binary.LittleEndian.Uint32(b)) }

func (m *DetectionManager) runPeople() error {
	for batch := range m.people {
		n := min(len(m.indices)-batch*m.batch, m.batch)
		if n <= 0 {
			return nil
		}
		p, err := m.program(batch, n)
		if err != nil {
			return err
		}
		if err := p.Run(); err != nil {
			return err
		}
	}
	return nil
}

func (m *DetectionManager) readPeople(f *result.Frame) error {
	for row, index := range m.indices {
		object := &f.Objects[index]
		if m.pose != nil {
			m.pose.read(row, object)
		}
		if m.segment != nil {
			if err := m.segment.read(row, object); err != nil {
				return err
			}
		}
		if m.reid != nil && m.options.Vectors {
			m.reid.read(row, object)
		}
	}
	return nil
}

// Snapshot copies the picture of the last Detect to host memory: dst has Format's size. It is the one
// way for pixels to leave the device, for a person who asked for it.
func (m *DetectionManager) Snapshot(dst *device.Buffer) error {
	s := m.options.Contexts.Of(model.Detection).Stream()
	if err := s.Copy(dst, m.picture.Buffer); err != nil {
		return err
	}
	return s.Synchronize()
}

// Close releases programs and buffers. The contexts stay the caller's.
func (m *DetectionManager) Close() error {
	var errs []error
	for _, programs := range m.people {
		for _, p := range programs {
			if p != nil {
				errs = append(errs, p.Close())
			}
		}
	}
	if m.detect != nil {
		errs = append(errs, m.detect.Close())
	}
	errs = append(errs, device.CloseAll(m.buffers...))
	m.people, m.stages, m.detect, m.buffers = nil, nil, nil, nil
	return errors.Join(errs...)
}
