package onnxruntime

import (
	"errors"
	"fmt"
	"unsafe"

	"sightline/internal/native/dl"
)

// apiVersion is the table of functions that is asked for; newer libraries serve older tables.
const apiVersion = 17

// runSlot is the index of OrtApi.Run.
const runSlot = 9

// functions is the part of OrtApi that is used. The tag is the entry's index in the table. Entries
// return an OrtStatus, nil for success, unless they release something.
type functions struct {
	GetErrorCode           func(s *status) int32                                                                                               `slot:"1"`
	GetErrorMessage        func(s *status) *byte                                                                                               `slot:"2"`
	CreateEnv              func(level int32, id string, out **env) *status                                                                     `slot:"3"`
	CreateSessionFromArray func(e *env, model unsafe.Pointer, size uintptr, o *options, out **session) *status                                 `slot:"8"`
	CreateSessionOptions   func(out **options) *status                                                                                         `slot:"10"`
	SetIntraOpNumThreads   func(o *options, n int32) *status                                                                                   `slot:"24"`
	InputCount             func(s *session, out *uintptr) *status                                                                              `slot:"30"`
	OutputCount            func(s *session, out *uintptr) *status                                                                              `slot:"31"`
	InputTypeInfo          func(s *session, i uintptr, out **typeInfo) *status                                                                 `slot:"33"`
	OutputTypeInfo         func(s *session, i uintptr, out **typeInfo) *status                                                                 `slot:"34"`
	InputName              func(s *session, i uintptr, a *allocator, out **byte) *status                                                       `slot:"36"`
	OutputName             func(s *session, i uintptr, a *allocator, out **byte) *status                                                       `slot:"37"`
	CreateTensorWithData   func(m *memoryInfo, data unsafe.Pointer, size uintptr, shape *int64, rank uintptr, kind int32, out **value) *status `slot:"49"`
	CastTypeInfo           func(t *typeInfo, out **tensorInfo) *status                                                                         `slot:"55"`
	ElementType            func(t *tensorInfo, out *int32) *status                                                                             `slot:"60"`
	DimensionsCount        func(t *tensorInfo, out *uintptr) *status                                                                           `slot:"61"`
	Dimensions             func(t *tensorInfo, out *int64, n uintptr) *status                                                                  `slot:"62"`
	TensorInfo             func(v *value, out **tensorInfo) *status                                                                            `slot:"65"`
	CreateCPUMemoryInfo    func(kind, memory int32, out **memoryInfo) *status                                                                  `slot:"69"`
	AllocatorFree          func(a *allocator, p *byte) *status                                                                                 `slot:"76"`
	DefaultAllocator       func(out **allocator) *status                                                                                       `slot:"78"`
	ReleaseStatus          func(s *status)                                                                                                     `slot:"93"`
	ReleaseSession         func(s *session)                                                                                                    `slot:"95"`
	ReleaseValue           func(v *value)                                                                                                      `slot:"96"`
	ReleaseTypeInfo        func(t *typeInfo)                                                                                                   `slot:"98"`
	ReleaseTensorInfo      func(t *tensorInfo)                                                                                                 `slot:"99"`
	ReleaseSessionOptions  func(o *options)                                                                                                    `slot:"100"`
	AddConfigEntry         func(o *options, key, value string) *status                                                                         `slot:"130"`
}

// The C objects. They are only ever pointed to.
type (
	status     struct{ _ byte }
	env        struct{ _ byte }
	options    struct{ _ byte }
	session    struct{ _ byte }
	value      struct{ _ byte }
	typeInfo   struct{ _ byte }
	tensorInfo struct{ _ byte }
	allocator  struct{ _ byte }
	memoryInfo struct{ _ byte }
)

// Library is a loaded ONNX Runtime. It stays for the life of the process, and its methods may be
// called from any goroutine.
type Library struct {
	api       functions
	run       uintptr // OrtApi entry 9, called for every inference: see Call
	version   string
	env       *env
	cpu       *memoryInfo
	allocator *allocator
}

// Load opens the first of paths that is an ONNX Runtime with the API table this package knows.
func Load(paths ...string) (*Library, error) {
	lib, err := dl.Open(paths...)
	if err != nil {
		return nil, fmt.Errorf("load onnx runtime: %w", err)
	}
	var entry struct {
		APIBase func() *[2]uintptr `dl:"OrtGetApiBase"`
	}
	if err := lib.Bind(&entry); err != nil {
		return nil, fmt.Errorf("load onnx runtime: %w", err)
	}
	base := entry.APIBase()
	if base == nil {
		return nil, errors.New("load onnx runtime: OrtGetApiBase returned nothing")
	}
	var bases struct {
		GetAPI  func(version uint32) unsafe.Pointer `slot:"0"`
		Version func() *byte                        `slot:"1"`
	}
	dl.BindSlots(&bases, unsafe.Pointer(base))
	l := &Library{version: dl.String(bases.Version())}
	table := bases.GetAPI(apiVersion)
	if table == nil {
		return nil, fmt.Errorf("load onnx runtime: %s is version %s, which has no API table %d: 1.%d or later is needed",
			lib.Name(), l.version, apiVersion, apiVersion)
	}
	dl.BindSlots(&l.api, table)
	l.run = dl.Slot(table, runSlot)
	const warning, arena, plain = 2, 1, 0
	if err := l.check("CreateEnv", l.api.CreateEnv(warning, "sightline", &l.env)); err != nil {
		return nil, err
	}
	if err := l.check("CreateCpuMemoryInfo", l.api.CreateCPUMemoryInfo(arena, plain, &l.cpu)); err != nil {
		return nil, err
	}
	if err := l.check("GetAllocatorWithDefaultOptions", l.api.DefaultAllocator(&l.allocator)); err != nil {
		return nil, err
	}
	return l, nil
}

// Version is the library's own, such as "1.32.0".
func (l *Library) Version() string { return l.version }
