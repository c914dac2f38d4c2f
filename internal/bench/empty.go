package bench

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"

	"sightline/internal/device"
)

// empty is a device whose models and kernels do nothing, around the memory, streams, events and graphs of
// a real one: what is left of a pipeline's cost is ours. Its detector "finds" the same people in every
// picture, and its decoder delivers a picture at once.
type empty struct {
	device.Device
	people int
	// mask is the record that every person gets.
	mask *device.Buffer
}

func newEmpty(d device.Device, people int) (*empty, error) {
	mask, err := d.Pool().Alloc("bench", "mask", device.Pinned, device.MaskRecordSize)
	if err != nil {
		return nil, err
	}
	raw := mask.Bytes()
	for i, v := range []uint32{4, 4, 16, 16, 1} { // x0, y0, width, height, step
		binary.LittleEndian.PutUint32(raw[4*i:], v)
	}
	for i := range 32 {
		raw[device.MaskHeader+i] = 0x7e
	}
	return &empty{d, people, mask}, nil
}

func (e *empty) Kernels() device.Kernels { return emptyKernels{e.Device.Kernels(), e.mask} }

func (e *empty) NewDecoder(o device.DecoderOptions) (device.Decoder, error) {
	return newEmptyDecoder(e.Pool(), o)
}

func (e *empty) LoadEngine(m device.ModelFile) (device.Engine, error) {
	engine := &emptyEngine{device: e, in: device.Binding{Name: "images", Shape: []int{3, 32, 32}}}
	for n := 1; n <= m.MaxBatch; n++ {
		engine.buckets = append(engine.buckets, n)
	}
	switch m.Name {
	case "detection":
		engine.out = []device.Binding{{Name: "scores", Shape: []int{64, 1}}, {Name: "boxes", Shape: []int{64, 4}}}
	case "pose":
		engine.out = []device.Binding{{Name: "keypoints", Shape: []int{17, 3}}}
	case "segmentation":
		engine.out = []device.Binding{{Name: "mask", Shape: []int{1, 32, 32}}}
	case "reid":
		engine.out = []device.Binding{{Name: "features", Shape: []int{1280}}}
	default:
		return nil, fmt.Errorf("no empty model %q", m.Name)
	}
	return engine, nil
}

// emptyKernels queues something short for every kernel but Select and Choose, which are real: their results decide
// what a pipeline does next.
type emptyKernels struct {
	device.Kernels
	mask *device.Buffer
}

func nothing() {}

func (emptyKernels) Letterbox(s device.Stream, _ device.Letterbox) error { return s.Do(nothing) }
func (emptyKernels) Crop(s device.Stream, _ device.Crop) error           { return s.Do(nothing) }
func (emptyKernels) Keypoints(s device.Stream, _ device.Keypoints) error { return s.Do(nothing) }
func (emptyKernels) Normalize(s device.Stream, _ device.Normalize) error { return s.Do(nothing) }
func (emptyKernels) Cosine(s device.Stream, _ device.Cosine) error       { return s.Do(nothing) }
func (emptyKernels) Blend(s device.Stream, _ device.Blend) error         { return s.Do(nothing) }
func (emptyKernels) Moves(s device.Stream, _ device.Moves) error         { return s.Do(nothing) }

func (e emptyKernels) PackMasks(s device.Stream, k device.PackMasks) error {
	var errs []error
	for i := range k.Count {
		errs = append(errs, s.Copy(k.Out.Slice(int64(k.First+i)*device.MaskRecordSize, device.MaskRecordSize), e.mask))
	}
	return errors.Join(errs...)
}

type emptyEngine struct {
	device  *empty
	buckets []int
	in      device.Binding
	out     []device.Binding
}

func (e *emptyEngine) Inputs() []device.Binding  { return []device.Binding{e.in} }
func (e *emptyEngine) Outputs() []device.Binding { return e.out }
func (e *emptyEngine) MaxBatch() int             { return len(e.buckets) }
func (e *emptyEngine) Close() error              { return nil }

func (e *emptyEngine) Buckets() []int { return e.buckets }

func (e *emptyEngine) NewContext(o device.ContextOptions) (device.ExecutionContext, error) {
	c := &emptyContext{engine: e, rooms: map[*device.Buffer][]*device.Buffer{}}
	if len(e.out) < 2 {
		return c, nil
	}
	// The detector copies a fixed answer to its outputs.
	for _, b := range e.out {
		answer, err := e.device.Pool().Alloc(o.Owner, "answer", device.Pinned, int64(4*b.Elements()))
		if err != nil {
			return nil, errors.Join(err, c.Close())
		}
		c.answers = append(c.answers, answer)
	}
	for i := range e.device.people {
		put(c.answers[0], i, .9-.01*float32(i))
		for k, v := range []float32{float32(4 * i), 4, float32(4*i + 3), 12} {
			put(c.answers[1], 4*i+k, v)
		}
	}
	return c, nil
}

func put(b *device.Buffer, i int, v float32) {
	binary.LittleEndian.PutUint32(b.Bytes()[4*i:], math.Float32bits(v))
}

type emptyContext struct {
	engine  *emptyEngine
	answers []*device.Buffer
	// room is where the answers go: a view of each bound output, made once for each binding.
	room  []*device.Buffer
	rooms map[*device.Buffer][]*device.Buffer
}

func (c *emptyContext) Bind(_, outputs []*device.Buffer) error {
	if c.answers == nil {
		return nil
	}
	if c.room = c.rooms[outputs[0]]; c.room != nil {
		return nil
	}
	for i, a := range c.answers {
		c.room = append(c.room, outputs[i].Slice(0, a.Size()))
	}
	c.rooms[outputs[0]] = c.room
	return nil
}

func (c *emptyContext) Enqueue(s device.Stream, _ int) error {
	if c.answers == nil {
		return s.Do(nothing)
	}
	for i, a := range c.answers {
		if err := s.Copy(c.room[i], a); err != nil {
			return err
		}
	}
	return nil
}

func (c *emptyContext) Close() error {
	err := device.CloseAll(c.answers...)
	c.answers = nil
	return err
}

// emptyDecoder delivers a picture for every access unit, on the goroutine that calls it. All pictures are one piece of
// memory, which nobody reads.
type emptyDecoder struct {
	output device.PictureSink
	seq    uint64
	memory *device.Buffer
	// free has room for all pictures: one that is delivered, one that waits, one in work.
	free chan *emptyPicture
}

// emptyPicture implements device.Surface.
type emptyPicture struct {
	device.Picture
	decoder *emptyDecoder
}

var emptyFormat = device.PictureFormat{Width: 32, Height: 32, Pitch: 32, Matrix: "bt601"}

func newEmptyDecoder(pool *device.Pool, o device.DecoderOptions) (*emptyDecoder, error) {
	memory, err := pool.Alloc(o.Owner, "decoded picture", device.OnDevice, emptyFormat.Size())
	if err != nil {
		return nil, err
	}
	d := &emptyDecoder{output: o.Output, memory: memory, free: make(chan *emptyPicture, 3)}
	for range cap(d.free) {
		d.free <- &emptyPicture{decoder: d}
	}
	return d, nil
}

func (d *emptyDecoder) decode(pts time.Duration) error {
	if !d.output.Wants(pts) {
		d.seq++
		return nil
	}
	now := time.Now()
	p := <-d.free
	p.Picture = device.Picture{PictureFormat: emptyFormat, Surface: p, Seq: d.seq, PTS: pts, Submitted: now, Decoded: now}
	d.seq++
	d.output.Deliver(&p.Picture)
	return nil
}

func (d *emptyDecoder) Flush() error { return nil }
func (d *emptyDecoder) Close() error { return d.memory.Close() }

func (p *emptyPicture) Open(device.Stream) (device.Planes, error) {
	return p.Planes(p.decoder.memory.Address()), nil
}

func (p *emptyPicture) Release() error {
	p.decoder.free <- p
	return nil
}
