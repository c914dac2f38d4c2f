package tensorrt

import (
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"unsafe"

	"sightline/internal/native/dl"
)

// Step is a point in a build. Builds have phases inside phases; each has a number of steps known when it
// starts.
type Step struct {
	// Phase is TensorRT's name of the phase, and Parent that of the one around it, or "".
	Phase, Parent string
	// Done of Steps are done. Done is 0 when the phase starts.
	Done, Steps int
	// Finished says that the phase is over, which may happen before the last step.
	Finished bool
}

// monitor is an IProgressMonitor made in Go: a C++ object that holds nothing but a pointer to its vtable.
// TensorRT may call it from several threads, and passes its address, which finds it in monitors.
type monitor struct {
	// object is on its own so that TensorRT's pointer does not lead into the rest.
	object    *monitorObject
	cancelled atomic.Bool

	mu     sync.Mutex // also makes the calls of report one at a time
	report func(Step) bool
	phases map[string]Step
}

type monitorObject struct{ vtable unsafe.Pointer }

var monitors sync.Map // *monitorObject as uintptr -> *monitor

// The two words in front of the methods stand for offset-to-top and RTTI.
var (
	monitorVTable [9]uintptr
	monitorOnce   sync.Once
	monitorKind   = []byte("IProgressMonitor\x00")
)

// interfaceInfo is nvinfer1::InterfaceInfo, 16 bytes that come back in two registers.
type interfaceInfo struct {
	kind         *byte
	major, minor int32
}

// initMonitor makes the vtable once: callbacks are never freed.
func initMonitor() {
	const apiLanguageCPP = 0
	nop := dl.Callback(func(this unsafe.Pointer) {})
	monitorVTable = [9]uintptr{
		2: dl.Callback(func(this unsafe.Pointer) int32 { return apiLanguageCPP }),
		3: dl.Callback(func(this unsafe.Pointer) interfaceInfo { return interfaceInfo{&monitorKind[0], 1, 0} }),
		4: nop, 5: nop, // destructors
		6: dl.Callback(func(this uintptr, phase, parent *byte, steps int32) {
			withMonitor(this, func(m *monitor) {
				m.update(dl.String(phase), func(s *Step) { s.Parent, s.Steps = dl.String(parent), int(steps) })
			})
		}),
		7: dl.Callback(func(this uintptr, phase *byte, step int32) bool {
			more := true
			withMonitor(this, func(m *monitor) {
				m.update(dl.String(phase), func(s *Step) { s.Done = int(step) + 1 })
				more = !m.cancelled.Load()
			})
			return more
		}),
		8: dl.Callback(func(this uintptr, phase *byte) {
			withMonitor(this, func(m *monitor) {
				m.update(dl.String(phase), func(s *Step) { s.Finished = true })
			})
		}),
	}
}

func newMonitor(report func(Step) bool) *monitor {
	monitorOnce.Do(initMonitor)
	m := &monitor{object: &monitorObject{unsafe.Pointer(&monitorVTable[2])}, report: report, phases: map[string]Step{}}
	monitors.Store(uintptr(m.pointer()), m) // the map keeps the object alive as well
	return m
}

func (m *monitor) pointer() unsafe.Pointer { return unsafe.Pointer(m.object) }

// close forgets the monitor; calls that come later do nothing.
func (m *monitor) close() { monitors.Delete(uintptr(m.pointer())) }

// withMonitor runs one callback. A panic must not unwind through C++ frames: it ends the build.
func withMonitor(this uintptr, f func(*monitor)) {
	found, ok := monitors.Load(this)
	if !ok {
		return
	}
	m := found.(*monitor)
	defer func() {
		if r := recover(); r != nil {
			m.cancelled.Store(true)
			slog.Error("TensorRT: panic in progress callback: " + fmt.Sprint(r))
		}
	}()
	f(m)
}

// update changes a phase and reports it. After a cancellation nothing is reported.
func (m *monitor) update(phase string, change func(*Step)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.phases[phase]
	s.Phase = phase
	change(&s)
	if m.phases[phase] = s; s.Finished {
		delete(m.phases, phase)
	}
	if !m.cancelled.Load() && !m.report(s) {
		m.cancelled.Store(true)
	}
}
