package vision

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"

	"sightline/internal/device"
	"sightline/internal/model"
)

// input is where a picture goes into a model.
type input struct {
	buffer        *device.Buffer
	width, height int
	pixels        device.Pixels
}

// newInput finds the picture input of a name, or the only one, and feeds the others their constants.
func (m *DetectionManager) newInput(c *model.ExecutionContext, name string, constants map[string][]float64, p device.Pixels) (in input, err error) {
	list := c.Engine().Inputs()
	i := slices.IndexFunc(list, func(b device.Binding) bool { return b.Name == name })
	if name == "" && len(list) == 1 {
		i = 0
	}
	want := "[3 height width]"
	if p.Last {
		want = "[height width 3]"
	}
	if i >= 0 && len(list[i].Shape) == 3 && list[i].Type != device.Int64 {
		s := list[i].Shape
		in = input{buffer: c.Input(i), width: s[2], height: s[1], pixels: p}
		colours := s[0]
		if p.Last {
			in.width, in.height, colours = s[1], s[0], s[2]
		}
		in.pixels.Integer = list[i].Type == device.Int32
		if colours == 3 {
			return in, m.feed(c, constants)
		}
	}
	if name == "" {
		name = "one"
	}
	return in, fmt.Errorf("model %s has inputs %v, expected %s of shape %s", c.Engine().Name(), list, name, want)
}

// feed writes the numbers of the other inputs once, for every item that the context holds: nothing else
// ever writes there.
func (m *DetectionManager) feed(c *model.ExecutionContext, constants map[string][]float64) error {
	for i, b := range c.Engine().Inputs() {
		values := constants[b.Name]
		if values == nil {
			continue
		}
		if len(values) != 1 && len(values) != b.Elements() {
			return fmt.Errorf("model %s has input %v, which gets %d numbers", c.Engine().Name(), b, len(values))
		}
		size := b.Size() * int64(c.Items())
		err := m.upload(c.Stream(), c.Input(i).Slice(0, size), func(raw []byte) {
			for k := range b.Elements() * c.Items() {
				encode(raw[k*b.Type.Size():], b.Type, values[k%len(values)])
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// upload writes to the device once, and waits until it is there.
func (m *DetectionManager) upload(s device.Stream, to *device.Buffer, fill func(raw []byte)) error {
	staging, err := m.options.Device.Pool().Alloc(m.options.Owner, "upload", device.Pinned, to.Size())
	if err != nil {
		return err
	}
	raw := staging.Bytes()
	clear(raw)
	fill(raw)
	return errors.Join(s.Copy(to, staging), s.Synchronize(), staging.Close())
}

func encode(to []byte, t device.ElementType, v float64) {
	switch t {
	case device.Int32:
		binary.LittleEndian.PutUint32(to, uint32(int32(v)))
	case device.Int64:
		binary.LittleEndian.PutUint64(to, uint64(int64(v)))
	default:
		binary.LittleEndian.PutUint32(to, math.Float32bits(float32(v)))
	}
}
