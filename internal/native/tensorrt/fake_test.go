package tensorrt

import (
	"sync"
	"testing"
	"unsafe"

	"sightline/internal/native/dl"
)

// fakes keeps the objects that only TensorRT's side points to, as the C++ heap would.
var fakes struct {
	sync.Mutex
	all []*fakeObject
}

// fakeObject is a C++ object with methods in Go.
type fakeObject struct {
	object    object
	impl      impl
	destroyed int
}

var unused = sync.OnceValue(func() uintptr { return dl.Callback(func() {}) })

// destructors count: slot 1 is right, 0 is C++'s mistake to make.
var deleting = sync.OnceValue(func() uintptr {
	return dl.Callback(func(this uintptr) {
		fakes.Lock()
		defer fakes.Unlock()
		for _, f := range fakes.all {
			if uintptr(unsafe.Pointer(&f.object)) == this {
				f.destroyed++
			}
		}
	})
})

// table makes a vtable of Go functions by slot; the rest does nothing.
func table(slots map[int]any) unsafe.Pointer {
	vtable := new([64]uintptr)
	for i := range vtable {
		vtable[i] = unused()
	}
	for slot, f := range slots {
		vtable[slot] = dl.Callback(f)
	}
	return unsafe.Pointer(vtable)
}

// fake makes a public object whose implementation has the methods of a table.
func fake(methods unsafe.Pointer) *fakeObject {
	public := new([2]uintptr)
	public[0], public[1] = unused(), deleting()
	f := &fakeObject{impl: impl{methods}}
	f.object = object{unsafe.Pointer(public), &f.impl}
	fakes.Lock()
	defer fakes.Unlock()
	fakes.all = append(fakes.all, f)
	return f
}

func (f *fakeObject) address() uintptr { return uintptr(unsafe.Pointer(&f.object)) }

// destruction is the number of times an object was deleted.
func (f *fakeObject) destruction() int {
	fakes.Lock()
	defer fakes.Unlock()
	return f.destroyed
}

// leaks counts the objects made since mark that were not deleted exactly once.
func leaks(mark int) (n int) {
	fakes.Lock()
	defer fakes.Unlock()
	for _, f := range fakes.all[mark:] {
		if f.destroyed != 1 {
			n++
		}
	}
	return n
}

func mark() int {
	fakes.Lock()
	defer fakes.Unlock()
	return len(fakes.all)
}

// as pretends that a version is loaded.
func as(t *testing.T, v int32) {
	t.Helper()
	old, oldAPI, oldParser := version.Load(), api, parserAPI
	version.Store(v)
	initLogger()
	t.Cleanup(func() { version.Store(old); api, parserAPI = oldAPI, oldParser })
}

// say logs as TensorRT does: through the logger's vtable.
func say(severity int32, text string) {
	message := append([]byte(text), 0)
	dl.Call(dl.Slot(loggerObject.vtable, 0), uintptr(logger()), uintptr(severity), uintptr(unsafe.Pointer(&message[0])))
}
