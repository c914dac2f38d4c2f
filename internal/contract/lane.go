package contract

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"sightline/internal/device"
	"sightline/internal/model"
)

// lane feeds one context with pictures made from a seed, and reads its first output back.
type lane struct {
	context *model.ExecutionContext
	in, out *device.Buffer
	items   int
}

func newLane(d device.Device, c *model.ExecutionContext, items int) (*lane, error) {
	l := &lane{context: c, items: items}
	var err error
	if l.in, err = d.Pool().Alloc("lane", "input", device.Pinned, int64(items)*c.Engine().Inputs()[0].Size()); err != nil {
		return nil, err
	}
	l.out, err = d.Pool().Alloc("lane", "output", device.Pinned, int64(items)*c.Engine().Outputs()[0].Size())
	if err != nil {
		return nil, errors.Join(err, l.in.Close())
	}
	return l, nil
}

func (l *lane) close() error { return device.CloseAll(l.in, l.out) }

// fill writes a picture that depends on seed, item and place, so that mixed-up results differ.
func (l *lane) fill(seed int) {
	raw := l.in.Bytes()
	for i := range len(raw) / 4 {
		v := float32((i*7+(i>>9)*13*(seed%11+1)+seed*37+i*i%(17+seed%5))%256) / 255
		binary.LittleEndian.PutUint32(raw[4*i:], math.Float32bits(v))
	}
}

// infer runs the lane's items once and returns a copy of the output.
func (l *lane) infer(seed int) ([]byte, error) {
	l.fill(seed)
	in, out := l.context.Input(0), l.context.Output(0)
	s := l.context.Stream()
	if err := s.Copy(in.Slice(0, l.in.Size()), l.in); err != nil {
		return nil, err
	}
	if err := l.context.Infer(l.items); err != nil {
		return nil, err
	}
	if err := s.Copy(l.out, out.Slice(0, l.out.Size())); err != nil {
		return nil, err
	}
	if err := s.Synchronize(); err != nil {
		return nil, err
	}
	return bytes.Clone(l.out.Bytes()), nil
}

// close compares float32 outputs; batch shapes may change the order of sums.
func alike(a, b []byte, tolerance float64) error {
	if len(a) != len(b) {
		return fmt.Errorf("%d and %d bytes", len(a), len(b))
	}
	for i := 0; i+4 <= len(a); i += 4 {
		x := float64(math.Float32frombits(binary.LittleEndian.Uint32(a[i:])))
		y := float64(math.Float32frombits(binary.LittleEndian.Uint32(b[i:])))
		if !(math.Abs(x-y) <= tolerance*(1+math.Abs(x))) {
			return fmt.Errorf("value %d is %g and %g", i/4, x, y)
		}
	}
	return nil
}
