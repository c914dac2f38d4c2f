package identity

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"sightline/internal/device"
	"sightline/internal/result"
)

// depth is how many reports of a camera may be on their way.
const depth = 4

// Reporter is one camera's side of the Registry. It belongs to the camera's lane, which never waits for it: when all
// reports are still on their way the lane goes on without, and what is known of its tracks is read from a table that
// the registry replaces as a whole.
type Reporter struct {
	registry *Registry
	camera   string
	run      int64
	free     chan *Report
	all      []*Report
	due      time.Time
	names    atomic.Pointer[map[int64]int64]
}

// Report is what a camera saw at one time. The lane fills it and sends it off.
type Report struct {
	from *Reporter
	scene
	vectors          *device.Buffer // float16 [people,length]
	slots, slotsHost *device.Buffer // int32 [people]
	copied           device.Event
	rows             int
}

// Vectors is the device memory for the frame's vectors, float16 [Options.People,Options.Length].
func (r *Report) Vectors() *device.Buffer { return r.vectors }

// Copied is the event to record behind the work that writes Vectors.
func (r *Report) Copied() device.Event { return r.copied }

// Add notes a track of the frame; row is that of its vector, -1 if the view is not to be remembered.
func (r *Report) Add(o *result.Object, row int) {
	if row >= r.from.registry.options.People {
		row = -1
	}
	r.sightings = append(r.sightings, Sighting{Track: o.Track, Box: o.Box, Row: row})
	r.rows = max(r.rows, row+1)
}

// Reporter makes a camera's. Its memory is booked to the name identity.
func (r *Registry) Reporter(camera string) (_ *Reporter, err error) {
	p := &Reporter{registry: r, camera: camera, run: r.runs.Add(1), free: make(chan *Report, depth)}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("identities of camera %q: %w", camera, err), p.release())
		}
	}()
	pool, people := r.device.Pool(), int64(r.options.People)
	for range depth {
		report := &Report{from: p}
		p.all = append(p.all, report)
		if report.vectors, err = pool.Alloc(owner, "reported vectors", device.OnDevice, people*int64(2*r.options.Length)); err != nil {
			return nil, err
		}
		if report.slots, err = pool.Alloc(owner, "reported slots", device.OnDevice, people*4); err != nil {
			return nil, err
		}
		if report.slotsHost, err = pool.Alloc(owner, "reported slots", device.Pinned, people*4); err != nil {
			return nil, err
		}
		if report.copied, err = r.device.NewEvent(); err != nil {
			return nil, err
		}
		p.free <- report
	}
	return p, nil
}

// Name sets the Identity of the frame's tracks, as far as it is known.
func (p *Reporter) Name(objects []result.Object) {
	names := p.names.Load()
	if names == nil {
		return
	}
	for i := range objects {
		if objects[i].Track != 0 {
			objects[i].Identity = (*names)[objects[i].Track]
		}
	}
}

// Begin returns a report to fill, nil if none is due yet or all are on their way.
func (p *Reporter) Begin(at time.Time, width, height int) *Report {
	const slack = time.Millisecond                                                // of rounded times
	if at.Add(slack).Before(p.due) && p.due.Sub(at) <= p.registry.options.Every { // else the clock went back
		return nil
	}
	select {
	case r := <-p.free:
		p.due = at.Add(p.registry.options.Every)
		r.scene = scene{camera: p.camera, run: p.run, at: at, width: width, height: height, sightings: r.sightings[:0]}
		r.rows = 0
		return r
	default:
		p.registry.skipped.Add(1)
		return nil
	}
}

// Send hands a report over. Copied must have been recorded if a row was added.
func (p *Reporter) Send(r *Report) {
	select {
	case p.registry.reports <- r:
	default:
		p.registry.skipped.Add(1)
		p.free <- r
	}
}

// Discard takes back a report that will not be sent.
func (p *Reporter) Discard(r *Report) { p.free <- r }

// Drain waits until the registry has decided on all that was reported.
func (p *Reporter) Drain() {
	for range p.all {
		<-p.free
	}
	for _, r := range p.all {
		p.free <- r
	}
}

// Close drains and releases the memory. It comes before the registry's and before that of the streams which write
// vectors.
func (p *Reporter) Close() error {
	p.Drain()
	for _, r := range p.all {
		_ = r.copied.Synchronize() // vectors of a report that was not sent may still be copied
	}
	return p.release()
}

func (p *Reporter) release() error {
	var errs []error
	for _, r := range p.all {
		errs = append(errs, device.CloseAll(r.vectors, r.slots, r.slotsHost))
		if r.copied != nil {
			errs = append(errs, r.copied.Close())
		}
	}
	p.all = nil
	return errors.Join(errs...)
}
