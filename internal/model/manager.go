package model

import (
	"errors"
	"fmt"
	"sync"

	"sightline/internal/device"
)

// Manager holds one engine a model. Its methods may be called from any goroutine.
type Manager struct {
	config Config
	// engines are by role; roles may share one, each of which holds it.
	engines map[string]*Engine

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
	m := &Manager{config: config, engines: map[string]*Engine{}, users: 1, pipelines: map[string]bool{}}
	for i := range config.Models {
		if err := m.load(i); err != nil {
			return nil, errors.Join(err, m.releaseEngines())
		}
	}
	return m, nil
}

// load loads the i-th model, or shares the engine of an earlier one.
func (m *Manager) load(i int) error {
	spec := m.config.Models[i]
	for _, earlier := range m.config.Models[:i] {
		if !spec.shares(&earlier) {
			continue
		}
		e := m.engines[earlier.Role]
		if err := e.fits(spec); err != nil {
			return err
		}
		if err := e.retain(); err != nil {
			return err
		}
		m.engines[spec.Role] = e
		m.config.Logger.Info("engine shared", "model", spec.Name, "role", spec.Role, "with", earlier.Role)
		return nil
	}
	for _, later := range m.config.Models[i+1:] {
		if spec.shares(&later) {
			spec.Batch = max(spec.Batch, later.Batch)
		}
	}
	e, err := loadEngine(m.config, spec)
	if err == nil {
		m.engines[spec.Role] = e
	}
	return err
}

// Engine is the engine of a role, or nil. The manager keeps holding it.
func (m *Manager) Engine(role string) *Engine { return m.engines[role] }

// Items is how many items a context of a role holds; 0 if there is no such role.
func (m *Manager) Items(role string) int {
	e, use := m.use(role)
	if e == nil {
		return 0
	}
	return use.items(e.engine.MaxBatch(), m.config.Mode)
}

// use is a role's engine and what it is used for; nil if there is no such role.
func (m *Manager) use(role string) (*Engine, *Spec) {
	for i := range m.config.Models {
		if s := &m.config.Models[i]; s.Role == role {
			return m.engines[role], s
		}
	}
	return nil, nil
}

// Batches are those of every engine since it was loaded, by the first role that it has; none but in mode Batched.
func (m *Manager) Batches() map[string]Batches {
	list, told := map[string]Batches{}, map[*Engine]bool{}
	for i := range m.config.Models {
		role := m.config.Models[i].Role
		e := m.engines[role]
		if told[e] || e.batcher == nil {
			continue
		}
		told[e] = true
		e.batcher.mutex.Lock()
		list[role] = e.batcher.count
		e.batcher.mutex.Unlock()
	}
	return list
}

// Mode is the inference mode.
func (m *Manager) Mode() Mode { return m.config.Mode }

// Contexts are the execution contexts of one pipeline, by role.
type Contexts struct {
	manager  *Manager
	pipeline string
	byRole   map[string]*ExecutionContext
	once     sync.Once
	err      error
}

// Of is the context of a role; nil if the pipeline does not use it.
func (c *Contexts) Of(role string) *ExecutionContext { return c.byRole[role] }

// CreatePipelineContexts makes one context for each role (all loaded ones if none is named), each with
// its own stream and buffers, booked to the pipeline's name. On failure nothing is left behind. The
// caller closes the result; a name is free again once its contexts are closed.
func (m *Manager) CreatePipelineContexts(pipeline string, roles ...string) (*Contexts, error) {
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
	if len(roles) == 0 {
		for _, s := range m.config.Models {
			roles = append(roles, s.Role)
		}
	}
	c := &Contexts{manager: m, pipeline: pipeline, byRole: map[string]*ExecutionContext{}}
	for _, role := range roles {
		e, use := m.use(role)
		if e == nil {
			return nil, errors.Join(fmt.Errorf("contexts for %s: no model %s is configured", pipeline, role), c.Close())
		}
		x, err := e.newContext(pipeline, use)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("contexts for %s: model %s: %w", pipeline, e.spec.Name, err), c.Close())
		}
		c.byRole[role] = x
	}
	return c, nil
}

// Close closes every context; each waits for its running inference. Closing twice does nothing.
func (c *Contexts) Close() error {
	c.once.Do(func() {
		var errs []error
		for _, s := range c.manager.config.Models {
			if x := c.byRole[s.Role]; x != nil {
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
	for _, s := range m.config.Models {
		if e := m.engines[s.Role]; e != nil {
			errs = append(errs, e.release())
		}
	}
	return errors.Join(errs...)
}
