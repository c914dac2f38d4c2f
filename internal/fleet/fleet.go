// Package fleet starts, stops and watches pipelines while others run.
package fleet

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"sightline/internal/device"
	"sightline/internal/pipeline"
)

// State is where a camera is in its life.
type State string

// The states of a camera.
const (
	Running State = "running"
	// Ended: the source came to its end, or the camera was stopped.
	Ended State = "ended"
	// Failed: see the error.
	Failed State = "failed"
)

// Status is a camera's state and, if it failed, why.
type Status struct {
	State State
	Err   error
}

// Fleet runs pipelines on one device. Its methods may be called from any goroutine.
type Fleet struct {
	device device.Device
	logger *slog.Logger
	ctx    context.Context // of the fleet's own life: New's caller cancels it to drain everything
	cancel context.CancelCauseFunc

	mutex   sync.Mutex
	cameras map[string]*run
	wait    sync.WaitGroup
	closed  bool
}

type run struct {
	stop   context.CancelFunc
	done   chan struct{}
	status Status
}

// ErrExists is returned for a camera that runs already.
var ErrExists = errors.New("camera runs already")

// New makes an empty fleet. When ctx is done every pipeline drains; when the device is lost every
// pipeline stops with that cause.
func New(ctx context.Context, d device.Device, logger *slog.Logger) *Fleet {
	f := &Fleet{device: d, logger: logger, cameras: map[string]*run{}}
	f.ctx, f.cancel = context.WithCancelCause(ctx)
	go func() {
		select {
		case <-d.Lost():
			logger.Error("device lost", "error", d.Cause())
			f.cancel(d.Cause())
		case <-f.ctx.Done():
		}
	}()
	return f
}

// Start runs a camera's pipeline on a goroutine of its own; the others are not disturbed.
func (f *Fleet) Start(o pipeline.Options) error {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if f.closed {
		return fmt.Errorf("start camera %q: fleet: %w", o.Camera, device.ErrClosed)
	}
	if cause := f.device.Cause(); cause != nil {
		return fmt.Errorf("start camera %q: %w", o.Camera, cause)
	}
	if r := f.cameras[o.Camera]; r != nil && r.status.State == Running {
		return fmt.Errorf("start camera %q: %w", o.Camera, ErrExists)
	}
	ctx, stop := context.WithCancel(f.ctx)
	r := &run{stop: stop, done: make(chan struct{}), status: Status{State: Running}}
	f.cameras[o.Camera] = r
	f.wait.Go(func() {
		defer close(r.done)
		defer stop()
		o.Logger.Info("camera started")
		err := f.keep(ctx, o)
		f.mutex.Lock()
		defer f.mutex.Unlock()
		if err != nil {
			r.status = Status{State: Failed, Err: err}
			o.Logger.Error("camera failed", "error", err)
			return
		}
		r.status = Status{State: Ended}
		o.Logger.Info("camera ended")
	})
	return nil
}

// keep runs a pipeline, again and again if it asks for that.
func (f *Fleet) keep(ctx context.Context, o pipeline.Options) error {
	for {
		err := pipeline.Run(ctx, o)
		if err == nil || o.Restart <= 0 || ctx.Err() != nil || f.device.Cause() != nil {
			return err
		}
		o.Logger.Error("camera failed, it starts again", "error", err, "in", o.Restart)
		select {
		case <-time.After(o.Restart):
		case <-ctx.Done():
			return nil
		}
	}
}

// Stop drains one camera and waits until it has released everything. It returns the error the camera
// failed with, if any.
func (f *Fleet) Stop(camera string) error {
	f.mutex.Lock()
	r := f.cameras[camera]
	f.mutex.Unlock()
	if r == nil {
		return fmt.Errorf("stop camera %q: no such camera", camera)
	}
	r.stop()
	<-r.done
	f.mutex.Lock()
	defer f.mutex.Unlock()
	delete(f.cameras, camera)
	return r.status.Err
}

// Abort makes every pipeline drain, as the end of New's context does. Wait tells when they have.
func (f *Fleet) Abort() { f.cancel(nil) }

// Status lists all cameras that were started and not removed by Stop.
func (f *Fleet) Status() map[string]Status {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	list := make(map[string]Status, len(f.cameras))
	for name, r := range f.cameras {
		list[name] = r.status
	}
	return list
}

// Wait returns when every camera has ended. It returns the device's cause if that was lost, else the
// joined errors of the cameras that failed. No camera can be started afterwards.
func (f *Fleet) Wait() error {
	f.wait.Wait()
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.closed = true
	f.cancel(nil)
	if cause := f.device.Cause(); cause != nil {
		return cause
	}
	var errs []error
	for _, r := range f.cameras {
		errs = append(errs, r.status.Err)
	}
	return errors.Join(errs...)
}
