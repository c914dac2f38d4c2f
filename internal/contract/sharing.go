package contract

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"

	"sightline/internal/device"
	"sightline/internal/model"
)

// OneLoadPerModel: 64 concurrent callers, one load a model.
func OneLoadPerModel(h *Harness) (figure string, err error) {
	d, err := h.open(0)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	const callers = 64
	config := h.config(d, model.Parallel, model.Segmentation, model.ReID)
	managers, contexts, failures := make([]*model.Manager, callers), make([]*model.Contexts, callers), make([]error, callers)
	var wait sync.WaitGroup
	for i := range callers {
		wait.Go(func() {
			if managers[i], failures[i] = model.Shared(config); failures[i] == nil {
				contexts[i], failures[i] = managers[i].CreatePipelineContexts(fmt.Sprintf("camera-%d", i))
			}
		})
	}
	wait.Wait()
	if n := d.loads.Load(); n != 2 {
		failures = append(failures, fmt.Errorf("%d loads of 2 models", n))
	}
	for i := range callers {
		if contexts[i] != nil {
			failures = append(failures, contexts[i].Close())
		}
		if managers[i] != nil {
			failures = append(failures, managers[i].Close())
		}
	}
	return fmt.Sprintf("%d callers, %d loads", callers, d.loads.Load()), errors.Join(failures...)
}

// SharedReturnsOneManager: the same manager for the same configuration, an error for another.
func SharedReturnsOneManager(h *Harness) (_ string, err error) {
	d, err := h.open(0)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	config := h.config(d, model.Parallel, model.Segmentation)
	a, err := model.Shared(config)
	if err != nil {
		return "", err
	}
	b, err := model.Shared(config)
	if err != nil || a != b {
		return "", errors.Join(err, errors.New("the second call gave another manager"), a.Close())
	}
	other := config
	other.Mode = model.Serialized
	if _, err := model.Shared(other); !errors.Is(err, model.ErrConfigMismatch) {
		return "", fmt.Errorf("another configuration: %v, expected ErrConfigMismatch", err)
	}
	return "", errors.Join(a.Close(), b.Close())
}

// pipelines makes n pipelines' contexts, which teardown or release closes.
func (b *bench) pipelines(n int) ([]*model.Contexts, error) {
	for i := range n {
		c, err := b.manager.CreatePipelineContexts(fmt.Sprintf("camera-%d", i))
		if err != nil {
			return nil, errors.Join(err, b.release())
		}
		b.open = append(b.open, c)
	}
	return b.open, nil
}

// release closes the contexts that pipelines made.
func (b *bench) release() error {
	var errs []error
	for _, c := range b.open {
		errs = append(errs, c.Close())
	}
	b.open = nil
	return errors.Join(errs...)
}

// PipelinesHaveTheirOwn: own context, stream and buffers for every model of every pipeline.
func PipelinesHaveTheirOwn(h *Harness) (_ string, err error) {
	b, err := h.setup(model.Parallel, 0, model.Segmentation, model.ReID)
	if err != nil {
		return "", err
	}
	defer b.teardown(&err)
	list, err := b.pipelines(3)
	if err != nil {
		return "", err
	}
	contexts := map[*model.ExecutionContext]bool{}
	streams := map[device.Stream]bool{}
	buffers := map[uintptr]bool{}
	for _, c := range list {
		for _, t := range []string{model.Segmentation, model.ReID} {
			x := c.Of(t)
			contexts[x], streams[x.Stream()] = true, true
			buffers[x.Input(0).Address()], buffers[x.Output(0).Address()] = true, true
		}
	}
	if len(contexts) != 6 || len(streams) != 6 || len(buffers) != 12 {
		err = fmt.Errorf("%d contexts, %d streams, %d buffers for 3 pipelines of 2 models", len(contexts), len(streams), len(buffers))
	}
	return "", err
}

// BuffersNeverOverlap: no byte belongs to two buffers.
func BuffersNeverOverlap(h *Harness) (_ string, err error) {
	b, err := h.setup(model.Parallel, 0, model.Segmentation, model.ReID)
	if err != nil {
		return "", err
	}
	defer b.teardown(&err)
	list, err := b.pipelines(8)
	if err != nil {
		return "", err
	}
	type span struct{ from, to uintptr }
	var spans []span
	for _, c := range list {
		for _, t := range []string{model.Segmentation, model.ReID} {
			for _, buffer := range []*device.Buffer{c.Of(t).Input(0), c.Of(t).Output(0)} {
				spans = append(spans, span{buffer.Address(), buffer.Address() + uintptr(buffer.Size())})
				if buffer.Address()%256 != 0 {
					return "", fmt.Errorf("a buffer of %s is not aligned to 256 bytes", buffer.Owner())
				}
			}
		}
	}
	slices.SortFunc(spans, func(a, b span) int {
		if a.from < b.from {
			return -1
		}
		return 1
	})
	for i := range len(spans) - 1 {
		if spans[i].to > spans[i+1].from {
			return "", fmt.Errorf("buffers %d and %d overlap", i, i+1)
		}
	}
	return fmt.Sprintf("%d buffers", len(spans)), nil
}

// LogLines: one `engine loaded` a model, one `context created` a model a pipeline.
func LogLines(h *Harness) (_ string, err error) {
	d, err := h.open(0)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	counts := &counter{lines: map[string]int{}}
	config := h.config(d, model.Parallel, model.Segmentation, model.ReID)
	config.Logger = slog.New(counts)
	m, err := model.New(config)
	if err != nil {
		return "", err
	}
	b := &bench{device: d, manager: m}
	if _, err = b.pipelines(5); err == nil {
		err = b.release()
	}
	if counts.lines["engine loaded"] != 2 || counts.lines["context created"] != 10 {
		err = errors.Join(err, fmt.Errorf("log has %v, expected 2 engine loaded and 10 context created", counts.lines))
	}
	return "", errors.Join(err, m.Close())
}

// counter is a log handler that counts messages.
type counter struct {
	mutex sync.Mutex
	lines map[string]int
}

func (c *counter) Enabled(context.Context, slog.Level) bool { return true }
func (c *counter) WithAttrs([]slog.Attr) slog.Handler       { return c }
func (c *counter) WithGroup(string) slog.Handler            { return c }
func (c *counter) Handle(_ context.Context, r slog.Record) error {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.lines[r.Message]++
	return nil
}

// AddWhileRunning: a pipeline that comes and goes neither stops the others nor loads anything.
func AddWhileRunning(h *Harness) (_ string, err error) {
	b, err := h.setup(model.Parallel, 0, model.Segmentation)
	if err != nil {
		return "", err
	}
	defer b.teardown(&err)
	list, err := b.pipelines(2)
	if err != nil {
		return "", err
	}
	stop := make(chan struct{})
	var wait sync.WaitGroup
	failures, runs := make([]error, len(list)), make([]int, len(list))
	for i, c := range list {
		wait.Go(func() { runs[i], failures[i] = b.repeat(c.Of(model.Segmentation), i, stop) })
	}
	loads := b.device.loads.Load()
	for i := range 20 {
		c, err2 := b.manager.CreatePipelineContexts(fmt.Sprintf("late-%d", i))
		if err2 != nil {
			err = err2
			break
		}
		l, err2 := newLane(b.device, c.Of(model.Segmentation), 1)
		if err2 == nil {
			_, err2 = l.infer(i)
			err2 = errors.Join(err2, l.close())
		}
		err = errors.Join(err, err2, c.Close())
	}
	close(stop)
	wait.Wait()
	if b.device.loads.Load() != loads {
		err = errors.Join(err, errors.New("a model was loaded again"))
	}
	for i := range list {
		if runs[i] == 0 {
			err = errors.Join(err, fmt.Errorf("pipeline %d stood still", i))
		}
	}
	return fmt.Sprintf("%d inferences beside 20 pipelines that came and went", runs[0]+runs[1]), errors.Join(append(failures, err)...)
}

// repeat infers the same picture until stop, and fails if a result ever differs.
func (b *bench) repeat(c *model.ExecutionContext, seed int, stop <-chan struct{}) (runs int, err error) {
	l, err := newLane(b.device, c, 1)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, l.close()) }()
	first, err := l.infer(seed)
	for ; err == nil; runs++ {
		select {
		case <-stop:
			return runs, nil
		default:
		}
		var again []byte
		if again, err = l.infer(seed); err == nil && !bytes.Equal(first, again) {
			err = fmt.Errorf("run %d of seed %d gave another result", runs, seed)
		}
	}
	return runs, err
}
