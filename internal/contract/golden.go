package contract

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"sightline/internal/device"
	"sightline/internal/golden"
	"sightline/internal/model"
	"sightline/internal/result"
	"sightline/internal/result/rle"
	"sightline/internal/vision"
)

// Tolerances against the golden values, which were made from RGB pictures: a device sees NV12, which has
// lost three quarters of the colour, and that alone moves a score by .0107, a box by .48 pixels and the
// masks of people below 100 pixels by far more than MODELS.md allows.
type tolerance struct {
	score, box, joint float64
	// share is what a joint may be off as a share of the person's longer side, if that is more: half
	// precision can move the maximum of a heat map by a cell.
	share float64
	// area is a share of the mask at picture resolution, for people of goldenTall pixels and more.
	area float64
	// cosine is that between two people, value that of a single output in 0..1, pixel that in pixels.
	cosine, value, pixel float64
	// batch is between the same item in batches of different sizes, which sum in different orders.
	batch float64
}

var (
	fullPrecision = tolerance{score: .012, box: 1, joint: 2, area: .03, cosine: .03, value: 1e-3, pixel: 4e-3, batch: 1e-3}
	halfPrecision = tolerance{score: .02, box: 1.5, joint: 3, share: .02, area: .04, cosine: .03, value: 4e-3, pixel: .5, batch: 5e-2}
)

const goldenTall = 100.

func (h *Harness) tolerance() tolerance {
	if h.Half {
		return halfPrecision
	}
	return fullPrecision
}

// GoldenTensors: every model gives the reference's values for an input made by a formula.
func GoldenTensors(h *Harness) (_ string, err error) {
	if len(h.Specs) == 0 {
		return "", errors.New("no models")
	}
	b, err := h.setup(model.Parallel, 0, model.Tasks...)
	if err != nil {
		return "", err
	}
	defer b.teardown(&err)
	c, err := b.manager.CreatePipelineContexts("golden")
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	worst := 0.
	for _, s := range h.Specs {
		off, err := b.tensors(s.Name, c.Of(s.Task), h.tolerance())
		if err != nil {
			return "", fmt.Errorf("model %s: %w", s.Name, err)
		}
		worst = max(worst, off)
	}
	return fmt.Sprintf("%d models, worst value off by %.1e", len(h.Specs), worst), nil
}

// tensors infers the golden input, item by item, and returns how far the worst value is off.
func (b *bench) tensors(name string, c *model.ExecutionContext, t tolerance) (worst float64, err error) {
	want, err := golden.Outputs(name)
	if err != nil {
		return 0, err
	}
	shape := c.Engine().Inputs()[0].Shape
	input := golden.Input(shape[1], shape[2])
	item := len(input) / 2
	got := map[string][]float32{}
	for i := range 2 {
		if err := b.upload(c.Stream(), c.Input(0), func(raw []byte) {
			for k, v := range input[i*item : (i+1)*item] {
				binary.LittleEndian.PutUint32(raw[4*k:], math.Float32bits(v))
			}
		}, int64(4*item)); err != nil {
			return 0, err
		}
		if err := c.Infer(1); err != nil {
			return 0, err
		}
		for k, o := range c.Engine().Outputs() {
			values, err := b.download(c.Stream(), c.Output(k), int64(4*o.Elements()))
			if err != nil {
				return 0, err
			}
			got[o.Name] = append(got[o.Name], values...)
		}
	}
	for output, w := range want {
		values := got[output]
		for k, sample := range w.Samples {
			i := k * (len(values) - 1) / 15
			if len(values) == 0 {
				return 0, fmt.Errorf("no output %s", output)
			}
			off := math.Abs(float64(values[i]) - sample)
			allowed := t.value
			if math.Abs(sample) > 1.5 {
				allowed = t.pixel
			}
			if !(off <= allowed) {
				return 0, fmt.Errorf("output %s value %d is %g, expected %g", output, i, values[i], sample)
			}
			worst = max(worst, off)
		}
	}
	return worst, nil
}

// upload fills size bytes of device memory by way of the host.
func (b *bench) upload(s device.Stream, dst *device.Buffer, fill func([]byte), size int64) error {
	staging, err := b.device.Pool().Alloc("check", "staging", device.Pinned, size)
	if err != nil {
		return err
	}
	fill(staging.Bytes())
	return errors.Join(s.Copy(dst.Slice(0, size), staging), s.Synchronize(), staging.Close())
}

func (b *bench) download(s device.Stream, src *device.Buffer, size int64) ([]float32, error) {
	staging, err := b.device.Pool().Alloc("check", "staging", device.Pinned, size)
	if err != nil {
		return nil, err
	}
	err = errors.Join(s.Copy(staging, src.Slice(0, size)), s.Synchronize())
	values := make([]float32, size/4)
	for i := range values {
		values[i] = math.Float32frombits(binary.LittleEndian.Uint32(staging.Bytes()[4*i:]))
	}
	return values, errors.Join(err, staging.Close())
}

// GoldenPictures: the whole way from NV12 to people with joints, masks and vectors, in every mode.
func GoldenPictures(h *Harness) (figure string, err error) {
	objects := 0
	for _, mode := range []model.Mode{model.Parallel, model.Serialized, model.Batched} {
		for _, name := range golden.Pictures {
			n, err := h.goldenPicture(mode, name)
			if err != nil {
				return "", fmt.Errorf("mode %s, picture %s: %w", mode, name, err)
			}
			objects += n
		}
	}
	return fmt.Sprintf("%d pictures in 3 modes, %d objects", len(golden.Pictures), objects/3), nil
}

func (h *Harness) goldenPicture(mode model.Mode, name string) (objects int, err error) {
	truth, rgb, err := golden.Picture(name)
	if err != nil {
		return 0, err
	}
	b, err := h.setup(mode, 0, model.Tasks...)
	if err != nil {
		return 0, err
	}
	defer b.teardown(&err)
	c, err := b.manager.CreatePipelineContexts("golden")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	f, err := b.see(h.Vision, c, device.PictureFormat{
		Width: truth.Width, Height: truth.Height, Pitch: truth.Width, Matrix: "bt601", FullRange: true,
	}, golden.NV12(rgb))
	if err != nil {
		return 0, err
	}
	return len(f.Objects), h.tolerance().compare(truth, f)
}

// see looks at one picture.
func (b *bench) see(o vision.Options, c *model.Contexts, format device.PictureFormat, nv12 []byte) (f *result.Frame, err error) {
	buffer, err := b.device.Pool().Alloc("golden", "picture", device.OnDevice, format.Size())
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, buffer.Close()) }()
	if err := b.upload(c.Of(o.Detectors[0].Model).Stream(), buffer, func(raw []byte) { copy(raw, nv12) }, format.Size()); err != nil {
		return nil, err
	}
	o.Owner, o.Device, o.Contexts, o.Format, o.Vectors, o.Gallery = "golden", b.device, c, format, true, 0
	m, err := vision.New(o)
	if err != nil {
		return nil, err
	}
	f = &result.Frame{}
	_, err = m.Detect(&device.Picture{PictureFormat: format, Buffer: buffer}, f)
	return f, errors.Join(err, m.Close())
}

// compare finds every golden object in the frame.
func (t tolerance) compare(truth golden.Truth, f *result.Frame) error {
	if len(f.Objects) != len(truth.Detections) {
		return fmt.Errorf("%d objects, expected %d", len(f.Objects), len(truth.Detections))
	}
	var people []*result.Object
	for i := range truth.Detections {
		d := &truth.Detections[i]
		o := t.find(d, f)
		if o == nil {
			return fmt.Errorf("no %s of score %.4f at %.1f", d.Name, d.Score, d.Box)
		}
		if d.Class != 0 {
			continue
		}
		if err := t.comparePerson(d, o, f); err != nil {
			return fmt.Errorf("person at %.1f: %w", d.Box, err)
		}
		people = append(people, o)
	}
	for i := range truth.Cosine {
		for j, want := range truth.Cosine[i] {
			if got := cosine(people[i].ReID, people[j].ReID); !(math.Abs(got-want) <= t.cosine) {
				return fmt.Errorf("vectors of people %d and %d have a cosine of %.4f, expected %.4f", i, j, got, want)
			}
		}
	}
	return nil
}

func (t tolerance) find(d *golden.Detection, f *result.Frame) *result.Object {
	for i := range f.Objects {
		o := &f.Objects[i]
		near := o.Class == d.Name && math.Abs(float64(o.Score)-d.Score) <= t.score
		for k, v := range d.Box {
			near = near && math.Abs(float64(o.Box[k])-v) <= t.box
		}
		if near {
			return o
		}
	}
	return nil
}

func (t tolerance) comparePerson(d *golden.Detection, o *result.Object, f *result.Frame) error {
	if len(o.Keypoints) != len(d.Keypoints) || o.Mask == nil || len(o.ReID) == 0 {
		return errors.New("joints, mask or vector are missing")
	}
	allowed := max(t.joint, t.share*max(d.Box[2]-d.Box[0], d.Box[3]-d.Box[1]))
	for k, want := range d.Keypoints {
		got := o.Keypoints[k]
		if off := math.Hypot(float64(got[0])-want[0], float64(got[1])-want[1]); want[2] > .3 && !(off <= allowed) {
			return fmt.Errorf("joint %s is %.2f pixels off", result.Joints[k], off)
		}
	}
	if length := cosine(o.ReID, o.ReID); !(math.Abs(length-1) <= 1e-2) {
		return fmt.Errorf("the vector's length is %.4f, expected 1", math.Sqrt(length))
	}
	m := o.Mask
	bits, err := rle.Decode(string(m.Counts), m.Size[0]*m.Size[1])
	if err != nil {
		return fmt.Errorf("mask: %w", err)
	}
	area := 0
	for i := range m.Size[0] * m.Size[1] {
		area += int(bits[i/8]>>(i%8)) & 1
	}
	// The golden area counts what lies outside the picture too, which a mask has not.
	inside := d.Region[0] >= 0 && d.Region[1] >= 0 && d.Region[2] <= float64(f.Width) && d.Region[3] <= float64(f.Height)
	if inside && d.Box[3]-d.Box[1] >= goldenTall && !(math.Abs(float64(area)-d.Area) <= t.area*d.Area) {
		return fmt.Errorf("the mask has %d pixels, expected %.0f", area, d.Area)
	}
	return nil
}

// cosine is the dot product of two vectors of little-endian float16.
func cosine(a, b []byte) (sum float64) {
	for i := 0; i+1 < min(len(a), len(b)); i += 2 {
		sum += half(a[i:]) * half(b[i:])
	}
	return sum
}

func half(b []byte) float64 {
	bits := binary.LittleEndian.Uint16(b)
	sign, exponent, fraction := 1-2*float64(bits>>15), int(bits>>10&31), float64(bits&1023)
	if exponent == 0 {
		return sign * math.Ldexp(fraction, -24)
	}
	return sign * math.Ldexp(1024+fraction, exponent-25)
}
