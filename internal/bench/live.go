package bench

import (
	"context"
	"sync"
	"time"

	"sightline/internal/camera"
	"sightline/internal/media"
	"sightline/internal/metrics"
	"sightline/internal/result"
)

// live is a camera that plays a clip in real time: its source, its meter and its sink. Unlike a real one it never
// drops a unit that comes too late once it is measured: the delay then shows as latency. Before, what waited for the start of many
// other cameras goes on with the last key picture that was due, or there would be decoding to catch up with for a long time.
type live struct {
	clip  *Clip
	start int
	// phase is when within an interval it is due; phases are those of one clock for all cameras.
	phase time.Duration
	line  []byte

	mutex sync.Mutex
	// base is when its first unit was due; zero before.
	base time.Time
	sent int
	// due is when the pictures of late were due, by their number.
	due [recent]dueAt
	// looked is how many results there are since the start.
	looked int
	// from and to bound what is measured, by when a picture was due; zero while nothing is.
	from, to time.Time
	seen     []sighting
	drops    map[string]int
}

// recent is more pictures than any pipeline holds.
const recent = 4096

type dueAt struct {
	number int
	at     time.Time
}

// sighting is one result: the time from when its picture was due, and the parts of the way.
type sighting struct {
	total  float64
	stages metrics.Latency
	people int
}

// player is the live camera's source.
type player struct{ *live }

var _ camera.Source = player{}

func (p player) Format() media.Format { return p.clip.format }

func (p player) Close() error { return nil }

// Next waits until a unit is due.
func (p player) Next(ctx context.Context) (media.AccessUnit, error) {
	at := p.next(time.Now())
	if wait := time.Until(at); wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return media.AccessUnit{}, ctx.Err()
		}
	} else if ctx.Err() != nil {
		return media.AccessUnit{}, ctx.Err()
	}
	p.mutex.Lock()
	defer p.mutex.Unlock()
	u := p.clip.unit(p.start, p.sent)
	p.sent++
	u.Arrived = at
	n := p.clip.number(u.PTS)
	p.due[n%recent] = dueAt{n, at}
	return u, nil
}

// next is when the next unit is due. The first one is due at the camera's next phase.
func (l *live) next(now time.Time) time.Time {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if l.base.IsZero() {
		// Not Truncate, which would forget the monotonic clock.
		into := time.Duration(now.UnixNano()) % l.clip.interval
		l.base = now.Add(l.clip.interval - into + l.phase)
	}
	if l.from.IsZero() {
		l.skip(int(now.Sub(l.base) / l.clip.interval))
	}
	return l.base.Add(time.Duration(l.sent) * l.clip.interval)
}

// mostDue is how many units may be due at once before some are left out.
const mostDue = 30

// skip leaves out what lies before the last key unit that is due, where more than mostDue units are.
func (l *live) skip(due int) {
	for n := due; due-l.sent > mostDue && n > l.sent; n-- {
		if l.clip.isKey(l.start, n) {
			l.sent = n
		}
	}
}

// Write implements pipeline.Sink: it makes the JSON of every result, as a sink does, and forgets it.
func (l *live) Write(f *result.Frame) error {
	l.line = result.AppendJSON(l.line[:0], f)
	return nil
}

// Frame implements pipeline.Meter. It comes after Write: the result's encoding counts.
func (l *live) Frame(f *result.Frame) {
	now := time.Now()
	n := l.clip.number(time.Duration(f.PTS * float64(time.Second)))
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.looked++
	due := l.due[n%recent]
	if due.number != n || due.at.Before(l.from) || !due.at.Before(l.to) {
		return
	}
	people := 0
	for i := range f.Objects {
		if f.Objects[i].Class == "person" {
			people++
		}
	}
	s := f.Latency
	l.seen = append(l.seen, sighting{milliseconds(now.Sub(due.at)), metrics.Latency{s.Decode, s.Queue, s.Detect, s.People, s.Track, s.Total}, people})
}

// Dropped implements pipeline.Meter.
func (l *live) Dropped(cause string) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if !l.from.IsZero() && time.Now().Before(l.to) {
		l.drops[cause]++
	}
}

func (l *live) measure(from, to time.Time) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.from, l.to = from, to
	l.seen = make([]sighting, 0, 2+to.Sub(from)/l.clip.interval)
	l.drops = map[string]int{}
}

func (l *live) results() int {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.looked
}

// told is what was measured, and how many pictures were due in the time.
func (l *live) told() (seen []sighting, drops map[string]int, expected int) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.seen, l.drops, dueBetween(l.base, l.clip.interval, l.from, l.to)
}

// dueBetween counts the moments base, base+interval and so on that are not before from and before to.
func dueBetween(base time.Time, interval time.Duration, from, to time.Time) int {
	before := func(t time.Time) int {
		if d := t.Sub(base); d > 0 {
			return int((d + interval - 1) / interval)
		}
		return 0
	}
	return before(to) - before(from)
}
