package bench

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"sightline/internal/device"
	"sightline/internal/model"
)

// Infer measures one model's inference alone: lanes, each with an execution context of its own, submit and wait.
type Infer struct {
	Device device.Device
	// Config has the mode and just one model.
	Config model.Config
	// Graph replays the inference as a lane's recorded work; otherwise it is queued anew every time.
	Graph bool
	Lanes []int
	// Items in one inference: for a detector always 1.
	Items     int
	Warm, For time.Duration
	// Rounds is how often each row is measured; 0 is once. The row is the round with the median rate.
	Rounds int
}

// Inference is what one model did on a number of lanes.
type Inference struct {
	Model string `json:"model"`
	Mode  string `json:"mode"`
	Lanes int    `json:"lanes"`
	Items int    `json:"items"`
	// Workers and MaxWaitMS are those of batches.
	Workers   int     `json:"workers,omitempty"`
	MaxWaitMS float64 `json:"max_wait_ms,omitempty"`
	// ItemsPerSecond are images or people.
	ItemsPerSecond float64 `json:"items_per_second"`
	// Rounds are the items a second of all rounds, of which this row is the one in the middle.
	Rounds []float64 `json:"rounds"`
	// Turn is the time from submit to the result, of Items together.
	Turn Times `json:"turn"`
	// CPUMS is the process's processor time for one inference, Cores what it used all in all.
	CPUMS float64 `json:"cpu_ms"`
	Cores float64 `json:"cores"`
	// Context is the memory of one lane's context, Shared that of the loaded model.
	Context Memory `json:"context"`
	Shared  Memory `json:"shared"`
	Load    Load   `json:"load"`
	Error   string `json:"error,omitempty"`
}

// Run measures every number of lanes and hands each result to each. One that fails is told in its row; only a lost
// device, an interruption or a model that does not load ends the run.
func (b Infer) Run(ctx context.Context, each func(Inference)) (err error) {
	before := memory(b.Device)
	m, err := model.New(b.Config)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	spec := b.Config.Models[0]
	shared := memory(b.Device).each(before, 1)
	role := cmp.Or(spec.Role, spec.Task)
	items := min(b.Items, m.Items(role))
	for _, n := range b.Lanes {
		row := Inference{Model: spec.Name, Mode: string(m.Mode()), Lanes: n, Items: items, Shared: shared}
		if row.Mode == string(model.Parallel) && !b.Graph {
			row.Mode = Direct
		}
		if m.Mode() == model.Batched {
			row.Workers, row.MaxWaitMS = b.Config.Workers, milliseconds(b.Config.MaxWait)
		}
		if err := b.measure(ctx, m, role, &row); err != nil {
			if fatal := final(ctx, b.Device); fatal != nil {
				return fatal
			}
			row.Error = err.Error()
		}
		each(row)
	}
	return nil
}

// Direct is mode parallel without graphs.
const Direct = "direct"

// final says whether nothing more can be measured.
func final(ctx context.Context, d device.Device) error {
	if cause := d.Cause(); cause != nil {
		return cause
	}
	if ctx.Err() != nil {
		return ErrInterrupted
	}
	return nil
}

// ErrInterrupted is what a measurement ends with when its context does.
var ErrInterrupted = errors.New("interrupted")

func (b Infer) measure(ctx context.Context, m *model.Manager, role string, row *Inference) (err error) {
	var open []func() error
	defer func() {
		for i := len(open) - 1; i >= 0; i-- {
			err = errors.Join(err, open[i]())
		}
	}()
	before := memory(b.Device)
	l := lanes{device: b.Device, warm: b.Warm, span: b.For, rounds: b.Rounds}
	for i := range row.Lanes {
		contexts, err := m.CreatePipelineContexts(fmt.Sprintf("lane-%d", i+1), role)
		if err != nil {
			return err
		}
		open = append(open, contexts.Close)
		c := contexts.Of(role)
		if err := feed(b.Device, c.Stream(), c.Input(0)); err != nil {
			return err
		}
		if !b.Graph {
			l.work = append(l.work, func() error { return c.Infer(row.Items) })
			continue
		}
		nothing := func(device.Stream) error { return nil }
		p, err := model.NewProgram("bench", nil, model.Step{Context: c, Items: row.Items, Before: nothing, After: nothing})
		if err != nil {
			return err
		}
		open = append(open, p.Close)
		l.work = append(l.work, p.Run)
	}
	rounds, err := l.repeat(ctx)
	row.Context = memory(b.Device).each(before, row.Lanes)
	if err == nil {
		row.choose(rounds)
	}
	return err
}

// choose fills the row in with the round with the median rate.
func (r *Inference) choose(rounds []turns) {
	t, all := middle(rounds, func(t turns) float64 { return t.rate() * float64(r.Items) })
	r.fill(t)
	r.Rounds = all
}

func (r *Inference) fill(t turns) {
	n := float64(len(t.times))
	r.ItemsPerSecond = t.rate() * float64(r.Items)
	r.CPUMS = ratio(milliseconds(t.cpu), n)
	r.Cores = ratio(t.cpu.Seconds(), t.wall.Seconds())
	r.Turn, r.Load = NewTimes(t.times), t.load
}

// feed fills an input with values like a picture's. Zeros would switch fewer of the GPU's transistors, and so run at
// higher clocks than any real picture does.
func feed(d device.Device, s device.Stream, input *device.Buffer) (err error) {
	host, err := d.Pool().Alloc(input.Owner(), "bench input", device.Pinned, input.Size())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, host.Close()) }()
	state := uint32(1)
	for i := range int(input.Size() / 4) {
		state = state*1664525 + 1013904223
		put(host, i, float32(state>>8)/(1<<24))
	}
	if err := s.Copy(input, host); err != nil {
		return err
	}
	return s.Synchronize()
}
