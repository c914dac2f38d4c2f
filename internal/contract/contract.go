// Package contract holds the checks that every device and the model manager on it must pass. Each check
// is written once, as a function: `go test` runs them all on the host device, and `sightline validate`
// runs them on the device of its user.
package contract

import (
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"sightline/internal/device"
	"sightline/internal/model"
	"sightline/internal/vision"
)

// Harness gives the checks a device to try.
type Harness struct {
	// Open makes a device whose pool is limited to limit bytes (0: no limit). The check closes it.
	Open func(limit int64) (device.Device, error)
	// Break makes a device lost, as a sticky error does.
	Break func(d device.Device, cause error)
	// Specs are the models to try: the demo models, one a task.
	Specs []model.Spec
	// Vision says how their inputs and outputs are meant; see vision.Options.
	Vision vision.Options
	// Half says that the device infers in half precision, which the golden values were not made with.
	Half bool
	// Cycles is how many times the memory check makes everything of a camera and closes it.
	Cycles int
	// Soak is how many inferences a mode the long check makes; 0 leaves it out.
	Soak int
	// Sharing, if set, lets a child process share one context among threads with no lock, and says what came
	// of it.
	Sharing func(threads int) (string, error)
	// Unavailable opens the GPU where there is none.
	Unavailable func() (device.Device, error)
	// Clips are paths of two MP4 files to decode, whose pictures have different sizes.
	Clips [2]string
	// Exclusive says that nothing else runs in this process, so that goroutines can be counted.
	Exclusive bool
}

// Check is one rule. Run returns a figure worth showing (may be empty), and an error if the rule is
// broken.
type Check struct {
	Name string
	Run  func(h *Harness) (figure string, err error)
}

// Checks lists all checks in order.
func Checks() []Check {
	return []Check{
		{"Test01OneLoadPerModel", OneLoadPerModel},
		{"Test02SharedReturnsOneManager", SharedReturnsOneManager},
		{"Test03PipelinesHaveTheirOwn", PipelinesHaveTheirOwn},
		{"Test04BuffersNeverOverlap", BuffersNeverOverlap},
		{"Test05ConcurrentEqualsSerial", ConcurrentEqualsSerial},
		{"Test06SerializedNeverOverlaps", SerializedNeverOverlaps},
		{"Test07ParallelOverlaps", ParallelOverlaps},
		{"Test08LockOrdersGoroutines", LockOrdersGoroutines},
		{"Test09ReentranceIsCaught", ReentranceIsCaught},
		{"Test10InferAfterClose", InferAfterClose},
		{"Test11CloseWaits", CloseWaits},
		{"Test12EngineOutlivesContexts", EngineOutlivesContexts},
		{"Test13ThousandPipelines", ThousandPipelines},
		{"Test14PoolLimit", PoolLimit},
		{"Test15OneModelFails", OneModelFails},
		{"Test16DeviceLost", DeviceLost},
		{"Test17UnavailableStaysUnavailable", UnavailableStaysUnavailable},
		{"Test18ModesAgree", ModesAgree},
		{"Test19LogLines", LogLines},
		{"Test20AddWhileRunning", AddWhileRunning},
		{"StreamsAreAsynchronous", StreamsAreAsynchronous},
		{"GraphsForkAndJoin", GraphsForkAndJoin},
		{"UnjoinedCaptureIsRefused", UnjoinedCaptureIsRefused},
		{"NewMemoryTakesWrites", NewMemoryTakesWrites},
		{"DecoderAccountsForEveryPicture", DecoderAccountsForEveryPicture},
		{"DecoderFollowsTheSize", DecoderFollowsTheSize},
		{"PicturesStayUntilGivenBack", PicturesStayUntilGivenBack},
		{"PicturesAreCopied", PicturesAreCopied},
		{"PixelsStayOnTheDevice", PixelsStayOnTheDevice},
		{"MemoryComesBack", MemoryComesBack},
		{"NothingWrongInTenThousand", NothingWrongInTenThousand},
		{"SharingAContextBreaksIt", SharingAContextBreaksIt},
		{"PeopleAreRecognised", PeopleAreRecognised},
		{"VectorsAreReported", VectorsAreReported},
		{"GoldenTensors", GoldenTensors},
		{"GoldenPictures", GoldenPictures},
		{"Families", Families},
		{"Cascades", Cascades},
		{"Nested", Nested},
	}
}

// bench is one check's device and manager, with what it counts.
type bench struct {
	device  *watched
	manager *model.Manager
	open    []*model.Contexts // see pipelines
}

// setup opens a watched device and a manager; teardown closes them, after the pipelines, and finds what was left.
func (h *Harness) setup(mode model.Mode, limit int64, tasks ...string) (*bench, error) {
	d, err := h.open(limit)
	if err != nil {
		return nil, err
	}
	m, err := model.New(h.config(d, mode, tasks...))
	if err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return &bench{device: d, manager: m}, nil
}

// inEveryMode runs a check in each of the three modes.
func inEveryMode(run func(model.Mode) error) error {
	for _, mode := range []model.Mode{model.Parallel, model.Serialized, model.Batched} {
		if err := run(mode); err != nil {
			return fmt.Errorf("mode %s: %w", mode, err)
		}
	}
	return nil
}

func (h *Harness) open(limit int64) (*watched, error) {
	d, err := h.Open(limit)
	if err != nil {
		return nil, err
	}
	return &watched{Device: d}, nil
}

func (h *Harness) config(d device.Device, mode model.Mode, tasks ...string) model.Config {
	c := model.Config{Device: d, Mode: mode, MaxWait: 2 * time.Millisecond, Logger: slog.New(slog.DiscardHandler)}
	for _, s := range h.Specs {
		for _, t := range tasks {
			if s.Task == t {
				c.Models = append(c.Models, s)
			}
		}
	}
	return c
}

// teardown closes manager and device; closing the device fails if anything was left open.
func (b *bench) teardown(err *error) {
	*err = errors.Join(*err, b.release(), b.manager.Close(), b.device.Close())
}

// watched is a device that counts what reaches its engines. It counts on the stream, by host functions
// around each inference, and so sees what really runs at the same time.
type watched struct {
	device.Device
	loads atomic.Int64

	mutex   sync.Mutex
	engines map[string]*activity
	// fail makes loading this model fail.
	fail string
}

// activity is what one model's engine sees.
type activity struct {
	enqueued, running, peak atomic.Int64
	// hold, if set, keeps inferences from finishing until it is closed.
	hold atomic.Pointer[chan struct{}]
}

var errRefused = errors.New("refused by the check")

func (w *watched) LoadEngine(m device.ModelFile) (device.Engine, error) {
	if m.Name == w.fail {
		return nil, fmt.Errorf("load model %s: %w", m.Name, errRefused)
	}
	w.loads.Add(1)
	e, err := w.Device.LoadEngine(m)
	if err != nil {
		return nil, err
	}
	return &watchedEngine{Engine: e, activity: w.of(m.Name)}, nil
}

func (w *watched) of(name string) *activity {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if w.engines == nil {
		w.engines = map[string]*activity{}
	}
	if w.engines[name] == nil {
		w.engines[name] = &activity{}
	}
	return w.engines[name]
}

type watchedEngine struct {
	device.Engine
	activity *activity
}

func (e *watchedEngine) NewContext(o device.ContextOptions) (device.ExecutionContext, error) {
	c, err := e.Engine.NewContext(o)
	if err != nil {
		return nil, err
	}
	return &watchedContext{ExecutionContext: c, activity: e.activity}, nil
}

type watchedContext struct {
	device.ExecutionContext
	activity *activity
}

func (c *watchedContext) Enqueue(s device.Stream, n int) error {
	a := c.activity
	a.enqueued.Add(1)
	if err := s.Do(a.enter); err != nil {
		return err
	}
	if err := c.ExecutionContext.Enqueue(s, n); err != nil {
		return err
	}
	return s.Do(a.leave)
}

func (a *activity) enter() {
	n := a.running.Add(1)
	for p := a.peak.Load(); n > p && !a.peak.CompareAndSwap(p, n); p = a.peak.Load() {
	}
	if hold := a.hold.Load(); hold != nil {
		<-*hold
	}
}

func (a *activity) leave() { a.running.Add(-1) }

// stop makes inferences stop in the middle until the returned function is called.
func (a *activity) stop() (release func()) {
	hold := make(chan struct{})
	a.hold.Store(&hold)
	return sync.OnceFunc(func() {
		a.hold.Store(nil)
		close(hold)
	})
}

// eventually waits for a condition.
func eventually(what string, ok func() bool) error {
	for range 5000 {
		if ok() {
			return nil
		}
		time.Sleep(time.Millisecond)
	}
	return fmt.Errorf("waited 5 s for %s", what)
}

// goroutinesBackTo waits until no more than n goroutines are left.
func goroutinesBackTo(n int) error {
	return eventually(fmt.Sprintf("goroutines to come back to %d", n), func() bool { return runtime.NumGoroutine() <= n })
}
