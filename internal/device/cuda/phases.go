package cuda

import (
	"slices"

	"sightline/internal/native/tensorrt"
)

// phases adds up the phases of a build, which lie inside each other. The part that is done never goes back.
type phases struct {
	open []tensorrt.Step // the outermost first
	part float64
}

// update takes one step and returns the part of the whole that is done, and the innermost phase.
func (p *phases) update(s tensorrt.Step) (part float64, phase string) {
	at := slices.IndexFunc(p.open, func(o tensorrt.Step) bool { return o.Phase == s.Phase })
	switch {
	case at < 0 && !s.Finished:
		p.open = append(p.open, s)
	case at >= 0 && s.Finished:
		p.open = p.open[:at]
	case at >= 0:
		p.open = append(p.open[:at], s)
	}
	// One step of a phase is what the phase inside it makes of it.
	total, share := 0., 1.
	for _, o := range p.open {
		if o.Steps < 1 {
			break
		}
		total += share * float64(min(o.Done, o.Steps)) / float64(o.Steps)
		share /= float64(o.Steps)
		phase = o.Phase
	}
	if len(p.open) == 0 && s.Finished {
		total = 1
	}
	p.part = max(p.part, min(total, 1))
	return p.part, phase
}
