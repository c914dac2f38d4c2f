package cuda

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"sightline/internal/device"
	driver "sightline/internal/native/cuda"
	"sightline/internal/native/tensorrt"
)

// PlanName is the file of a model's FP16 plan for one batch size on one kind of GPU. A plan belongs to
// exactly this model, TensorRT version and compute capability.
func PlanName(id PlanID, batch int, version string, sm int) string {
	return fmt.Sprintf("%s-b%d-fp16-trt%s-sm%d.plan", id, batch, version, sm)
}

// PlanID stands for a model's content in the names of its plans.
type PlanID string

// NewPlanID hashes a model, which for a large one takes a while: once a model is enough.
func NewPlanID(onnx []byte) PlanID {
	sum := sha256.Sum256(onnx)
	return PlanID(hex.EncodeToString(sum[:8]))
}

// ErrNoPlan means that a model has no plan for this GPU and version of TensorRT.
var ErrNoPlan = errors.New("no plan")

// engine is one model: a TensorRT engine for every batch size that there is a plan for. Each loads its
// weights once.
type engine struct {
	device          *Device
	name            string
	sized           []*tensorrt.Engine // by bucket
	buckets         []int
	inputs, outputs []device.Binding
	// memory is what a context needs for activations: the most of all sizes, which take turns in it.
	memory   int64
	contexts atomic.Int64
	closed   atomic.Bool
}

// LoadEngine implements device.Device.
func (d *Device) LoadEngine(m device.ModelFile) (device.Engine, error) {
	d.loading.Lock()
	defer d.loading.Unlock()
	if err := d.refusal(); err != nil {
		return nil, fmt.Errorf("load model %s: %w", m.Name, err)
	}
	id := NewPlanID(m.ONNX)
	buckets, err := d.findPlans(id, m.MaxBatch)
	if err != nil {
		return nil, fmt.Errorf("load model %s: %w", m.Name, err)
	}
	e := &engine{device: d, name: m.Name, buckets: buckets}
	for _, batch := range buckets {
		plan, err := os.ReadFile(d.PlanPath(id, batch))
		if err == nil {
			err = d.do(func() error {
				sized, err := d.runtime.Engine(plan)
				if err != nil {
					return err
				}
				e.sized = append(e.sized, sized)
				return e.describe(sized, batch)
			})
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("load model %s, batch %d: %w", m.Name, batch, err), e.release())
		}
	}
	d.engines.Add(1)
	return e, nil
}

// findPlans lists the batch sizes that plans exist for: those up to maxBatch, and one more if none reaches
// it.
func (d *Device) findPlans(id PlanID, maxBatch int) ([]int, error) {
	files, err := os.ReadDir(d.options.Plans)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	buckets := chooseBuckets(files, PlanName(id, 0, tensorrt.Version(), d.sm), maxBatch)
	if len(buckets) == 0 {
		return nil, fmt.Errorf("%w for TensorRT %s on %s (compute capability %d.%d): expected %s in %s",
			ErrNoPlan, tensorrt.Version(), d.name, d.sm/10, d.sm%10, PlanName(id, maxBatch, tensorrt.Version(), d.sm), d.options.Plans)
	}
	return buckets, nil
}

// chooseBuckets picks the batch sizes from a folder; pattern is the name of the plan of batch 0.
func chooseBuckets(files []os.DirEntry, pattern string, maxBatch int) (buckets []int) {
	prefix, suffix, _ := strings.Cut(pattern, "-b0-")
	for _, f := range files {
		size, ok := strings.CutPrefix(f.Name(), prefix+"-b")
		size, fits := strings.CutSuffix(size, "-"+suffix)
		if n, err := strconv.Atoi(size); ok && fits && err == nil && n > 0 {
			buckets = append(buckets, n)
		}
	}
	slices.Sort(buckets)
	if i := slices.IndexFunc(buckets, func(n int) bool { return n >= maxBatch }); i >= 0 {
		buckets = buckets[:i+1]
	}
	return buckets
}

var elementTypes = map[tensorrt.DataType]device.ElementType{tensorrt.Float32: device.Float32, tensorrt.Int32: device.Int32, tensorrt.Int64: device.Int64}

// describe reads the inputs and outputs of one size, which must be the same for all.
func (e *engine) describe(sized *tensorrt.Engine, batch int) error {
	var inputs, outputs []device.Binding
	for _, t := range sized.Tensors() {
		element, ok := elementTypes[t.Type]
		if !ok {
			return fmt.Errorf("tensor %q is of %v, expected floating point, int32 or int64: export the model with float32 inputs and outputs", t.Name, t.Type)
		}
		if len(t.Shape) < 2 || t.Shape[0] != int64(batch) {
			return fmt.Errorf("tensor %q has shape %v, expected the batch %d and at least one more size", t.Name, t.Shape, batch)
		}
		b := device.Binding{Name: t.Name, Type: element}
		for _, n := range t.Shape[1:] {
			if n < 1 {
				return fmt.Errorf("tensor %q has shape %v, expected fixed sizes", t.Name, t.Shape)
			}
			b.Shape = append(b.Shape, int(n))
		}
		if t.Input {
			inputs = append(inputs, b)
		} else {
			outputs = append(outputs, b)
		}
	}
	same := func(a, b device.Binding) bool {
		return a.Name == b.Name && a.Type == b.Type && slices.Equal(a.Shape, b.Shape)
	}
	if e.inputs != nil && !(slices.EqualFunc(e.inputs, inputs, same) && slices.EqualFunc(e.outputs, outputs, same)) {
		return fmt.Errorf("its plans differ: %v and %v, %v and %v", e.inputs, inputs, e.outputs, outputs)
	}
	e.inputs, e.outputs, e.memory = inputs, outputs, max(e.memory, sized.ContextMemory())
	return nil
}

func (e *engine) Inputs() []device.Binding  { return e.inputs }
func (e *engine) Outputs() []device.Binding { return e.outputs }
func (e *engine) MaxBatch() int             { return e.buckets[len(e.buckets)-1] }
func (e *engine) Buckets() []int            { return e.buckets }

func (e *engine) Close() error {
	if n := e.contexts.Load(); n > 0 {
		return fmt.Errorf("engine %s has %d contexts: %w", e.name, n, device.ErrInUse)
	}
	if e.closed.Swap(true) {
		return nil
	}
	e.device.engines.Add(-1)
	return e.release()
}

func (e *engine) release() error {
	return e.device.undo(func() error {
		var errs []error
		for _, sized := range e.sized {
			errs = append(errs, sized.Close())
		}
		return errors.Join(errs...)
	})
}

// executionContext is a TensorRT context for every bucket, all in the same activation memory: they run one
// at a time.
type executionContext struct {
	engine      *engine
	owner       string
	sized       []*tensorrt.Context
	activations *device.Buffer
	bound       device.Bound
	closed      bool
}

func (e *engine) NewContext(o device.ContextOptions) (_ device.ExecutionContext, err error) {
	if e.closed.Load() {
		return nil, fmt.Errorf("context of %s for %s: %w", e.name, o.Owner, device.ErrClosed)
	}
	c := &executionContext{engine: e, owner: o.Owner}
	e.contexts.Add(1)
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("context of %s for %s: %w", e.name, o.Owner, err), c.Close())
		}
	}()
	if e.memory > 0 {
		if c.activations, err = e.device.pool.Alloc(o.Owner, e.name+" activations", device.OnDevice, e.memory); err != nil {
			return nil, err
		}
	}
	err = e.device.do(func() error {
		for _, sized := range e.sized {
			t, err := sized.NewContext()
			if err != nil {
				return err
			}
			c.sized = append(c.sized, t)
			if c.activations != nil {
				if err := t.SetMemory(c.activations.Address(), c.activations.Size()); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return c, c.warm()
}

// warm infers once with every size in memory of its own: TensorRT allocates and loads on the first call,
// which a capture must not contain.
func (c *executionContext) warm() (err error) {
	e := c.engine
	var scratch []*device.Buffer
	defer func() { err = errors.Join(err, device.CloseAll(scratch...)) }()
	take := func(list []device.Binding) (buffers []*device.Buffer, err error) {
		for _, b := range list {
			buffer, err := e.device.pool.Alloc(c.owner, e.name+" warm-up", device.OnDevice, b.Size()*int64(e.MaxBatch()))
			if err != nil {
				return nil, err
			}
			buffers, scratch = append(buffers, buffer), append(scratch, buffer)
		}
		return buffers, nil
	}
	inputs, err := take(e.inputs)
	if err != nil {
		return err
	}
	outputs, err := take(e.outputs)
	if err != nil {
		return err
	}
	if err := c.Bind(inputs, outputs); err != nil {
		return err
	}
	return e.device.do(func() error {
		s, err := driver.NewStream()
		if err != nil {
			return err
		}
		for _, t := range c.sized {
			if err == nil {
				err = t.Enqueue(s)
			}
		}
		return errors.Join(err, s.Synchronize(), s.Close())
	})
}

// Bind sets the addresses, unless they are set already.
func (c *executionContext) Bind(inputs, outputs []*device.Buffer) error {
	e := c.engine
	if c.closed {
		return fmt.Errorf("bind %s for %s: %w", e.name, c.owner, device.ErrClosed)
	}
	if len(inputs) != len(e.inputs) || len(outputs) != len(e.outputs) {
		return fmt.Errorf("bind %s for %s: %d inputs and %d outputs given, the model has %d and %d", e.name, c.owner,
			len(inputs), len(outputs), len(e.inputs), len(e.outputs))
	}
	if c.bound.To(inputs, outputs) {
		return nil
	}
	c.bound = c.bound[:0] // until every address is set
	return e.device.do(func() error {
		for _, side := range []struct {
			names   []device.Binding
			buffers []*device.Buffer
		}{{e.inputs, inputs}, {e.outputs, outputs}} {
			for i, b := range side.buffers {
				if need := side.names[i].Size() * int64(e.buckets[0]); b.Size() < need {
					return fmt.Errorf("bind %s for %s: buffer of %d bytes for %s, %d needed", e.name, c.owner, b.Size(), side.names[i], need)
				}
				for _, t := range c.sized {
					if err := t.SetAddress(side.names[i].Name, b.Address()); err != nil {
						return err
					}
				}
			}
		}
		c.bound.Set(inputs, outputs)
		return nil
	})
}

// Enqueue queues one inference. A failure inside TensorRT leaves it in an unknown state: the device is
// lost then.
func (c *executionContext) Enqueue(s device.Stream, n int) error {
	e := c.engine
	if c.closed {
		return fmt.Errorf("enqueue %s for %s: %w", e.name, c.owner, device.ErrClosed)
	}
	i := slices.Index(e.buckets, n)
	if i < 0 {
		return fmt.Errorf("enqueue %s for %s: batch %d, there are plans for %v", e.name, c.owner, n, e.buckets)
	}
	st := s.(*stream)
	return st.do(func() error {
		err := c.sized[i].Enqueue(st.handle)
		if err != nil && !errors.Is(err, tensorrt.ErrBusy) {
			e.device.Fail(fmt.Errorf("enqueue %s for %s: %w", e.name, c.owner, err))
			return e.device.Cause()
		}
		return err
	})
}

func (c *executionContext) Close() error {
	if c.closed {
		return nil
	}
	c.closed = true
	err := c.engine.device.undo(func() error {
		var errs []error
		for _, t := range c.sized {
			errs = append(errs, t.Close())
		}
		return errors.Join(errs...)
	})
	c.engine.contexts.Add(-1)
	return errors.Join(err, c.activations.Close())
}
