package model

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"

	"sightline/internal/device"
)

// fake is a device that does at once what is queued, and whose engine tells the size of every inference and
// holds it for as long as the test likes.
type fake struct {
	device.Device
	pool *device.Pool
	most int
	// sizes are the buckets; every number up to most if there are none.
	sizes []int
	// refusal is what every inference fails with.
	refusal error
	// working is closed when a batcher's streams have done what was queued; nil if they have at once.
	working chan struct{}
	// begun gets the size of every inference; it goes on when the test sends to finish.
	begun  chan int
	finish chan struct{}
}

func newFake(most int) *fake {
	f := &fake{most: most, begun: make(chan int), finish: make(chan struct{})}
	f.pool = device.NewPool(f, 0)
	return f
}

type fakeMemory []byte

func (m fakeMemory) Address() uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(m))) }
func (m fakeMemory) Bytes() []byte    { return m }
func (m fakeMemory) Free() error      { return nil }

func (f *fake) Allocate(_ device.Space, size int64) (device.Memory, error) {
	return fakeMemory(make([]byte, size)), nil
}
func (f *fake) Pool() *device.Pool { return f.pool }
func (f *fake) NewStream(owner string) (device.Stream, error) {
	s := &fakeStream{}
	if strings.HasPrefix(owner, "engine/") {
		s.working = func() chan struct{} { return f.working }
	}
	return s, nil
}
func (f *fake) NewEvent() (device.Event, error)                    { return fakeEvent{}, nil }
func (f *fake) LoadEngine(device.ModelFile) (device.Engine, error) { return f.engine(), nil }
func (f *fake) engine() fakeEngine                                 { return fakeEngine{f} }

func (f *fake) Kernels() device.Kernels { return fakeKernels{} }

type fakeKernels struct{ device.Kernels }

func (fakeKernels) Moves(device.Stream, device.Moves) error { return nil }

type fakeEvent struct{}

func (fakeEvent) Synchronize() error { return nil }
func (fakeEvent) Close() error       { return nil }

type fakeGraph []func()

func (fakeGraph) Close() error { return nil }

// fakeStream is used by one goroutine at a time, as every stream.
type fakeStream struct {
	recording bool
	graph     fakeGraph
	working   func() chan struct{}
}

func (s *fakeStream) Do(f func()) error {
	if s.recording {
		s.graph = append(s.graph, f)
		return nil
	}
	f()
	return nil
}
func (s *fakeStream) Copy(_, _ *device.Buffer) error { return nil }

func (s *fakeStream) CopyPicture(*device.Buffer, *device.Picture) error { return nil }
func (s *fakeStream) Record(device.Event) error                         { return nil }
func (s *fakeStream) Wait(device.Event) error                           { return nil }
func (s *fakeStream) BeginCapture() error                               { s.recording = true; return nil }
func (s *fakeStream) EndCapture() (device.Graph, error) {
	g := slices.Clone(s.graph)
	s.recording, s.graph = false, nil
	return g, nil
}
func (s *fakeStream) Launch(g device.Graph) error {
	for _, f := range g.(fakeGraph) {
		f()
	}
	return nil
}
func (s *fakeStream) Synchronize() error {
	if s.working != nil && s.working() != nil {
		<-s.working()
	}
	return nil
}
func (s *fakeStream) Close() error { return nil }

type fakeEngine struct{ *fake }

var one = []device.Binding{{Name: "x", Shape: []int{1}}}

func (e fakeEngine) Inputs() []device.Binding  { return one }
func (e fakeEngine) Outputs() []device.Binding { return one }
func (e fakeEngine) MaxBatch() int             { return e.most }
func (e fakeEngine) Close() error              { return nil }
func (e fakeEngine) Buckets() (list []int) {
	if e.sizes != nil {
		return e.sizes
	}
	for n := 1; n <= e.most; n++ {
		list = append(list, n)
	}
	return list
}
func (e fakeEngine) NewContext(device.ContextOptions) (device.ExecutionContext, error) {
	return fakeContext(e), nil
}

type fakeContext struct{ *fake }

func (c fakeContext) Bind(_, _ []*device.Buffer) error { return nil }
func (c fakeContext) Close() error                     { return nil }
func (c fakeContext) Enqueue(s device.Stream, n int) error {
	if c.refusal != nil {
		return c.refusal
	}
	return s.Do(func() {
		c.begun <- n
		<-c.finish
	})
}

// crowd are pipelines that share one batched model.
type crowd struct {
	t       *testing.T
	device  *fake
	manager *Manager
	list    []*Contexts
	running sync.WaitGroup
}

// newCrowd makes so many pipelines. Nobody waits for max_wait in a test that passes: it is an hour.
func newCrowd(t *testing.T, pipelines, most, workers int) *crowd {
	return newHurriedCrowd(t, pipelines, most, workers, time.Hour)
}

func newHurriedCrowd(t *testing.T, pipelines, most, workers int, wait time.Duration) *crowd {
	c := &crowd{t: t, device: newFake(most)}
	var err error
	c.manager, err = New(Config{Device: c.device, Mode: Batched, Workers: workers, MaxWait: wait,
		Models: []Spec{{Task: Detection, Name: "d", Batch: most, Read: func() ([]byte, error) { return nil, nil }}}})
	if err != nil {
		t.Fatal(err)
	}
	for i := range pipelines {
		x, err := c.manager.CreatePipelineContexts(string(rune('a' + i)))
		if err != nil {
			t.Fatal(err)
		}
		c.list = append(c.list, x)
	}
	t.Cleanup(func() {
		if t.Failed() {
			return // what did not begin does not end either
		}
		c.running.Wait()
		for _, x := range c.list {
			if err := x.Close(); err != nil {
				t.Error(err)
			}
		}
		if err := c.manager.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// ask lets pipelines infer one item each, and waits until n requests wait in the batcher.
func (c *crowd) ask(n int, pipelines ...int) {
	for _, i := range pipelines {
		c.running.Go(func() {
			if err := c.list[i].Of(Detection).Infer(1); err != nil {
				c.t.Error(err)
			}
		})
	}
	b := c.manager.Engine(Detection).batcher
	c.within("requests wait", func() bool {
		b.mutex.Lock()
		defer b.mutex.Unlock()
		return len(b.waiting) == n
	})
}

// batch is the size of the next inference that begins.
func (c *crowd) batch() int {
	c.t.Helper()
	select {
	case n := <-c.device.begun:
		return n
	case <-time.After(patience):
		c.t.Fatal("no batch begins")
		return 0
	}
}

// patience is how long a test waits for what must come at once.
const patience = 5 * time.Second

func (c *crowd) within(what string, done func() bool) {
	c.t.Helper()
	for until := time.Now().Add(patience); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(until) {
			c.t.Fatal("never: " + what)
		}
	}
}
