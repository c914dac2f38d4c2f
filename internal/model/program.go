package model

import (
	"errors"
	"fmt"

	"sightline/internal/device"
)

// Step is one inference of a program with the kernels around it, all on its context's stream.
type Step struct {
	Context *ExecutionContext
	// Items is the number of items inferred, at most Context.Items.
	Items int
	// Before queues what fills the context's inputs, After what uses its outputs. They are called
	// when the program is recorded, and must do nothing but queue work on the stream.
	Before, After func(s device.Stream) error
}

// Program is a lane's work, recorded once and replayed for every frame: steps that run side by side.
// In mode Parallel it is one graph; in the other modes the inferences are turns taken between two graphs.
type Program struct {
	name  string
	first func(s device.Stream) error
	steps []Step
	// whole is the graph of everything (mode Parallel), before and after what comes before and after the inferences.
	whole, before, after device.Graph
	// fork and joins order the steps' streams within the origin's.
	fork  device.Event
	joins []device.Event
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
	if p.capturable() {
		p.whole, err = capture(p.origin(), p.queueWhole)
		return err
	}
	if p.before, err = capture(p.origin(), p.queueBefore); err != nil {
		return err
	}
	p.after, err = capture(p.origin(), p.queueAfter)
	return err
}

// origin is the stream that a run begins and ends in.
func (p *Program) origin() device.Stream { return p.steps[0].Context.stream }

// capturable says whether inferences can be part of a graph.
func (p *Program) capturable() bool { return p.steps[0].Context.runner.capturable() }

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

// sideBySide forks the steps' streams off the origin, queues something of each step on its own, and joins them back.
func (p *Program) sideBySide(queue func(s *Step) error) error {
	origin := p.origin()
	if len(p.joins) > 0 {
		if err := origin.Record(p.fork); err != nil {
			return err
		}
	}
	for i := range p.steps {
		stream := p.steps[i].Context.stream
		if i > 0 {
			if err := stream.Wait(p.fork); err != nil {
				return err
			}
		}
		if err := queue(&p.steps[i]); err != nil {
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

func (p *Program) queueFirst(origin device.Stream) error {
	if p.first == nil {
		return nil
	}
	return p.first(origin)
}

func (p *Program) queueWhole(origin device.Stream) error {
	if err := p.queueFirst(origin); err != nil {
		return err
	}
	return p.sideBySide(func(s *Step) error {
		if err := s.Before(s.Context.stream); err != nil {
			return err
		}
		if err := s.Context.runner.submit(s.Context, s.Items, nil); err != nil {
			return err
		}
		return s.After(s.Context.stream)
	})
}

func (p *Program) queueBefore(origin device.Stream) error {
	if err := p.queueFirst(origin); err != nil {
		return err
	}
	return p.sideBySide(func(s *Step) error { return s.Before(s.Context.stream) })
}

func (p *Program) queueAfter(device.Stream) error {
	return p.sideBySide(func(s *Step) error { return s.After(s.Context.stream) })
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
	run := p.runTurns
	if p.capturable() {
		run = func() error { return p.part(p.whole, p.queueWhole) }
	}
	if err := run(); err != nil {
		for _, s := range p.steps { // nothing may be at work in their buffers
			_ = s.Context.stream.Synchronize()
		}
		return err
	}
	return p.steps[0].Context.finish()
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

// runTurns starts every step's inference before it waits for any, so that a batcher sees them together. What was
// started is always waited for; the first failure is returned.
func (p *Program) runTurns() (failed error) {
	if err := p.part(p.before, p.queueBefore); err != nil {
		return err
	}
	origin := p.steps[0].Context
	if err := origin.stream.Record(origin.ready); err != nil {
		return err
	}
	started := 0
	for i := range p.steps {
		s := &p.steps[i]
		if failed = s.Context.runner.submit(s.Context, s.Items, origin.ready); failed != nil {
			break
		}
		started++
	}
	for _, s := range p.steps[:started] {
		if err := s.Context.runner.await(s.Context, origin.stream); failed == nil {
			failed = err
		}
	}
	if failed != nil {
		return failed
	}
	return p.part(p.after, p.queueAfter)
}

// part replays a graph of the program on its origin, or queues its work anew.
func (p *Program) part(g device.Graph, queue func(origin device.Stream) error) error {
	if p.replay {
		return p.origin().Launch(g)
	}
	return queue(p.origin())
}

func (p *Program) closeGraphs() error {
	var errs []error
	for _, g := range []device.Graph{p.whole, p.before, p.after} {
		if g != nil {
			errs = append(errs, g.Close())
		}
	}
	p.whole, p.before, p.after = nil, nil, nil
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
