package model

import (
	"errors"
	"log/slog"
	"testing"

	"sightline/internal/device"
)

// counting is a fake whose engines are as large as is asked for.
type counting struct {
	*fake
	loads []int
}

func (c *counting) LoadEngine(m device.ModelFile) (device.Engine, error) {
	c.loads = append(c.loads, m.MaxBatch)
	sized := *c.fake
	sized.most = m.MaxBatch
	return fakeEngine{&sized}, nil
}

// TestAPipelineAsksForAShareOfALargeBatch: in mode batched it does not hold room for all of one.
func TestAPipelineAsksForAShareOfALargeBatch(t *testing.T) {
	for mode, want := range map[Mode]int{Parallel: 100, Serialized: 100, Batched: share} {
		m, err := New(Config{Device: newFake(100), Mode: mode, Models: []Spec{
			{Task: Pose, Name: "p", Batch: 100, Read: func() ([]byte, error) { return nil, nil }},
		}})
		if err != nil {
			t.Fatal(err)
		}
		c, err := m.CreatePipelineContexts("camera")
		if err != nil {
			t.Fatal(err)
		}
		x := c.Of(Pose)
		if sizes := x.Sizes(); x.Items() != want || m.Items(Pose) != want || sizes[len(sizes)-1] != want || x.Input(0).Size() < int64(4*want) {
			t.Errorf("%s: %d items, %d by the manager, sizes %v, %d bytes; want %d", mode, x.Items(), m.Items(Pose), sizes, x.Input(0).Size(), want)
		}
		if err := errors.Join(c.Close(), m.Close()); err != nil {
			t.Error(err)
		}
	}
}

func TestOneEngineHoweverItIsUsed(t *testing.T) {
	for _, mode := range []Mode{Parallel, Serialized, Batched} {
		d := &counting{fake: newFake(1)}
		read := func() ([]byte, error) { return nil, nil }
		m, err := New(Config{Device: d, Mode: mode, Logger: slog.New(slog.DiscardHandler), Models: []Spec{
			{Role: "whole", Task: Detection, Name: "d", Key: "d", Batch: 2, Read: read},
			{Role: "other", Task: Pose, Name: "p", Key: "p", Batch: 4, Read: read},
			{Role: "within", Task: Detection, Within: true, Name: "d", Key: "d", Batch: 8, Read: read},
			{Role: "few", Task: Detection, Within: true, Name: "d", Key: "d", Batch: 3, Read: read},
		}})
		if err != nil {
			t.Fatal(err)
		}
		if len(d.loads) != 2 || d.loads[0] != 8 || d.loads[1] != 4 || m.Engine("whole") != m.Engine("few") {
			t.Errorf("%s: loads of batch %v, want 8 and 4", mode, d.loads)
		}
		c, err := m.CreatePipelineContexts("camera")
		if err != nil {
			t.Fatal(err)
		}
		for role, want := range map[string]int{"whole": 1, "within": 8, "few": 3, "other": 4} {
			x := c.Of(role)
			if x.Items() != want || m.Items(role) != want || x.Input(0).Size() != int64(4*want) {
				t.Errorf("%s, %s: %d items, %d by the manager, %d bytes; want %d", mode, role, x.Items(), m.Items(role), x.Input(0).Size(), want)
			}
			if err := x.Infer(want + 1); err == nil {
				t.Errorf("%s, %s: %d items were taken", mode, role, want+1)
			}
		}
		waiting := func() int { return len(m.Engine("whole").batcher.contexts) }
		if mode == Batched && waiting() != 1 {
			t.Errorf("a batch waits for %d pipelines, want 1", waiting())
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		if mode == Batched && waiting() != 0 {
			t.Errorf("a batch waits for %d closed pipelines", waiting())
		}
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}
}
