package contract

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"sightline/internal/device"
	"sightline/internal/model"
)

// runs is how often a check repeats an inference in each pipeline.
const runs = 25

// together lets every pipeline infer its own pictures at once and compares with want, if given.
func (b *bench) together(list []*model.Contexts, t string, tolerance float64, want [][]byte) ([][]byte, error) {
	got, failures := make([][]byte, len(list)*runs), make([]error, len(list))
	var wait sync.WaitGroup
	for i, c := range list {
		wait.Go(func() {
			l, err := newLane(b.device, c.Of(t), 1)
			if err != nil {
				failures[i] = err
				return
			}
			for k := range runs {
				at := i*runs + k
				if got[at], err = l.infer(at); err != nil {
					break
				}
				if want != nil {
					if e := alike(want[at], got[at], tolerance); e != nil {
						err = fmt.Errorf("pipeline %d, run %d: %w", i, k, e)
						break
					}
				}
			}
			failures[i] = errors.Join(err, l.close())
		})
	}
	wait.Wait()
	return got, errors.Join(failures...)
}

// serial gives the results of n pipelines' pictures, one after the other on one context.
func (b *bench) serial(n int, t string) ([][]byte, error) {
	c, err := b.manager.CreatePipelineContexts("serial")
	if err != nil {
		return nil, err
	}
	l, err := newLane(b.device, c.Of(t), 1)
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	want := make([][]byte, n*runs)
	for i := range want {
		if want[i], err = l.infer(i); err != nil {
			break
		}
	}
	if err == nil && bytes.Equal(want[0], want[1]) {
		err = errors.New("two pictures give the same output: this check could not see a mix-up")
	}
	return want, errors.Join(err, l.close(), c.Close())
}

// inMode runs n pipelines at once in a mode and compares with the serial results.
func (h *Harness) inMode(mode model.Mode, n int, tolerance float64) (a *activity, err error) {
	b, err := h.setup(mode, 0, model.Segmentation)
	if err != nil {
		return nil, err
	}
	defer b.teardown(&err)
	want, err := b.serial(n, model.Segmentation)
	if err != nil {
		return nil, err
	}
	list, err := b.pipelines(n)
	if err != nil {
		return nil, err
	}
	_, err = b.together(list, model.Segmentation, tolerance, want)
	return b.device.of(h.name(model.Segmentation)), err
}

func (h *Harness) name(t string) string {
	for _, s := range h.Specs {
		if s.Task == t {
			return s.Name
		}
	}
	return ""
}

// ConcurrentEqualsSerial: N pipelines at once give the serial results, bit for bit.
func ConcurrentEqualsSerial(h *Harness) (string, error) {
	_, err := h.inMode(model.Parallel, 8, 0)
	return fmt.Sprintf("8 pipelines, %d inferences, 0 wrong", 8*runs), err
}

// SerializedNeverOverlaps: no two inferences of a model run at once.
func SerializedNeverOverlaps(h *Harness) (string, error) {
	a, err := h.inMode(model.Serialized, 8, 0)
	if err == nil && a.peak.Load() != 1 {
		err = fmt.Errorf("%d inferences ran at once", a.peak.Load())
	}
	return "at most 1 at once", err
}

// ParallelOverlaps: two pipelines are inside the engine at the same moment. Nothing is held to make it so: a
// GPU calls host functions one after the other, and a held one would hold them all.
func ParallelOverlaps(h *Harness) (_ string, err error) {
	b, err := h.setup(model.Parallel, 0, model.Segmentation)
	if err != nil {
		return "", err
	}
	defer b.teardown(&err)
	list, err := b.pipelines(8)
	if err != nil {
		return "", err
	}
	a := b.device.of(h.name(model.Segmentation))
	for range 20 {
		if _, err := b.together(list, model.Segmentation, 0, nil); err != nil {
			return "", err
		}
		if n := a.peak.Load(); n >= 2 {
			return fmt.Sprintf("%d at once", n), nil
		}
	}
	return "", fmt.Errorf("no two of %d inferences ran at once", a.enqueued.Load())
}

// LockOrdersGoroutines: two goroutines on one context take turns, and both get results.
func LockOrdersGoroutines(h *Harness) (_ string, err error) {
	b, err := h.setup(model.Parallel, 0, model.Segmentation)
	if err != nil {
		return "", err
	}
	defer b.teardown(&err)
	list, err := b.pipelines(1)
	if err != nil {
		return "", err
	}
	failures := make([]error, 2)
	var wait sync.WaitGroup
	for i := range failures {
		wait.Go(func() {
			for range 50 {
				failures[i] = errors.Join(failures[i], list[0].Of(model.Segmentation).Infer(1))
			}
		})
	}
	wait.Wait()
	a := b.device.of(h.name(model.Segmentation))
	if a.peak.Load() != 1 || a.enqueued.Load() != 100 {
		err = fmt.Errorf("%d at once, %d in all", a.peak.Load(), a.enqueued.Load())
	}
	return "100 inferences, 1 at once", errors.Join(append(failures, err)...)
}

// ReentranceIsCaught: past the lock, the guard refuses, and the runtime is not called.
func ReentranceIsCaught(h *Harness) (_ string, err error) {
	b, err := h.setup(model.Parallel, 0, model.Segmentation)
	if err != nil {
		return "", err
	}
	defer b.teardown(&err)
	list, err := b.pipelines(1)
	if err != nil {
		return "", err
	}
	c, a := list[0].Of(model.Segmentation), b.device.of(h.name(model.Segmentation))
	resume := a.stop()
	first := make(chan error)
	go func() { first <- c.Infer(1) }()
	err = eventually("the first inference", func() bool { return a.running.Load() == 1 })
	for range 100 {
		if e := model.InferPastLock(c, 1); !errors.Is(e, model.ErrContextBusy) {
			err = errors.Join(err, fmt.Errorf("re-entrance gave %v, expected ErrContextBusy", e))
			break
		}
	}
	if n := a.enqueued.Load(); n != 1 {
		err = errors.Join(err, fmt.Errorf("the runtime was called %d times", n))
	}
	resume()
	return "100 tries, 0 reached the runtime", errors.Join(err, <-first)
}

// InferAfterClose: a closed context says so.
func InferAfterClose(h *Harness) (_ string, err error) {
	b, err := h.setup(model.Parallel, 0, model.Segmentation)
	if err != nil {
		return "", err
	}
	defer b.teardown(&err)
	list, err := b.pipelines(1)
	if err != nil {
		return "", err
	}
	c := list[0].Of(model.Segmentation)
	if err := b.release(); err != nil {
		return "", err
	}
	if e := c.Infer(1); !errors.Is(e, device.ErrClosed) {
		return "", fmt.Errorf("infer after close gave %v, expected ErrClosed", e)
	}
	return "", c.Close()
}

// CloseWaits: Close returns only after the inference that runs.
func CloseWaits(h *Harness) (_ string, err error) {
	b, err := h.setup(model.Parallel, 0, model.Segmentation)
	if err != nil {
		return "", err
	}
	defer b.teardown(&err)
	list, err := b.pipelines(1)
	if err != nil {
		return "", err
	}
	c, a := list[0].Of(model.Segmentation), b.device.of(h.name(model.Segmentation))
	resume := a.stop()
	inferred, closed := make(chan error, 1), make(chan error, 1)
	go func() { inferred <- c.Infer(1) }()
	err = eventually("the inference", func() bool { return a.running.Load() == 1 })
	go func() { closed <- b.release() }()
	select {
	case <-closed:
		err = errors.Join(err, errors.New("close returned while an inference ran"))
		closed <- nil
	case <-time.After(50 * time.Millisecond):
	}
	resume()
	return "", errors.Join(err, <-inferred, <-closed)
}

// EngineOutlivesContexts: an engine stays until its last context is closed; releasing once too often is
// an error.
func EngineOutlivesContexts(h *Harness) (_ string, err error) {
	d, err := h.open(0)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	m, err := model.New(h.config(d, model.Parallel, model.Segmentation))
	if err != nil {
		return "", err
	}
	c, err := m.CreatePipelineContexts("camera")
	if err != nil {
		return "", errors.Join(err, m.Close())
	}
	engine := m.Engine(model.Segmentation)
	if err := m.Close(); err != nil {
		return "", err
	}
	if err := c.Of(model.Segmentation).Infer(1); err != nil {
		return "", fmt.Errorf("infer after the manager was closed: %w", err)
	}
	if err := c.Close(); err != nil {
		return "", err
	}
	if e := model.ReleaseEngine(engine); !errors.Is(e, model.ErrOverRelease) {
		return "", fmt.Errorf("over-release gave %v", e)
	}
	if e := m.Close(); !errors.Is(e, model.ErrOverRelease) {
		return "", fmt.Errorf("closing the manager twice gave %v", e)
	}
	return "", nil
}

// ThousandPipelines: after 1,000 pipelines came and went, pool and goroutines are where they were.
func ThousandPipelines(h *Harness) (_ string, err error) {
	b, err := h.setup(model.Parallel, 0, model.Segmentation, model.ReID)
	if err != nil {
		return "", err
	}
	defer b.teardown(&err)
	before, goroutines := b.device.Pool().Usage(), runtime.NumGoroutine()
	for i := range 1000 {
		c, err := b.manager.CreatePipelineContexts(fmt.Sprintf("camera-%d", i%7))
		if err != nil {
			return "", err
		}
		if i%50 == 0 {
			err = c.Of(model.Segmentation).Infer(1)
		}
		if err := errors.Join(err, c.Close()); err != nil {
			return "", err
		}
	}
	after := b.device.Pool().Usage()
	if after.Used != before.Used || after.Buffers != before.Buffers {
		return "", fmt.Errorf("pool: %s before, %s after", before, after)
	}
	if h.Exclusive {
		err = goroutinesBackTo(goroutines)
	}
	return fmt.Sprintf("%d bytes before and after", after.Used), err
}

// ModesAgree: serialized, parallel and batched give the same results.
func ModesAgree(h *Harness) (string, error) {
	const n = 4
	var want [][]byte
	for _, mode := range []model.Mode{model.Serialized, model.Parallel, model.Batched} {
		err := func() (err error) {
			b, err := h.setup(mode, 0, model.Segmentation)
			if err != nil {
				return err
			}
			defer b.teardown(&err)
			list, err := b.pipelines(n)
			if err != nil {
				return err
			}
			got, err := b.together(list, model.Segmentation, h.tolerance().batch, want)
			if want == nil {
				want = got
			}
			return err
		}()
		if err != nil {
			return "", fmt.Errorf("%s: %w", mode, err)
		}
	}
	return fmt.Sprintf("3 modes, %d inferences each", n*runs), nil
}
