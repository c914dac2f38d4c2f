package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"sync/atomic"
	"time"

	"sightline/internal/camera"
	"sightline/internal/camera/live"
	"sightline/internal/config"
	"sightline/internal/device"
	"sightline/internal/draw"
	"sightline/internal/metrics"
	"sightline/internal/pipeline"
	"sightline/internal/progress"
	"sightline/internal/result"
)

// watcher sees what one camera's pipeline does: for the metrics, the progress display and the report.
type watcher struct {
	camera   *config.Camera
	counters *metrics.Camera
	album    album
	// failure is set once the camera has ended; unreached is why no picture had come when the run ended.
	failure, unreached error

	// dropped were lost, passed are above the frame rate limit.
	frames, dropped, passed, people, tracks atomic.Int64
	// total is the number of pictures to come; 0 if nobody knows.
	total atomic.Int64
	began time.Time
}

var _ pipeline.Meter = (*watcher)(nil)

func newWatcher(c *config.Camera, counters *metrics.Camera) *watcher {
	return &watcher{camera: c, counters: counters, began: time.Now()}
}

// opening learns from the source how much there is to do.
func (w *watcher) opening(open func(context.Context) (camera.Source, error)) func(context.Context) (camera.Source, error) {
	return func(ctx context.Context) (camera.Source, error) {
		s, err := open(ctx)
		var unreached *live.Unreached
		if errors.As(err, &unreached) {
			w.unreached = unreached
		}
		if counted, ok := s.(interface{ Frames() int }); err == nil && ok && !w.camera.Loop {
			w.total.Store(int64(counted.Frames()))
		}
		return s, err
	}
}

// Frame implements pipeline.Meter.
func (w *watcher) Frame(f *result.Frame) {
	w.frames.Add(1)
	if f.Rested {
		w.counters.Rested()
		return
	}
	people := 0
	for i := range f.Objects {
		o := &f.Objects[i]
		if o.Class == "person" {
			people++
		}
		// Tracks are numbered from 1 without gaps.
		if o.Track > w.tracks.Load() {
			w.tracks.Store(o.Track)
		}
	}
	l := f.Latency
	w.counters.Frame(metrics.Latency{l.Decode, l.Queue, l.Detect, l.People, l.Track, l.Total}, people, f.PTS)
	w.people.Store(int64(people))
}

// Dropped implements pipeline.Meter.
func (w *watcher) Dropped(cause string) {
	w.counters.Dropped(cause)
	if cause == pipeline.DroppedRate {
		w.passed.Add(1)
	} else {
		w.dropped.Add(1)
	}
}

// state is a line of the progress display.
func (w *watcher) state() progress.State {
	frames, dropped := w.frames.Load(), w.dropped.Load()
	note := fmt.Sprintf("%.1f fps, %d people, %d tracks", float64(frames)/time.Since(w.began).Seconds(), w.people.Load(), w.tracks.Load())
	if dropped > 0 {
		note += fmt.Sprintf(", %d dropped", dropped)
	}
	return progress.State{Done: frames + dropped + w.passed.Load(), Total: w.total.Load(), Note: note}
}

// album keeps the picture with the most tracked people that a camera has shown so far. It belongs to
// the camera's lane until that has ended.
type album struct {
	best   int
	format device.PictureFormat
	nv12   []byte
	frame  []byte // the result as JSON
}

// Want implements pipeline.Snapshots.
func (a *album) Want(f *result.Frame) bool {
	shown := 0
	for i := range f.Objects {
		if f.Objects[i].Track > 0 {
			shown++
		}
	}
	if a.nv12 != nil && shown <= a.best {
		return false
	}
	a.best = shown
	return true
}

// Picture implements pipeline.Snapshots.
func (a *album) Picture(f *result.Frame, format device.PictureFormat, nv12 []byte) {
	a.format = format
	a.nv12 = append(a.nv12[:0], nv12...)
	a.frame = result.AppendJSONWithoutReID(a.frame[:0], f)
}

// annotated draws the kept picture; nil if there is none.
func (a *album) annotated() (*image.RGBA, *result.Frame, error) {
	if a.nv12 == nil {
		return nil, nil, nil
	}
	var f result.Frame
	if err := json.Unmarshal(a.frame, &f); err != nil {
		return nil, nil, err
	}
	p := a.format
	img := draw.FromNV12(a.nv12[:p.Pitch*p.Height], a.nv12[p.Pitch*p.Height:], p.Pitch, p.Width, p.Height, p.Matrix, p.FullRange)
	draw.Annotate(img, &f)
	return img, &f, nil
}
