// Package vision finds the objects of a picture, and what other models say of them: a person's pose, mask
// and appearance vector, for example. It works through one pipeline's execution contexts.
//
// Pixels stay on the device, where the decoder put them: a frame costs the detection program, one
// program for every batch of subjects, and the copies of their small results.
package vision

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"time"

	"sightline/internal/device"
	"sightline/internal/model"
	"sightline/internal/result"
)

// DetectionManager is the vision part of one pipeline. One goroutine uses it.
type DetectionManager struct {
	options Options
	// picture is what programs are recorded with: its place holds where the picture in work lies. That goes there from where, at
	// the beginning of each detection.
	picture *device.Picture
	where   *device.Buffer
	// last is the picture of the last Detect.
	last *device.Picture
	// viewers are the detectors of whole pictures, then the scenes.
	viewers []viewer
	// finders are all detectors' ends, a detector on objects after the one that finds them.
	finders []*finder
	groups  []*group
	// detect holds a program for every set of viewers that are due together, a bit each.
	detect map[uint64]*model.Program
	// reid is the stage that the tracker asks, nil without one; looked says that it looked at the last picture.
	reid   *reidStage
	looked bool
	// copying is the stream on which vectors may still be read.
	copying    device.Stream
	buffers    []*device.Buffer
	attributes attributes
	resting    []string
	// pictures counts those that were looked at.
	pictures uint64
}

// Times says how long the two parts of a frame took.
type Times struct{ Detect, People time.Duration }

// New allocates the lane's buffers and records its first program. On failure nothing is left behind. Close
// it before the contexts.
func New(o Options) (_ *DetectionManager, err error) {
	m := &DetectionManager{options: o, detect: map[uint64]*model.Program{}}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("vision for %s: %w", o.Owner, err), m.Close())
		}
	}()
	if n := len(o.Detectors); n < 1 || n+len(o.Scenes) > 64 {
		return nil, fmt.Errorf("%d detection models and %d of whole pictures, expected at least one and at most 64", n, len(o.Scenes))
	}
	place, err := m.alloc("picture's place", device.OnDevice, device.PlaceSize)
	if err != nil {
		return nil, err
	}
	if m.where, err = m.alloc("picture's place", device.Pinned, device.PlaceSize); err != nil {
		return nil, err
	}
	m.picture = &device.Picture{PictureFormat: o.Format, Place: place}
	for _, d := range o.Detectors {
		if err := m.addDetector(d); err != nil {
			return nil, err
		}
	}
	for _, o := range o.Scenes {
		s, err := m.newScene(o)
		if err != nil {
			return nil, err
		}
		m.viewers = append(m.viewers, s)
	}
	if err := m.addStages(o.Stages); err != nil {
		return nil, err
	}
	for _, g := range m.groups {
		g.plan()
	}
	_, err = m.detection(m.due())
	return m, err
}

func (m *DetectionManager) alloc(purpose string, space device.Space, size int64) (*device.Buffer, error) {
	b, err := m.options.Device.Pool().Alloc(m.options.Owner, purpose, space, size)
	if err == nil {
		m.buffers = append(m.buffers, b)
	}
	return b, err
}

// isDue says whether what looks at every n-th picture looks at this one.
func isDue(picture uint64, every int) bool { return every < 2 || picture%uint64(every) == 0 }

// due has a bit a viewer that looks at the next picture.
func (m *DetectionManager) due() (set uint64) {
	for i, v := range m.viewers {
		if v.due(m.pictures) {
			set |= 1 << i
		}
	}
	return set
}

// detection is the program of the viewers that are due, side by side; nil if none is.
func (m *DetectionManager) detection(due uint64) (*model.Program, error) {
	if p := m.detect[due]; p != nil || due == 0 {
		return p, nil
	}
	var steps []model.Step
	for i, v := range m.viewers {
		if due>>i&1 == 1 {
			steps = append(steps, v.step())
		}
	}
	p, err := model.NewProgram("detect", func(s device.Stream) error { return s.Copy(m.picture.Place, m.where) }, steps...)
	if err != nil {
		return nil, err
	}
	m.detect[due] = p
	return p, nil
}

// Detect runs the models on a picture, which it opens if a model looks at it, and fills f's size and objects, and whether none looked; slices of
// f are reused. The picture may be given back as soon as Detect returns; f's joints, masks and vectors live until its next call.
func (m *DetectionManager) Detect(p *device.Picture, f *result.Frame) (Times, error) {
	began := time.Now()
	if p.PictureFormat != m.options.Format {
		return Times{}, fmt.Errorf("vision for %s: picture is %+v, the lane was made for %+v", m.options.Owner, p.PictureFormat, m.options.Format)
	}
	m.last = p
	f.Width, f.Height, f.Objects, f.Areas = p.Width, p.Height, f.Objects[:0], f.Areas[:0]
	if err := m.find(p, f); err != nil {
		return Times{}, err
	}
	detected := time.Now()
	m.looked, m.attributes.list = false, m.attributes.list[:0]
	for _, g := range m.groups {
		if err := g.run(m.pictures, f); err != nil {
			return Times{}, err
		}
	}
	m.pictures++
	return Times{Detect: detected.Sub(began), People: time.Since(detected)}, nil
}

// find runs the viewers that are due.
func (m *DetectionManager) find(p *device.Picture, f *result.Frame) error {
	due := m.due()
	program, err := m.detection(due)
	if err != nil {
		return err
	}
	for _, g := range m.groups {
		g.indices = g.indices[:0]
	}
	for _, f := range m.finders {
		f.looked = false
	}
	if f.Rested = program == nil; f.Rested {
		return nil
	}
	origin := m.viewers[bits.TrailingZeros64(due)].stream() // the program begins there
	if m.copying != nil && m.copying != origin {
		if err := m.copying.Synchronize(); err != nil {
			return err
		}
	}
	m.copying = nil
	planes, err := p.Open(origin)
	if err != nil {
		return err
	}
	planes.Put(m.where.Bytes())
	// Run waits for origin, so that the stages' programs, on other streams, find the picture open as well.
	if err := program.Run(); err != nil {
		_ = origin.Synchronize() // which may have to open the picture yet
		return err
	}
	for i, v := range m.viewers {
		if due>>i&1 == 1 {
			if err := v.read(f); err != nil {
				return err
			}
		}
	}
	return nil
}

// Resting are the detectors, by the names that their objects tell, which did not look at the last picture. It is
// valid until the next call.
func (m *DetectionManager) Resting() []string {
	m.resting = m.resting[:0]
	for _, f := range m.finders {
		if !f.looked {
			m.resting = append(m.resting, f.name())
		}
	}
	return m.resting
}

func float(b []byte) float32 { return math.Float32frombits(binary.LittleEndian.Uint32(b)) }

// Snapshot copies the picture of the last Detect, which must not have been given back, to host memory: dst has Format's
// size. It is the one way for pixels to leave the device, for a person who asked for it.
func (m *DetectionManager) Snapshot(dst *device.Buffer) error {
	s := m.viewers[0].stream()
	if err := s.CopyPicture(dst, m.last); err != nil {
		return err
	}
	return s.Synchronize()
}

// Close releases programs and buffers. The contexts stay the caller's.
func (m *DetectionManager) Close() error {
	var errs []error
	if m.copying != nil {
		_ = m.copying.Synchronize() // a failed stream has told its user already
	}
	for _, g := range m.groups {
		errs = append(errs, g.close()...)
	}
	for _, p := range m.detect {
		errs = append(errs, p.Close())
	}
	errs = append(errs, device.CloseAll(m.buffers...))
	m.groups, m.finders, m.viewers, m.detect, m.buffers = nil, nil, nil, nil, nil
	return errors.Join(errs...)
}
