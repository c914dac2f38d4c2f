package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"time"

	"sightline/internal/config"
	"sightline/internal/device"
	"sightline/internal/fleet"
	"sightline/internal/identity"
	"sightline/internal/metrics"
	"sightline/internal/model"
	"sightline/internal/pipeline"
	"sightline/internal/progress"
	"sightline/internal/sink"
)

// session is everything that a run holds. It is opened in the order of the fields and closed in the
// reverse one: cameras drain, sinks write what waits, engines go, then the device.
type session struct {
	config  *config.Config
	device  device.Device
	manager *model.Manager
	sinks   []*sink.Queue // one for each of config.Sinks
	drained bool          // closeSinks was called
	// identities is nil if nobody is to be recognised.
	identities *identity.Registry
	fleet      *fleet.Fleet

	registry *metrics.Registry
	watchers []*watcher
	// began is when the first camera was started: the models are loaded by then.
	began   time.Time
	elapsed time.Duration
	load    loadMeter
	logger  *slog.Logger
}

// openSession loads the models and opens the sinks; no camera runs yet. On failure nothing stays open.
func openSession(ctx context.Context, c *config.Config, stdout io.Writer, o deviceOptions) (_ *session, err error) {
	s := &session{config: c, registry: metrics.New(), logger: o.logger}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if s.device, err = openDevice(ctx, o); err != nil {
		return nil, err
	}
	if err := s.loadModels(o.progress); err != nil {
		return nil, err
	}
	if err := s.openIdentities(); err != nil {
		return nil, err
	}
	for i := range c.Sinks {
		q, err := openSink(&c.Sinks[i], stdout, o.logger)
		if err != nil {
			return nil, fmt.Errorf("sinks[%d]: %w", i, err)
		}
		s.sinks = append(s.sinks, q)
	}
	return s, nil
}

func (s *session) loadModels(display *progress.Display) error {
	task := display.Task("models")
	m, err := modelConfig(s.config, s.device, s.logger)
	if err == nil {
		s.manager, err = model.Shared(m)
	}
	if err != nil {
		task.Done("failed")
		return err
	}
	task.Done(fmt.Sprintf("%d loaded", len(m.Models)))
	return nil
}

// start starts every camera. album says whether pictures are to be kept for a report.
func (s *session) start(ctx context.Context, album bool) error {
	s.fleet = fleet.New(ctx, s.device, s.logger)
	s.began = time.Now()
	for i := range s.config.Cameras {
		cam := &s.config.Cameras[i]
		w := newWatcher(cam, s.registry.Camera(cam.Name))
		s.watchers = append(s.watchers, w)
		if err := s.fleet.Start(s.pipeline(cam, w, album)); err != nil {
			return err
		}
	}
	return nil
}

func (s *session) pipeline(cam *config.Camera, w *watcher, album bool) pipeline.Options {
	o := pipelineOptions(s.config, cam)
	o.Device, o.Manager = s.device, s.manager
	o.Logger = s.logger.With("camera", cam.Name)
	o.Meter = w
	if m := s.config.Models.Task(model.ReID); m != nil && slices.Contains(o.Models, m.Name) {
		o.Identities = s.identities
	}
	o.Open = w.opening(openCamera(cam, w.Dropped, o.Logger))
	if album {
		o.Snapshots = &w.album
	}
	for i := range s.config.Sinks {
		switch {
		case !s.config.Sinks[i].Takes(cam.Name):
		case o.Lossless:
			o.Sinks = append(o.Sinks, sink.Patient{Queue: s.sinks[i]})
		default:
			o.Sinks = append(o.Sinks, s.sinks[i])
		}
	}
	return o
}

// finalNotes are what the display says of cameras that have ended.
var finalNotes = map[fleet.State]string{fleet.Ended: "done", fleet.Failed: "failed"}

// wait returns when every camera has ended, with what went wrong. The display is kept up to date.
func (s *session) wait(display *progress.Display) error {
	stop := make(chan struct{})
	stopped := make(chan struct{})
	tasks := make([]*progress.Task, len(s.watchers))
	for i, w := range s.watchers {
		tasks[i] = display.Task(w.camera.Name)
	}
	ended := make([]bool, len(s.watchers))
	show := func() {
		status := s.fleet.Status()
		for i, w := range s.watchers {
			if ended[i] {
				continue
			}
			tasks[i].Update(w.state())
			note, final := finalNotes[status[w.camera.Name].State]
			if final {
				tasks[i].Done(note)
			}
			ended[i] = final
		}
	}
	go func() {
		defer close(stopped)
		s.load.begin(s.device, s.logger)
		tick := time.NewTicker(200 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case now := <-tick.C:
				show()
				s.load.sample(now)
			case <-stop:
				return
			}
		}
	}()
	err := s.fleet.Wait()
	s.elapsed = time.Since(s.began)
	close(stop)
	<-stopped
	show()
	status := s.fleet.Status()
	for _, w := range s.watchers {
		w.failure = status[w.camera.Name].Err
		if w.failure == nil && w.unreached != nil && w.frames.Load() == 0 {
			w.failure = fmt.Errorf("no picture came: %w", w.unreached)
			err = errors.Join(err, fmt.Errorf("camera %q: %w", w.camera.Name, w.failure))
		}
	}
	return err
}

// closeSinks writes what waits, once. Its error says what was lost.
func (s *session) closeSinks() error {
	if s.drained {
		return nil
	}
	s.drained = true
	var errs []error
	for _, q := range s.sinks {
		errs = append(errs, q.Close())
	}
	return errors.Join(errs...)
}

// close releases everything. Errors of a lost device's parts say nothing new and are left out.
func (s *session) close() error {
	err := s.closeSinks()
	if s.device == nil {
		return err
	}
	released := s.closeIdentities()
	if s.manager != nil {
		released = errors.Join(released, s.manager.Close())
	}
	released = errors.Join(released, s.device.Close())
	if s.device.Cause() != nil {
		return err
	}
	return errors.Join(err, released)
}
