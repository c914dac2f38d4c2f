package contract

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	mathbits "math/bits"
	"os"
	"strings"

	"sightline/internal/config"
	"sightline/internal/device"
	"sightline/internal/golden"
	"sightline/internal/model"
	"sightline/internal/onnx"
	"sightline/internal/result"
	"sightline/internal/result/rle"
	"sightline/internal/vision"
)

// Families: what every family of models answers is read as its published formula says. The answers are
// stored ones, so that a GPU needs no plans for this.
func Families(h *Harness) (string, error) { return h.families(true) }

// FamiliesInferred: the same with the models themselves, from the picture on.
func FamiliesInferred(h *Harness) (string, error) { return h.families(false) }

func (h *Harness) families(stored bool) (_ string, err error) {
	folder, err := os.MkdirTemp("", "sightline-families-")
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	var failures []error
	names := golden.Families()
	for _, name := range names {
		if err := h.family(name, folder, stored); err != nil {
			failures = append(failures, fmt.Errorf("%s: %w", name, err))
		}
	}
	return fmt.Sprintf("%d models", len(names)), errors.Join(failures...)
}

// finder is the role of the detector that finds the person whom models of people look at.
const finder = "finder"

func (h *Harness) family(name, folder string, stored bool) (err error) {
	want, path, err := golden.ReadFamily(name, folder)
	if err != nil {
		return err
	}
	card, err := config.LoadCard(path)
	if err != nil {
		return err
	}
	d, err := h.Open(0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	answers := &answering{Device: d, answers: map[string][]golden.Raw{finder: {
		{Name: "scores", Shape: []int{1, 1, 1}, Data: golden.Floats{.9}},
		{Name: "boxes", Shape: []int{1, 1, 4}, Data: golden.Floats{float32(want.Person[0]), float32(want.Person[1]), float32(want.Person[2]), float32(want.Person[3])}},
	}}, inputs: map[string][]device.Binding{finder: {{Name: "images", Shape: []int{3, want.Height, want.Width}}}}}
	if stored {
		answers.answers[card.Name()] = want.Outputs
		answers.inputs[card.Name()] = []device.Binding{{Name: card.Input.Name, Shape: card.Input.Shape}}
		for _, c := range card.Input.Constants {
			answers.inputs[card.Name()] = append(answers.inputs[card.Name()], device.Binding{Name: c.Name, Shape: []int{len(c.Values)}, Type: device.Int64})
		}
	}
	m := &config.Model{Name: card.Name(), Card: card, Threshold: card.Threshold, IoU: card.IoU, Batch: card.Batch}
	if card.Task != model.Detection {
		m.On = finder
	}
	f, err := answers.look(h, m, want)
	switch want.Wrong {
	case "nan":
		if !errors.Is(err, vision.ErrNotANumber) || !strings.Contains(err.Error(), card.Name()) {
			return fmt.Errorf("found %v, expected an error that names the model and NaN", err)
		}
		return nil
	case "shape":
		if err == nil || !strings.Contains(err.Error(), "does not fit model") {
			return fmt.Errorf("found %v, expected an error about the card", err)
		}
		return nil
	}
	if err != nil {
		return err
	}
	return newLikeness(&want, stored).compare(f)
}

// look shows the golden picture to one model.
func (a *answering) look(h *Harness, m *config.Model, want golden.Family) (f *result.Frame, err error) {
	rgb, err := golden.FamilyPicture()
	if err != nil {
		return nil, err
	}
	o := vision.Options{Limits: device.Limits{Objects: device.MaxCandidates, People: 32}}
	c := model.Config{Device: a, Logger: slog.New(slog.DiscardHandler)}
	read := func() ([]byte, error) { return nil, nil }
	if m.Card.Task != model.Detection {
		o.Detectors = []vision.Detector{{Model: finder, Outputs: map[string]string{"scores": "scores", "boxes": "boxes"}, Pixels: device.RGB, Classes: []string{"person"}, ScoreMin: .5, IoU: .5}}
		c.Models = append(c.Models, model.Spec{Role: finder, Task: model.Detection, Name: finder, Key: finder, Batch: 1, Read: read})
	}
	o.Use(m)
	read = func() ([]byte, error) {
		raw, err := m.Card.ReadModel()
		if err != nil {
			return nil, err
		}
		return onnx.Prepare(raw, m.Card.Input.Name, m.Card.Input.Shape)
	}
	c.Models = append(c.Models, model.Spec{
		Role: m.Name, Task: m.Card.Task, Name: m.Card.Name(), Key: m.Name, Batch: m.Batch, Read: read,
		Check: vision.CheckOf(&m.Card),
	})
	manager, err := model.New(c)
	if err != nil {
		return nil, err
	}
	b := &bench{device: &watched{Device: a}, manager: manager}
	defer func() { err = errors.Join(err, manager.Close()) }()
	contexts, err := manager.CreatePipelineContexts("families")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, contexts.Close()) }()
	return b.see(o, contexts, device.PictureFormat{
		Width: want.Width, Height: want.Height, Pitch: want.Width, Matrix: "bt601", FullRange: true,
	}, golden.NV12(rgb))
}

// likeness says how near results must come to a golden family.
type likeness struct {
	want                             *golden.Family
	inferred                         bool
	score, box, joints, area, vector float64
}

// newLikeness allows what float32 loses, and with a picture through NV12 twice what that loses.
func newLikeness(want *golden.Family, stored bool) *likeness {
	l := &likeness{want: want, inferred: !stored, score: 1e-5, box: 2e-3, joints: 2e-3, area: 2, vector: 1e-3}
	if !stored {
		n := want.NV12
		l.score, l.box, l.joints = l.score+2*n.Score, l.box+2*n.Box, l.joints+2*n.Joints
		l.area, l.vector = l.area+2*n.Area+4, l.vector+2*n.Vector
	}
	return l
}

func (l *likeness) compare(f *result.Frame) error {
	want := l.want
	if want.Objects != nil {
		return l.compareObjects(f)
	}
	if len(f.Objects) != 1 {
		return fmt.Errorf("%d objects, expected the person", len(f.Objects))
	}
	o := &f.Objects[0]
	switch {
	case want.Joints != nil:
		return l.compareJoints(o.Keypoints, want.Joints)
	case want.Mask != nil:
		return l.compareMask(o.Mask, want.Mask)
	case want.Vector != nil:
		return l.compareVector(o.ReID)
	case want.Attribute != nil:
		return l.compareAttribute(o.Attributes)
	}
	return errors.New("nothing is expected of it")
}

func (l *likeness) compareObjects(f *result.Frame) error {
	if len(f.Objects) != len(l.want.Objects) {
		return fmt.Errorf("%d objects, expected %d", len(f.Objects), len(l.want.Objects))
	}
	for i := range l.want.Objects {
		w := &l.want.Objects[i]
		o := l.find(f, w)
		if o == nil {
			return fmt.Errorf("no %s of score %.5f at %.3f", w.Name, w.Score, w.Box)
		}
		if w.Joints != nil {
			if err := l.compareJoints(o.Keypoints, w.Joints); err != nil {
				return fmt.Errorf("object %d: %w", i, err)
			}
		}
		if w.Mask != nil {
			if err := l.compareMask(o.Mask, w.Mask); err != nil {
				return fmt.Errorf("object %d: %w", i, err)
			}
		}
	}
	return nil
}

func (l *likeness) find(f *result.Frame, w *golden.FamilyObject) *result.Object {
	for i := range f.Objects {
		o := &f.Objects[i]
		near := o.Class == w.Name && math.Abs(float64(o.Score)-w.Score) <= l.score
		for c := range 4 {
			near = near && math.Abs(float64(o.Box[c])-w.Box[c]) <= l.box
		}
		if near {
			return o
		}
	}
	return nil
}

func (l *likeness) compareJoints(got []result.Keypoint, want [][3]float64) error {
	if len(got) != len(want) {
		return fmt.Errorf("%d joints, expected %d", len(got), len(want))
	}
	for i, w := range want {
		for c, v := range w {
			if off := math.Abs(float64(got[i][c]) - v); !(off <= l.joints) {
				return fmt.Errorf("joint %d is %v, expected %.4f", i, got[i], w)
			}
		}
	}
	return nil
}

// compareMask counts the pixels that differ: at the edge a few may, since activations and maxima are taken
// before the mask is enlarged in one way of reckoning, after it in the other.
func (l *likeness) compareMask(got *result.Mask, want *golden.FamilyMask) error {
	if got == nil {
		return errors.New("no mask")
	}
	for i, v := range want.ROI {
		if d := got.ROI[i] - v; l.inferred && d*d == 1 {
			return l.compareArea(got, want) // the box ends on the other side of a pixel's edge
		}
	}
	if got.ROI != want.ROI || got.Size != want.Size {
		return fmt.Errorf("mask of region %v and size %v, expected %v and %v", got.ROI, got.Size, want.ROI, want.Size)
	}
	n := want.Size[0] * want.Size[1]
	bits, err := rle.Decode(got.Counts.String(), n)
	if err != nil {
		return err
	}
	different, at := 0, 0
	for run, length := range want.Runs {
		for range length {
			if bits[at/8]>>(at%8)&1 != byte(run&1) {
				different++
			}
			at++
		}
	}
	if at != n || float64(different) > max(l.area, float64(n)/500) {
		return fmt.Errorf("%d of %d pixels of the mask differ", different, n)
	}
	return nil
}

func (l *likeness) compareArea(got *result.Mask, want *golden.FamilyMask) error {
	bits, err := rle.Decode(got.Counts.String(), got.Size[0]*got.Size[1])
	if err != nil {
		return err
	}
	area := 0
	for _, b := range bits {
		area += mathbits.OnesCount8(b)
	}
	if math.Abs(float64(area-want.Area)) > l.area+float64(want.Size[0]+want.Size[1]) {
		return fmt.Errorf("mask of %d pixels, expected %d", area, want.Area)
	}
	return nil
}

func (l *likeness) compareVector(got []byte) error {
	if len(got) != 2*len(l.want.Vector) {
		return fmt.Errorf("a vector of %d bytes, expected %d numbers", len(got), len(l.want.Vector))
	}
	for i, w := range l.want.Vector {
		if v := half(got[2*i:]); math.Abs(v-w) > l.vector {
			return fmt.Errorf("number %d of the vector is %.5f, expected %.5f", i, v, w)
		}
	}
	return nil
}

func (l *likeness) compareAttribute(got []result.Attribute) error {
	w := l.want.Attribute
	if !w.Told {
		if len(got) > 0 {
			return fmt.Errorf("attributes %v, expected none", got)
		}
		return nil
	}
	if len(got) != 1 || got[0].Class != w.Name || math.Abs(float64(got[0].Score)-w.Score) > l.score {
		return fmt.Errorf("attributes %v, expected %s of %.5f", got, w.Name, w.Score)
	}
	return nil
}
