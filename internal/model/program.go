package model

import (
	"errors"
	"fmt"
	"slices"

	"sightline/internal/device"
)

// Step is one inference of a program with the kernels around it, all on its context's stream.
type Step struct {
	Context *ExecutionContext
	// Items is the number of items inferred, at most Engine.Items.
	Items int
	// Before queues what fills the context's inputs, After what uses its outputs. They are called
	// when the program is recorded, and must do nothing but queue work on the stream.
	Before, After func(s device.Stream) error
}

// Program is a lane's work, recorded once and replayed for every frame: steps that run side by side.
// In mode Parallel it is one graph; in the other modes an inference is a turn taken between two graphs.
type Program struct {
	name  string
	first func(s device.Stream) error
	steps []Step
	// whole is the graph of everything (mode Parallel), begin, before and after those of first and the single steps.
	whole                device.Graph
	begin, before, after []device.Graph
	fork                 device.Event
	joins                []device.Event
	// replay is false where recording failed: then the work is queued anew for every run.
	replay bool
}

// NewProgram records the steps; the first one's stream is the program's origin. What first queues there, if it is not nil,
// comes before all of them; it is under the same rule as Before. A device that cannot
// record them is logged, and the program then queues its work anew for every run. The program must be
// closed before the contexts.
func NewProgram(name string, first func(s device.Stream) error, steps ...Step) (_ *Program, err error) {
	if len(steps) == 0 {
		return nil, fmt.Errorf("program %s has no steps", name)
	}
	p := &Program{name: name, first: first, steps: steps}
	d := steps[0].Context.engine.config.Device
	if p.fork, err = d.NewEvent(); err != nil {
		return nil, err
	}
	for range steps[1:] {
		e, err := d.NewEvent()
		if err != nil {
			return nil, errors.Join(err, p.Close())
		}
		p.joins = append(p.joins, e)
	}
	p.lock()
	defer p.unlock()
	if err := p.record(); err != nil {
		steps[0].Context.engine.config.Logger.Error("recording failed, work is queued for every frame", "program", name, "error", err)
		return p, p.closeGraphs()
	}
	p.replay = true
	return p, nil
}

func (p *Program) record() (err error) {
	if p.steps[0].Context.runner.capturable() {
		p.whole, err = capture(p.steps[0].Context.stream, func(device.Stream) error { return p.queueWhole() })
		return err
	}
	if p.first != nil {
		begin, err := capture(p.steps[0].Context.stream, p.first)
		if err != nil {
			return err
		}
		p.begin = []device.Graph{begin}
	}
	for _, s := range p.steps {
		before, err := capture(s.Context.stream, s.Before)
		if err != nil {
			return err
		}
		p.before = append(p.before, before)
		after, err := capture(s.Context.stream, s.After)
		if err != nil {
			return err
		}
		p.after = append(p.after, after)
	}
	return nil
}

func capture(s device.Stream, record func(device.Stream) error) (device.Graph, error) {
	if err := s.BeginCapture(); err != nil {
		return nil, err
	}
	failed := record(s)
	g, err := s.EndCapture()
	if failed != nil {
		if err == nil {
			failed = errors.Join(failed, g.Close())
		}
		return nil, failed
	}
	return g, err
}

// queueWhole forks the steps off the origin, queues each, and joins them back.
func (p *Program) queueWhole() error {
	origin := p.steps[0].Context.stream
	if p.first != nil {
		if err := p.first(origin); err != nil {
			return err
		}
	}
	if err := origin.Record(p.fork); err != nil {
		return err
	}
	for i, s := range p.steps {
		stream := s.Context.stream
		if i > 0 {
			if err := stream.Wait(p.fork); err != nil {
				return err
			}
		}
		if err := s.Before(stream); err != nil {
			return err
		}
		if err := s.Context.runner.submit(s.Context, s.Items); err != nil {
			return err
		}
		if err := s.After(stream); err != nil {
			return err
		}
		if i > 0 {
			if err := stream.Record(p.joins[i-1]); err != nil {
				return err
			}
		}
	}
	for _, e := range p.joins {
		if err := origin.Wait(e); err != nil {
			return err
		}
	}
	return nil
}

// Run replays the program and sleeps until its results are there. It holds the contexts meanwhile.
func (p *Program) Run() error {
	p.lock()
	defer p.unlock()
	for i, s := range p.steps {
		if err := s.Context.enter(); err != nil {
			for _, entered := range p.steps[:i] {
				entered.Context.leave()
			}
			return err
		}
	}
	defer p.leave()
	if p.steps[0].Context.runner.capturable() {
		return p.runWhole()
	}
	return p.runTurns()
}

func (p *Program) lock() {
	for _, s := range p.steps {
		s.Context.lock.Lock()
	}
}

func (p *Program) unlock() {
	for _, s := range p.steps {
		s.Context.lock.Unlock()
	}
}

func (p *Program) leave() {
	for _, s := range p.steps {
		s.Context.leave()
	}
}

func (p *Program) runWhole() error {
	origin := p.steps[0].Context
	var err error
	if p.replay {
		err = origin.stream.Launch(p.whole)
	} else {
		err = p.queueWhole()
	}
	if err != nil {
		return err
	}
	return origin.finish()
}

// runTurns starts every step before it waits for any, so that a batcher sees them together. What was
// started is always finished; the first failure is returned.
func (p *Program) runTurns() (failed error) {
	origin, started := p.steps[0].Context.stream, 0
	if p.first != nil {
		if err := p.part(origin, p.begin, 0, p.first); err != nil {
			return err
		}
	}
	if len(p.steps) > 1 {
		if err := origin.Record(p.fork); err != nil {
			return err
		}
	}
	for i := range p.steps {
		if i > 0 { // what was queued on the origin before comes before every step
			if failed = p.steps[i].Context.stream.Wait(p.fork); failed != nil {
				break
			}
		}
		if failed = p.start(i); failed != nil {
			break
		}
		started++
	}
	for i, s := range p.steps[:started] {
		err := s.Context.runner.await(s.Context)
		if err == nil {
			err = p.part(s.Context.stream, p.after, i, s.After)
		}
		if failed == nil {
			failed = err
		}
	}
	for _, s := range p.steps {
		if err := s.Context.finish(); failed == nil {
			failed = err
		}
	}
	return failed
}

func (p *Program) start(i int) error {
	s := p.steps[i]
	if err := p.part(s.Context.stream, p.before, i, s.Before); err != nil {
		return err
	}
	return s.Context.runner.submit(s.Context, s.Items)
}

// part replays the graph of step i, or queues its work anew.
func (p *Program) part(s device.Stream, graphs []device.Graph, i int, queue func(device.Stream) error) error {
	if p.replay {
		return s.Launch(graphs[i])
	}
	return queue(s)
}

func (p *Program) closeGraphs() error {
	var errs []error
	for _, g := range slices.Concat([]device.Graph{p.whole}, p.begin, p.before, p.after) {
		if g != nil {
			errs = append(errs, g.Close())
		}
	}
	p.whole, p.begin, p.before, p.after = nil, nil, nil, nil
	return errors.Join(errs...)
}

// Close releases the graphs and events; no Run may be going on.
func (p *Program) Close() error {
	errs := []error{p.closeGraphs()}
	for _, e := range append([]device.Event{p.fork}, p.joins...) {
		if e != nil {
			errs = append(errs, e.Close())
		}
	}
	p.fork, p.joins = nil, nil
	return errors.Join(errs...)
}
