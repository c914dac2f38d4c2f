package model

import (
	"errors"
	"fmt"
	"sync"

	"sightline/internal/device"
)

// Manager holds one engine a model. Its methods may be called from any goroutine.
type Manager struct {
	config  Config
	engines map[Task]*Engine

	mutex     sync.Mutex
	users     int
	pipelines map[string]bool
}

// shared is the process's one manager, for Shared.
var shared struct {
	sync.Mutex
	manager *Manager
}

// Shared returns the process's manager, made by the first caller; concurrent callers wait for it. A
// caller with another configuration gets ErrConfigMismatch. Every success is matched by one Close.
func Shared(config Config) (*Manager, error) {
	config, err := config.withDefaults()
	if err != nil {
		return nil, err
	}
	shared.Lock()
	defer shared.Unlock()
	if m := shared.manager; m != nil {
		m.mutex.Lock()
		defer m.mutex.Unlock()
		if !m.config.same(config) {
			return nil, ErrConfigMismatch
		}
		m.users++
		return m, nil
	}
	m, err := New(config)
	if err != nil {
		return nil, err
	}
	shared.manager = m
	return m, nil
}

// New loads every model of the configuration, in order. If one fails the others are released, and the
// error names the model.
func New(config Config) (*Manager, error) {
	config, err := config.withDefaults()
	if err != nil {
		return nil, err
	}
	m := &Manager{config: config, engines: map[Task]*Engine{}, users: 1, pipelines: map[string]bool{}}
	for _, spec := range config.Models {
		e, err := loadEngine(config, spec)
		if err != nil {
			return nil, errors.Join(err, m.releaseEngines())
		}
		m.engines[spec.Task] = e
	}
	return m, nil
}

// Engine is the engine of a task, or nil. The manager keeps holding it.
func (m *Manager) Engine(t Task) *Engine { return m.engines[t] }

// Mode is the inference mode.
func (m *Manager) Mode() Mode { return m.config.Mode }

// Contexts are the execution contexts of one pipeline, by task.
type Contexts struct {
	manager  *Manager
	pipeline string
	byTask   map[Task]*ExecutionContext
	once     sync.Once
	err      error
}

// Of is the context of a task; nil if the pipeline does not use it.
func (c *Contexts) Of(t Task) *ExecutionContext { return c.byTask[t] }

// CreatePipelineContexts makes one context for each task (all loaded ones if none is named), each with
// its own stream and buffers, booked to the pipeline's name. On failure nothing is left behind. The
// caller closes the result; a name is free again once its contexts are closed.
func (m *Manager) CreatePipelineContexts(pipeline string, tasks ...Task) (*Contexts, error) {
	m.mutex.Lock()
	taken, closed := m.pipelines[pipeline], m.users == 0
	if !taken && !closed {
		m.pipelines[pipeline] = true
	}
	m.mutex.Unlock()
	if closed {
		return nil, fmt.Errorf("contexts for %s: model manager: %w", pipeline, device.ErrClosed)
	}
	if taken {
		return nil, fmt.Errorf("contexts for %s: a pipeline of that name has contexts already", pipeline)
	}
	if len(tasks) == 0 {
		for _, s := range m.config.Models {
			tasks = append(tasks, s.Task)
		}
	}
	c := &Contexts{manager: m, pipeline: pipeline, byTask: map[Task]*ExecutionContext{}}
	for _, t := range tasks {
		e := m.engines[t]
		if e == nil {
			return nil, errors.Join(fmt.Errorf("contexts for %s: no model for task %s is configured", pipeline, t), c.Close())
		}
		x, err := e.newContext(pipeline)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("contexts for %s: model %s: %w", pipeline, e.spec.Name, err), c.Close())
		}
		c.byTask[t] = x
	}
	return c, nil
}

// Close closes every context; each waits for its running inference. Closing twice does nothing.
func (c *Contexts) Close() error {
	c.once.Do(func() {
		var errs []error
		for _, t := range Tasks {
			if x := c.byTask[t]; x != nil {
				errs = append(errs, x.Close())
			}
		}
		c.manager.mutex.Lock()
		delete(c.manager.pipelines, c.pipeline)
		c.manager.mutex.Unlock()
		c.err = errors.Join(errs...)
	})
	return c.err
}

// Close gives one use of the manager back; the last one lets the engines go. Engines whose contexts
// are still open stay until those are closed.
func (m *Manager) Close() error {
	shared.Lock()
	defer shared.Unlock()
	m.mutex.Lock()
	if m.users == 0 {
		m.mutex.Unlock()
		return fmt.Errorf("model manager: %w", ErrOverRelease)
	}
	m.users--
	last := m.users == 0
	m.mutex.Unlock()
	if !last {
		return nil
	}
	if shared.manager == m {
		shared.manager = nil
	}
	return m.releaseEngines()
}

func (m *Manager) releaseEngines() error {
	var errs []error
	for _, t := range Tasks {
		if e := m.engines[t]; e != nil {
			errs = append(errs, e.release())
		}
	}
	return errors.Join(errs...)
}
