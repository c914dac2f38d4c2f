package contract

import (
	"encoding/binary"
	"errors"
	"math"

	"sightline/internal/device"
	"sightline/internal/golden"
)

// answering is a device on which some models only repeat stored answers: the same for every item, or, where there are
// several, one after the other.
type answering struct {
	device.Device
	answers map[string][]golden.Raw
	inputs  map[string][]device.Binding
}

func (a *answering) LoadEngine(m device.ModelFile) (device.Engine, error) {
	answer, ok := a.answers[m.Name]
	if !ok {
		return a.Device.LoadEngine(m)
	}
	e := &answeringEngine{device: a.Device, answer: answer, inputs: a.inputs[m.Name]}
	for n := 1; n <= m.MaxBatch; n++ {
		e.buckets = append(e.buckets, n)
	}
	return e, nil
}

type answeringEngine struct {
	device  device.Device
	answer  []golden.Raw
	inputs  []device.Binding
	buckets []int
}

func (e *answeringEngine) Inputs() []device.Binding { return e.inputs }

func (e *answeringEngine) Outputs() (list []device.Binding) {
	for _, o := range e.answer {
		list = append(list, device.Binding{Name: o.Name, Shape: o.Shape[1:], Type: typeOf(o)})
	}
	return list
}

func typeOf(r golden.Raw) device.ElementType {
	if r.Type == "int64" {
		return device.Int64
	}
	return device.Float32
}

func (e *answeringEngine) Buckets() []int { return e.buckets }
func (e *answeringEngine) MaxBatch() int  { return len(e.buckets) }
func (e *answeringEngine) Close() error   { return nil }

func (e *answeringEngine) NewContext(o device.ContextOptions) (device.ExecutionContext, error) {
	c := &answeringContext{}
	for _, answer := range e.answer {
		b, err := e.device.Pool().Alloc(o.Owner, "answer", device.Pinned, int64(typeOf(answer).Size()*len(answer.Data)))
		if err != nil {
			return nil, errors.Join(err, c.Close())
		}
		for i, v := range answer.Data {
			if answer.Type == "int64" {
				binary.LittleEndian.PutUint64(b.Bytes()[8*i:], uint64(int64(v)))
				continue
			}
			binary.LittleEndian.PutUint32(b.Bytes()[4*i:], math.Float32bits(v))
		}
		c.answers, c.count = append(c.answers, b), append(c.count, answer.Shape[0])
	}
	return c, nil
}

type answeringContext struct {
	answers, outputs []*device.Buffer
	// count is how many answers lie in each buffer.
	count []int
}

func (c *answeringContext) Bind(_, outputs []*device.Buffer) error {
	c.outputs = outputs
	return nil
}

func (c *answeringContext) Enqueue(s device.Stream, n int) error {
	for i, a := range c.answers {
		answers := int64(c.count[i])
		size := a.Size() / answers
		for item := range int64(n) {
			if err := s.Copy(c.outputs[i].Slice(item*size, size), a.Slice(item%answers*size, size)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *answeringContext) Close() error {
	err := device.CloseAll(c.answers...)
	c.answers = nil
	return err
}
