// Package pipeline runs one camera from end to end: access units in, results out. It is the only
// package that sees every stage.
package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"sightline/internal/camera"
	"sightline/internal/device"
	"sightline/internal/identity"
	"sightline/internal/model"
	"sightline/internal/result"
	"sightline/internal/track"
	"sightline/internal/vision"
)

// Sink takes a camera's results. Write is called from the camera's lane, must not keep the frame, and
// must not wait for anything slow unless the run is lossless.
type Sink interface {
	Write(f *result.Frame) error
}

// Meter is told what a camera does. Its methods are called from two goroutines.
type Meter interface {
	// Frame is called after each result, from the lane.
	Frame(f *result.Frame)
	// Dropped is called for each picture that was not looked at.
	Dropped(cause string)
}

// Options describe one camera's pipeline.
type Options struct {
	// Camera is the name that everything of the pipeline goes by.
	Camera string
	// Open connects to the camera; it is called once.
	Open func(ctx context.Context) (camera.Source, error)
	// Lossless makes the decoder wait for the lane, for files as fast as possible; otherwise the
	// newest picture wins.
	Lossless bool
	// LowDelay is device.DecoderOptions.LowDelay, for cameras.
	LowDelay bool
	// KeepDamaged lets pictures be looked at that the decoder guessed parts of.
	KeepDamaged bool
	// MaxFPS drops pictures above this rate; 0 means no limit.
	MaxFPS float64
	// Past, if set, is what a pipeline leaves to the one that is started in its place: numbers and clock go on.
	Past *Past
	// Restart is the pause after which whoever runs the pipeline starts it again when it fails; 0 means
	// never. A lost device is never started again.
	Restart time.Duration

	Device  device.Device
	Manager *model.Manager
	// Models are the roles of those that the camera uses; none means all.
	Models []string
	// Vision needs Limits, Detectors, Stages and Vectors; the rest is filled in.
	Vision vision.Options
	Track  track.Options
	// Identities, if set, recognises people across cameras; Recorded says that the source is a recording, whose
	// presentation times tell when pictures were taken.
	Identities *identity.Registry
	Recorded   bool
	Sinks      []Sink
	Meter      Meter
	// Snapshots, if set, is asked for each frame whether its picture is wanted.
	Snapshots Snapshots
	Logger    *slog.Logger
}

// Past is the last that was told of a camera; nothing was while At is zero. It belongs to the lane that runs.
type Past struct {
	Seq   uint64
	Track int64
	PTS   time.Duration
	At    time.Time
}

// Snapshots asks for pictures to leave the device: the only way they do.
type Snapshots interface {
	// Want is called after each frame. If it returns true the picture is copied and given to Picture.
	Want(f *result.Frame) bool
	// Picture gets the NV12 bytes of f's picture; both are valid during the call.
	Picture(f *result.Frame, format device.PictureFormat, nv12 []byte)
}

// Run works until the source ends (nil), ctx is done (nil, after the picture in work is finished), or
// something fails. Whatever happens, it has released everything it took when it returns.
func Run(ctx context.Context, o Options) (err error) {
	source, err := o.Open(ctx)
	switch cause := context.Cause(ctx); {
	case err != nil && errors.Is(cause, device.ErrLost):
		return fmt.Errorf("open camera %q: %w", o.Camera, cause)
	case err != nil && ctx.Err() != nil:
		return nil // stopped while it was waited for
	case err != nil:
		return fmt.Errorf("open camera %q: %w", o.Camera, err)
	}
	closeSource := sync.OnceValue(source.Close)
	defer closing(&err, closeSource)

	contexts, err := o.Manager.CreatePipelineContexts(o.Camera, o.Models...)
	if err != nil {
		return err
	}
	defer closing(&err, contexts.Close)

	pictures := newSlot(o.Lossless, o.MaxFPS, o.Meter.Dropped)
	pictures.keepDamaged = o.KeepDamaged || o.Lossless
	defer closing(&err, pictures.Close)

	decoder, err := o.Device.NewDecoder(device.DecoderOptions{
		Owner: o.Camera, Format: source.Format(), Output: pictures, LowDelay: o.LowDelay,
	})
	if err != nil {
		return fmt.Errorf("decoder for camera %q: %w", o.Camera, err)
	}
	closeDecoder := sync.OnceValue(decoder.Close)
	defer closing(&err, closeDecoder)

	ingesting, stop := context.WithCancel(ctx)
	ingested := make(chan struct{})
	go func() {
		defer close(ingested)
		pictures.End(ingest(ingesting, source, decoder))
	}()
	// Whoever stops first unblocks the other: the slot's end wakes the lane, closing decoder and
	// source wakes the ingest.
	defer func() {
		stop()
		pictures.End(nil)
		_ = closeDecoder()
		_ = closeSource()
		<-ingested
	}()
	wake := context.AfterFunc(ctx, func() { pictures.End(nil) })
	defer wake()
	return analyse(o, contexts, pictures)
}

func closing(err *error, release func() error) {
	if e := release(); *err == nil {
		*err = e
	}
}

// ingest moves access units from the camera into the decoder until the source ends.
func ingest(ctx context.Context, source camera.Source, decoder device.Decoder) error {
	for {
		unit, err := source.Next(ctx)
		switch {
		case errors.Is(err, io.EOF):
			return decoder.Flush()
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return err
		}
		if err := decoder.Decode(unit); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
	}
}

// analyse looks at pictures until there are no more.
func analyse(o Options, contexts *model.Contexts, pictures *slot) (err error) {
	if o.Past == nil {
		o.Past = &Past{}
	}
	o.Track.After = o.Past.Track
	tracker, err := track.New(o.Track)
	if err != nil {
		return fmt.Errorf("camera %q: %w", o.Camera, err)
	}
	l := &lane{options: o, contexts: contexts, tracker: tracker}
	defer closing(&err, l.close)
	if o.Identities != nil {
		if l.reporter, err = o.Identities.Reporter(o.Camera); err != nil {
			return err
		}
		defer closing(&err, l.reporter.Close)
	}
	for {
		picture, err := pictures.Take()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("camera %q: %w", o.Camera, err)
		}
		if f := picture.PictureFormat; !o.Lossless && !l.fits(f) {
			// Its decoder would wait for a picture that is kept while the lane is made, which takes a while.
			pictures.Return(picture)
			err = l.prepare(f)
		} else {
			err = errors.Join(l.look(picture), picture.Release())
		}
		if cause := o.Device.Cause(); cause != nil {
			return fmt.Errorf("camera %q: %w", o.Camera, cause)
		}
		if err != nil {
			return fmt.Errorf("camera %q: %w", o.Camera, err)
		}
	}
}

// lane is what turns one camera's pictures into results. It belongs to one goroutine.
type lane struct {
	options  Options
	contexts *model.Contexts
	vision   *vision.DetectionManager
	format   device.PictureFormat
	tracker  track.Tracker
	reporter *identity.Reporter // nil: nobody is recognised
	frame    result.Frame
	snapshot *device.Buffer
	// begun says that seq and pts are known: what is added to a picture's own so that they go on from the past's.
	begun bool
	seq   uint64
	pts   time.Duration
}

// begin puts the first picture behind what was told before, by wall time.
func (l *lane) begin(p *device.Picture) {
	if past := l.options.Past; !l.begun && !past.At.IsZero() {
		l.seq, l.pts = past.Seq+1, past.PTS+time.Since(past.At)-p.PTS
	}
	l.begun = true
}

// look is the path of one picture: detect and measure people, follow them, hand the result out.
func (l *lane) look(p *device.Picture) error {
	taken := time.Now()
	if err := l.prepare(p.PictureFormat); err != nil {
		return err
	}
	l.begin(p)
	began := time.Now()
	f := &l.frame
	times, err := l.vision.Detect(p, f)
	if err != nil {
		return err
	}
	detected := time.Now()
	look := l.vision.Appearance()
	l.tracker.Rest(l.vision.Resting())
	pts := p.PTS + l.pts
	l.tracker.Update(pts, f.Objects, track.Appearance{Objects: look.Objects, Cosines: look.Cosines, Actions: look.Remember})
	f.Unseen = l.tracker.Unseen(f.Unseen[:0], f.Width, f.Height)
	if err := l.identify(p, f, look); err != nil {
		return err
	}

	f.Camera, f.Seq, f.PTS = l.options.Camera, p.Seq+l.seq, pts.Seconds()
	f.Time, f.TimeError = nil, 0
	if !p.Time.IsZero() {
		f.Time, f.TimeError = &p.Time, p.TimeError.Seconds()
	}
	now := time.Now()
	*l.options.Past = Past{Seq: f.Seq, Track: l.tracker.Count(), PTS: pts, At: now}
	f.Latency = result.Latency{
		Detect: milliseconds(times.Detect),
		People: milliseconds(times.People),
		Track:  milliseconds(now.Sub(detected)),
		Total:  milliseconds(now.Sub(began)),
	}
	if !l.options.Lossless { // there a picture waits by design, because the decoder runs ahead
		f.Latency.Decode = milliseconds(p.Decoded.Sub(p.Submitted))
		f.Latency.Queue = milliseconds(taken.Sub(p.Decoded))
		f.Latency.Total += milliseconds(taken.Sub(p.Submitted))
	}
	for _, s := range l.options.Sinks {
		if err := s.Write(f); err != nil {
			return err
		}
	}
	l.options.Meter.Frame(f)
	return l.snap(f)
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// fits says that the lane is made for pictures of this format.
func (l *lane) fits(f device.PictureFormat) bool { return l.vision != nil && l.format == f }

// prepare makes the lane's vision for a picture format: at the first picture, and when the camera
// changes its resolution.
func (l *lane) prepare(f device.PictureFormat) error {
	if l.fits(f) {
		return nil
	}
	if err := l.close(); err != nil {
		return err
	}
	began := time.Now()
	o := l.options.Vision
	o.Owner, o.Device, o.Contexts, o.Format, o.Gallery = l.options.Camera, l.options.Device, l.contexts, f, l.options.Track.Slots
	v, err := vision.New(o)
	if err != nil {
		return err
	}
	l.vision, l.format = v, f
	l.options.Logger.Info("lane ready", "width", f.Width, "height", f.Height, "took", time.Since(began).Round(time.Millisecond))
	return nil
}

// snap copies the picture out if someone asks for it.
func (l *lane) snap(f *result.Frame) error {
	if l.options.Snapshots == nil || !l.options.Snapshots.Want(f) {
		return nil
	}
	if l.snapshot == nil {
		b, err := l.options.Device.Pool().Alloc(l.options.Camera, "snapshot", device.Pinned, l.format.Size())
		if err != nil {
			return err
		}
		l.snapshot = b
	}
	if err := l.vision.Snapshot(l.snapshot); err != nil {
		return err
	}
	l.options.Snapshots.Picture(f, l.format, l.snapshot.Bytes())
	return nil
}

func (l *lane) close() error {
	var err error
	if l.vision != nil {
		err = l.vision.Close()
	}
	err = errors.Join(err, l.snapshot.Close())
	l.vision, l.snapshot = nil, nil
	return err
}
