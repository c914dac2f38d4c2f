package fleet

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"sightline/internal/camera"
	"sightline/internal/device"
	"sightline/internal/leaktest"
	"sightline/internal/pipeline"
)

// machine is a device that can only be lost.
type machine struct {
	device.Device
	lost  chan struct{}
	cause error
}

func (m *machine) Lost() <-chan struct{} { return m.lost }

func (m *machine) Cause() error {
	select {
	case <-m.lost:
		return m.cause
	default:
		return nil
	}
}

func newMachine() *machine { return &machine{lost: make(chan struct{}), cause: device.ErrLost} }

var quiet = slog.New(slog.DiscardHandler)

// waiting is a camera whose connection waits until it is stopped.
func waiting(name string) (o pipeline.Options, opened chan struct{}) {
	opened = make(chan struct{})
	return pipeline.Options{Camera: name, Logger: quiet, Open: func(ctx context.Context) (camera.Source, error) {
		close(opened)
		<-ctx.Done()
		return nil, ctx.Err()
	}}, opened
}

func TestCamerasComeAndGoWhileOthersRun(t *testing.T) {
	leaktest.Check(t)
	f := New(t.Context(), newMachine(), quiet)
	first, opened := waiting("first")
	if err := f.Start(first); err != nil {
		t.Fatal(err)
	}
	<-opened
	if err := f.Start(first); !errors.Is(err, ErrExists) || !strings.Contains(err.Error(), `"first"`) {
		t.Errorf("started twice: %v", err)
	}
	for range 3 {
		second, opened := waiting("second")
		if err := f.Start(second); err != nil {
			t.Fatal(err)
		}
		<-opened
		if err := f.Stop("second"); err != nil {
			t.Errorf("stopped with %v", err)
		}
		if s := f.Status(); len(s) != 1 || s["first"].State != Running {
			t.Fatalf("status %v", s)
		}
	}
	gone := errors.New("gone")
	bad := pipeline.Options{Camera: "bad", Logger: quiet, Open: func(context.Context) (camera.Source, error) { return nil, gone }}
	if err := f.Start(bad); err != nil {
		t.Fatal(err)
	}
	for f.Status()["bad"].State == Running {
		time.Sleep(time.Millisecond)
	}
	if err := f.Stop("third"); err == nil || !strings.Contains(err.Error(), `"third"`) {
		t.Errorf("a camera that is not there stopped with %v", err)
	}
	f.Abort()
	if err := f.Wait(); !errors.Is(err, gone) || f.Status()["first"].State != Ended || f.Status()["bad"].State != Failed {
		t.Errorf("ended with %v, %v", err, f.Status())
	}
	if err := f.Start(first); !errors.Is(err, device.ErrClosed) {
		t.Errorf("started after the end: %v", err)
	}
}

func TestLostDeviceStopsEveryCamera(t *testing.T) {
	leaktest.Check(t)
	m := newMachine()
	f := New(t.Context(), m, quiet)
	for _, name := range []string{"a", "b"} {
		o, opened := waiting(name)
		if err := f.Start(o); err != nil {
			t.Fatal(err)
		}
		<-opened
	}
	close(m.lost)
	if err := f.Wait(); !errors.Is(err, device.ErrLost) {
		t.Errorf("ended with %v", err)
	}
	for name, s := range f.Status() {
		if !errors.Is(s.Err, device.ErrLost) {
			t.Errorf("%s ended with %v", name, s.Err)
		}
	}
	late, _ := waiting("late")
	if err := f.Start(late); err == nil {
		t.Error("started on a lost device")
	}
}

func TestRestart(t *testing.T) {
	leaktest.Check(t)
	f := New(t.Context(), newMachine(), quiet)
	last, opened := waiting("live")
	tries := 0
	o := last
	o.Restart = time.Millisecond
	o.Open = func(ctx context.Context) (camera.Source, error) {
		if tries++; tries < 4 {
			return nil, errors.New("out of order")
		}
		return last.Open(ctx)
	}
	if err := f.Start(o); err != nil {
		t.Fatal(err)
	}
	<-opened // the fourth try
	if s := f.Status()["live"]; s.State != Running {
		t.Errorf("status %v", s)
	}
	if err := f.Stop("live"); err != nil {
		t.Error(err)
	}
	f.Abort()
	if err := f.Wait(); err != nil {
		t.Error(err)
	}
}
