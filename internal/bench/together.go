package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"sightline/internal/device"
	"sightline/internal/model"
)

// Together measures full batches of several models at once, each on a number of streams of its own: what they lose to each other beside
// what each does alone (Fixed).
type Together struct {
	Device    device.Device
	Specs     []model.Spec
	Streams   []int
	Warm, For time.Duration
	// Rounds is as Infer.Rounds.
	Rounds int
}

// TogetherMode is what Together's rows call their mode; their lanes are the streams of one model.
const TogetherMode = "together"

// Run measures every number of streams, like Infer.Run, with a row for each model.
func (b Together) Run(ctx context.Context, each func(Inference)) (err error) {
	var engines []device.Engine
	defer func() {
		for _, e := range engines {
			err = errors.Join(err, e.Close())
		}
	}()
	for _, spec := range b.Specs {
		e, err := loadEngine(b.Device, spec)
		if err != nil {
			return err
		}
		engines = append(engines, e)
	}
	for _, n := range b.Streams {
		rows := make([]Inference, len(engines))
		for i, e := range engines {
			rows[i] = Inference{Model: b.Specs[i].Name, Mode: TogetherMode, Lanes: n, Items: e.MaxBatch()}
		}
		if err := b.measure(ctx, engines, rows); err != nil {
			if fatal := final(ctx, b.Device); fatal != nil {
				return fatal
			}
			for i := range rows {
				rows[i].Error = err.Error()
			}
		}
		for _, r := range rows {
			each(r)
		}
	}
	return nil
}

func (b Together) measure(ctx context.Context, engines []device.Engine, rows []Inference) (err error) {
	l := fixedLanes{lanes: lanes{device: b.Device, warm: b.Warm, span: b.For, rounds: b.Rounds}}
	defer func() { err = errors.Join(err, l.close()) }()
	for i, e := range engines {
		before := memory(b.Device)
		if err := l.add(e, fmt.Sprintf("stream-%d", i+1), &rows[i]); err != nil {
			return err
		}
		rows[i].Context = memory(b.Device).each(before, rows[i].Lanes)
	}
	rounds, err := l.repeat(ctx)
	if err != nil {
		return err
	}
	// The models take from each other: all rows are of one round.
	shown, _ := middle(rounds, turns.rate)
	for i := range rows {
		r := &rows[i]
		r.fill(shown.of(i*r.Lanes, r.Lanes))
		for _, t := range rounds {
			r.Rounds = append(r.Rounds, t.of(i*r.Lanes, r.Lanes).rate()*float64(r.Items))
		}
	}
	return nil
}

// of is what n lanes from first on did. Turns of all models cost the processor much the same.
func (t turns) of(first, n int) turns {
	own := t
	own.times = slices.Concat(t.lanes[first:][:n]...)
	own.cpu = time.Duration(float64(t.cpu) * ratio(float64(len(own.times)), float64(len(t.times))))
	return own
}
