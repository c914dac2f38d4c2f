package identity

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"sightline/internal/atomicfile"
	"sightline/internal/device"
)

// waiting is how many reports of all cameras may wait; more are skipped.
const waiting = 256

// Registry gives tracks identities. One goroutine of its own does all the work, on a stream of its own: it takes the
// reports of all cameras that wait, remembers their vectors, compares them with the whole gallery in one launch, and
// decides. Nothing of it is on a camera's way.
type Registry struct {
	options Options
	device  device.Device
	logger  *slog.Logger
	began   time.Time

	reports chan *Report
	runs    atomic.Int64
	skipped atomic.Int64
	summary atomic.Pointer[Summary]
	stop    chan struct{}
	done    chan struct{}

	// What follows belongs to the goroutine.
	gallery   *gallery
	book      *book
	audit     *audit
	reserved  io.Closer // Options.File is ours
	reporters map[int64]*Reporter
	events    map[Kind]int
	failure   error
}

// Summary is what a registry has done so far.
type Summary struct {
	// Identities and Tracks are those remembered now; Given is the highest number given.
	Identities, Tracks int
	Given              int64
	Events             map[Kind]int
	// Skipped counts reports that found the registry busy, Refused views that found no room in the gallery.
	Skipped int64
	Refused int
	// Bytes is the device and pinned memory of the gallery; each camera's reports come to it.
	Bytes int64
}

// New opens a registry and loads what Options.File remembers. A file that is torn, foreign, or of another model is told
// in the log, set aside under another name and not used. The caller closes it after the last Reporter.
func New(d device.Device, o Options) (_ *Registry, err error) {
	r := &Registry{
		options: o, device: d, logger: o.Logger, began: time.Now(), reports: make(chan *Report, waiting), stop: make(chan struct{}), done: make(chan struct{}),
		reporters: map[int64]*Reporter{}, events: map[Kind]int{},
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("identities: %w", err), r.release())
		}
	}()
	if r.book, err = newBook(o, r.tell); err != nil {
		return nil, err
	}
	if r.gallery, err = newGallery(d, o.Gallery, o.Length); err != nil {
		return nil, err
	}
	if r.audit, err = openAudit(o.Audit); err != nil {
		return nil, err
	}
	if o.File != "" {
		if r.reserved, err = atomicfile.Reserve(o.File); err != nil {
			return nil, err
		}
	}
	if err := r.load(); err != nil {
		return nil, err
	}
	r.summarise()
	go r.run()
	return r, nil
}

func (r *Registry) tell(e Event) {
	r.events[e.Kind]++
	r.audit.write(e)
	r.logger.Debug("identity", "kind", e.Kind, "identities", e.Identities, "tracks", e.Tracks, "similarity", e.Similarity, "reason", e.Reason)
}

func (r *Registry) run() {
	defer close(r.done)
	var save <-chan time.Time
	if r.options.File != "" {
		tick := time.NewTicker(r.options.Save)
		defer tick.Stop()
		save = tick.C
	}
	for {
		select {
		case first := <-r.reports:
			r.work(r.gather(first))
		case <-save:
			if err := r.save(); err != nil {
				r.logger.Error("identities are not saved", "error", err)
			}
		case <-r.stop:
			return
		}
	}
}

// gather takes what waits beside the first report.
func (r *Registry) gather(first *Report) []*Report {
	batch := []*Report{first}
	for len(batch) < waiting {
		select {
		case next := <-r.reports:
			batch = append(batch, next)
		default:
			return batch
		}
	}
	return batch
}

// work reads reports and gives them back. After a failure of the device it only gives back: the cameras tell of the
// device themselves, and go on without identities if it was not theirs.
func (r *Registry) work(batch []*Report) {
	if r.failure == nil {
		if r.failure = r.read(batch); r.failure != nil {
			r.logger.Error("nobody is recognised from now on", "error", r.failure)
		}
	}
	r.summarise()
	for _, report := range batch {
		report.from.free <- report
	}
}

func (r *Registry) read(batch []*Report) error {
	var seen []*track
	for _, report := range batch {
		if report.rows > 0 {
			if err := report.copied.Synchronize(); err != nil {
				r.logger.Warn("vectors are lost", "camera", report.camera, "error", err)
				continue
			}
		}
		r.reporters[report.run] = report.from
		slots := make([]int32, report.rows)
		seen = append(seen, r.book.see(&report.scene, slots)...)
		raw := report.slotsHost.Bytes()
		for i, s := range slots {
			binary.LittleEndian.PutUint32(raw[4*i:], uint32(s))
		}
		if len(slots) > 0 {
			if err := r.gallery.remember(report); err != nil {
				return err
			}
		}
	}
	r.book.sweep()
	if err := r.decide(seen); err != nil {
		return err
	}
	r.publish()
	// The reports' memory is used until here.
	return r.gallery.stream.Synchronize()
}

// decide compares the tracks just seen with the gallery, as many at a time as it takes.
func (r *Registry) decide(seen []*track) error {
	var asked []*track
	taken := map[*track]bool{}
	for _, t := range seen {
		// A track that was seen in an earlier report may have lost its row to one in a later.
		if t.row >= 0 && r.book.rows[t.row] == t && !taken[t] {
			taken[t] = true
			asked = append(asked, t)
		}
	}
	used := r.book.used()
	for part := range slices.Chunk(asked, r.gallery.batch) {
		rows := make([]int, len(part))
		for i, t := range part {
			rows[i] = t.row
		}
		cosines, err := r.gallery.compare(rows, used)
		if err != nil {
			return err
		}
		for i, t := range part {
			r.book.decide(t, cosines[i*used:][:used])
		}
	}
	return nil
}

// publish replaces the tables of the runs whose tracks' identities changed.
func (r *Registry) publish() {
	for run := range r.book.changed {
		if p := r.reporters[run]; p != nil {
			names := r.book.names(run)
			p.names.Store(&names)
			if len(names) == 0 {
				delete(r.reporters, run)
			}
		}
	}
	clear(r.book.changed)
}

func (r *Registry) summarise() {
	r.summary.Store(&Summary{
		Identities: len(r.book.persons), Tracks: len(r.book.tracks), Given: r.book.next, Events: maps.Clone(r.events),
		Refused: r.book.refused, Bytes: r.gallery.bytes(),
	})
}

// Began is when the registry was opened.
func (r *Registry) Began() time.Time { return r.began }

// Summary may be called from any goroutine.
func (r *Registry) Summary() Summary {
	s := *r.summary.Load()
	s.Skipped = r.skipped.Load()
	return s
}

// Close saves what is to be kept and releases everything. All Reporters are closed before.
func (r *Registry) Close() error {
	close(r.stop)
	<-r.done
	var err error
	if r.failure == nil {
		err = r.save()
	}
	return errors.Join(err, r.release())
}

func (r *Registry) release() error {
	var errs []error
	if r.gallery != nil {
		errs = append(errs, r.gallery.close())
	}
	if r.audit != nil {
		errs = append(errs, r.audit.close())
	}
	if r.reserved != nil {
		errs = append(errs, r.reserved.Close())
	}
	return errors.Join(errs...)
}
