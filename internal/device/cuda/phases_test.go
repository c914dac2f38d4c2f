package cuda

import (
	"math"
	"testing"

	"sightline/internal/native/tensorrt"
)

func TestPhasesAddUp(t *testing.T) {
	p := phases{}
	for i, c := range []struct {
		step  tensorrt.Step
		part  float64
		phase string
	}{
		{tensorrt.Step{Phase: "build", Steps: 2}, 0, "build"},
		{tensorrt.Step{Phase: "graph", Parent: "build", Steps: 5}, 0, "graph"},
		{tensorrt.Step{Phase: "graph", Done: 3, Steps: 5}, 0.3, "graph"},
		{tensorrt.Step{Phase: "graph", Done: 5, Steps: 5}, 0.5, "graph"},
		{tensorrt.Step{Phase: "graph", Done: 5, Steps: 5, Finished: true}, 0.5, "build"}, // not back to 0
		{tensorrt.Step{Phase: "build", Done: 1, Steps: 2}, 0.5, "build"},
		{tensorrt.Step{Phase: "tactics", Steps: 4}, 0.5, "tactics"},
		{tensorrt.Step{Phase: "layer", Steps: 0}, 0.5, "tactics"}, // steps not known
		{tensorrt.Step{Phase: "tactics", Done: 9, Steps: 4}, 1, "tactics"},
		{tensorrt.Step{Phase: "build", Done: 2, Steps: 2, Finished: true}, 1, ""},
		{tensorrt.Step{Phase: "never begun", Finished: true}, 1, ""},
	} {
		if part, phase := p.update(c.step); math.Abs(part-c.part) > 1e-9 || phase != c.phase {
			t.Errorf("step %d: %g %q, want %g %q", i, part, phase, c.part, c.phase)
		}
	}
}
