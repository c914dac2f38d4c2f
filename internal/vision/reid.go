package vision

import (
	"encoding/binary"
	"fmt"
	"unsafe"

	"sightline/internal/device"
	"sightline/internal/model"
	"sightline/internal/result"
)

// reidStage: crop -> ReID -> unit vectors, compared on the device with the gallery of remembered ones.
type reidStage struct {
	crops
	features *device.Buffer
	length   int
	// vectors are float16 [subjects,length], gallery float16 [slots,length], slots int32 [subjects]: what
	// the tracker decided after the last frame. cosines are float32 [subjects,slots].
	vectors        rows
	gallery        *device.Buffer
	slots, cosines rows
	// kept are the last frame's vectors, which its objects point to.
	kept []byte
}

// galleryKeep is how much of a remembered vector stays when its subject is seen again.
const galleryKeep = 0.9

func newReIDStage(c crops) (r *reidStage, err error) {
	m := c.group.manager
	if m.reid != nil {
		return nil, fmt.Errorf("models %s and %s are both of task reid, a camera can have one", m.reid.Model, c.Model)
	}
	r = &reidStage{crops: c}
	i, err := outputIndex(c.context.Engine(), c.Outputs["features"])
	if err != nil {
		return nil, err
	}
	r.features, r.length = c.context.Output(i), c.context.Engine().Outputs()[i].Elements()
	if r.vectors, err = c.newRows("vectors", int64(2*r.length)); err != nil {
		return nil, err
	}
	if m.options.Vectors {
		r.kept = make([]byte, m.options.Limits.People*2*r.length)
	}
	m.reid = r
	slots := m.options.Gallery
	if slots == 0 {
		return r, nil
	}
	if r.gallery, err = m.alloc("gallery", device.OnDevice, int64(2*slots*r.length)); err != nil {
		return nil, err
	}
	if r.slots, err = c.newRows("gallery slots", 4); err != nil {
		return nil, err
	}
	if r.cosines, err = c.newRows("cosines", int64(4*slots)); err != nil {
		return nil, err
	}
	for i := range m.options.Limits.People {
		binary.LittleEndian.PutUint32(r.slots.of(i), ^uint32(0)) // -1: leave everything
	}
	return r, nil
}

func (r *reidStage) step(first, n int) model.Step {
	kernels, people := r.options().Device.Kernels(), r.options().Limits.People
	return model.Step{
		Context: r.context, Items: n,
		Before: func(s device.Stream) error {
			// The first batch of a frame brings the gallery up to the last frame, whose vectors are
			// still there.
			if first == 0 && r.gallery != nil {
				if err := s.Copy(r.slots.onDevice, r.slots.onHost); err != nil {
					return err
				}
				blend := device.Blend{Seen: r.vectors.onDevice, Slots: r.slots.onDevice, Gallery: r.gallery, Rows: people, Length: r.length, Keep: galleryKeep}
				if err := kernels.Blend(s, blend); err != nil {
					return err
				}
			}
			return r.crop(s, first, n)
		},
		After: func(s device.Stream) error {
			err := kernels.Normalize(s, device.Normalize{In: r.features, Length: r.length, First: first, Count: n, Out: r.vectors.onDevice})
			if err != nil {
				return err
			}
			if r.gallery != nil {
				if err := r.compare(s, first, n); err != nil {
					return err
				}
			}
			if !r.options().Vectors {
				return nil
			}
			return r.vectors.copy(s, first, n)
		},
	}
}

// compare queues the cosines of n subjects with the whole gallery.
func (r *reidStage) compare(s device.Stream, first, n int) error {
	vector := int64(2 * r.length)
	err := r.options().Device.Kernels().Cosine(s, device.Cosine{
		A: r.vectors.onDevice.Slice(int64(first)*vector, int64(n)*vector), B: r.gallery,
		Rows: n, Columns: r.options().Gallery, Length: r.length,
		Out: r.cosines.onDevice.Slice(int64(first)*r.cosines.size, int64(n)*r.cosines.size),
	})
	if err != nil {
		return err
	}
	return r.cosines.copy(s, first, n)
}

func (r *reidStage) read(row int, o *result.Object) error {
	r.group.manager.looked = true
	if !r.options().Vectors {
		return nil
	}
	size := 2 * r.length
	o.ReID = r.kept[row*size:][:size]
	copy(o.ReID, r.vectors.of(row))
	if isNaN16(o.ReID) {
		return notANumber(r.context)
	}
	return nil
}

// isNaN16 looks at the first value of a unit vector: if one is no number, none is.
func isNaN16(vector []byte) bool { return binary.LittleEndian.Uint16(vector)<<1 > 0xf800 }

// Appearance is what the tracker may know of how objects look.
type Appearance struct {
	// Cosines is [rows][Slots] of the last frame's subjects with the remembered vectors; nil where there is no
	// ReID, or none in this frame. Objects are the rows' objects in the frame.
	Cosines []float32
	Slots   int
	Objects []int
	// Remember is for the tracker's answer: for each row what device.Blend documents for Slots.
	Remember []int32
}

// Appearance gives the tracker's view after Detect. Remember must be filled before the next Detect.
func (m *DetectionManager) Appearance() Appearance {
	if m.reid == nil || m.reid.gallery == nil {
		return Appearance{}
	}
	slots, objects := m.options.Gallery, m.reid.group.indices
	if !m.looked {
		// Nothing ran on the device: the last answer still waits to be carried out.
		return Appearance{Slots: slots}
	}
	remember := words[int32](m.reid.slots.onHost)
	for i := range remember {
		remember[i] = -1
	}
	n := len(objects)
	return Appearance{Cosines: words[float32](m.reid.cosines.onHost)[:n*slots], Slots: slots, Objects: objects, Remember: remember[:n]}
}

// words views pinned memory as 32-bit values; pool memory is aligned to 256 bytes.
func words[T int32 | float32](b *device.Buffer) []T {
	raw := b.Bytes()
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(raw))), len(raw)/4)
}
