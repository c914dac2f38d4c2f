package pipeline

import (
	"slices"
	"time"

	"sightline/internal/device"
	"sightline/internal/result"
	"sightline/internal/vision"
)

// identify tells the registry who is in sight, and the frame who they are as far as that is known. Nothing here waits.
// look holds the tracker's answer about the subjects of ReID: a view that it does not remember is not reported.
func (l *lane) identify(p *device.Picture, f *result.Frame, look vision.Appearance) error {
	if l.reporter == nil {
		return nil
	}
	l.reporter.Name(f.Objects)
	report := l.reporter.Begin(l.captured(p), p.Width, p.Height)
	if report == nil {
		return nil
	}
	if len(look.Remember) > 0 {
		if _, err := l.vision.CopyVectors(report.Vectors(), report.Copied()); err != nil {
			l.reporter.Discard(report)
			return err
		}
	}
	for i := range f.Objects {
		o := &f.Objects[i]
		row := slices.Index(look.Objects, i)
		if row < 0 && o.Class != "person" || o.Track == 0 {
			continue
		}
		if row >= 0 && look.Remember[row] == -1 {
			row = -1
		}
		report.Add(o, row)
	}
	l.reporter.Send(report)
	return nil
}

// plausible is how far a camera's time of day may be from its pictures' arrival to be believed: one clock set to
// another year would make the registry forget everybody.
const plausible = time.Minute

// captured is when a picture was taken, on a clock that all cameras share: a camera's own time of day where it tells
// one, else its arrival. Recordings are taken to begin together, when the run does.
func (l *lane) captured(p *device.Picture) time.Time {
	if l.options.Recorded {
		return l.options.Identities.Began().Add(p.PTS)
	}
	if off := p.Submitted.Sub(p.Time); !p.Time.IsZero() && off.Abs() <= plausible {
		return p.Time
	}
	return p.Submitted
}
