package model

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"sightline/internal/device"
)

// Engine is one loaded model, shared by all pipelines. It counts its users: the manager and every
// context.
type Engine struct {
	config Config
	spec   Spec
	engine device.Engine

	// inferring is the lock of mode Serialized: whoever holds it uses the one context.
	inferring sync.Mutex
	one       *guardedContext
	batcher   *batcher

	mutex sync.Mutex
	users int
}

func loadEngine(config Config, spec Spec) (*Engine, error) {
	began := time.Now()
	onnx, err := spec.Read()
	if err != nil {
		return nil, fmt.Errorf("model %s: %w", spec.Name, err)
	}
	loaded, err := config.Device.LoadEngine(device.ModelFile{Name: spec.Name, ONNX: onnx, MaxBatch: spec.Batch})
	if err != nil {
		return nil, err
	}
	e := &Engine{config: config, spec: spec, engine: loaded, users: 1}
	if err = e.fits(spec); err != nil {
		return nil, errors.Join(err, e.release())
	}
	if err = e.prepareMode(); err != nil {
		return nil, errors.Join(fmt.Errorf("model %s: %w", spec.Name, err), e.release())
	}
	config.Logger.Info("engine loaded", "model", spec.Name, "task", spec.Task, "mode", config.Mode, "batch", spec.Batch,
		"took", time.Since(began).Round(time.Millisecond))
	return e, nil
}

// fits asks whether inputs and outputs are as a model's card says.
func (e *Engine) fits(spec Spec) error {
	if spec.Check == nil {
		return nil
	}
	if err := spec.Check(e.engine.Inputs(), e.engine.Outputs()); err != nil {
		return fmt.Errorf("model %s: %w", spec.Name, err)
	}
	return nil
}

// prepareMode makes what pipelines share in this mode.
func (e *Engine) prepareMode() (err error) {
	switch e.config.Mode {
	case Serialized:
		e.one, err = newGuardedContext(e.engine, e.owner())
	case Batched:
		e.batcher, err = newBatcher(e)
	}
	return err
}

// owner is the name that the engine's own memory is booked to.
func (e *Engine) owner() string { return "engine/" + e.spec.Name }

// Name is the model's name.
func (e *Engine) Name() string { return e.spec.Name }

// Inputs and Outputs describe one item.
func (e *Engine) Inputs() []device.Binding { return e.engine.Inputs() }

// Outputs: see Inputs.
func (e *Engine) Outputs() []device.Binding { return e.engine.Outputs() }

// Buckets are the batch sizes that an inference may have.
func (e *Engine) Buckets() []int { return e.engine.Buckets() }

// bucket is the smallest batch size that holds n items.
func (e *Engine) bucket(n int) int {
	for _, b := range e.engine.Buckets() {
		if b >= n {
			return b
		}
	}
	return e.engine.MaxBatch()
}

func (e *Engine) retain() error {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	if e.users == 0 {
		return fmt.Errorf("engine %s: %w", e.spec.Name, device.ErrClosed)
	}
	e.users++
	return nil
}

// release gives one use back; the last one unloads the model.
func (e *Engine) release() error {
	e.mutex.Lock()
	if e.users == 0 {
		e.mutex.Unlock()
		return fmt.Errorf("engine %s: %w", e.spec.Name, ErrOverRelease)
	}
	e.users--
	last := e.users == 0
	e.mutex.Unlock()
	if !last {
		return nil
	}
	var errs []error
	if e.batcher != nil {
		errs = append(errs, e.batcher.close())
	}
	if e.one != nil {
		errs = append(errs, e.one.context.Close())
	}
	errs = append(errs, e.engine.Close())
	e.config.Logger.Debug("engine unloaded", "model", e.spec.Name)
	return errors.Join(errs...)
}
