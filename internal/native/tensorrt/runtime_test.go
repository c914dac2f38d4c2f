package tensorrt

import (
	"cmp"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"sightline/internal/fetch"
	"sightline/internal/native/dl"
)

func TestClosingInOrder(t *testing.T) {
	as(t, 100600)
	begin := mark()
	contexts := table(nil)
	var strategy int32
	engines := table(map[int]any{5: func(i *impl, s int32) uintptr { strategy = s; return fake(contexts).address() }})
	runtimes := table(map[int]any{3: func(i *impl, blob *byte, size uint64) uintptr {
		if *blob != 'p' || size != 4 {
			return 0
		}
		return fake(engines).address()
	}})
	api.CreateInferRuntime = func(log unsafe.Pointer, v int32) uintptr {
		if log != logger() || v != 100600 {
			t.Errorf("createInferRuntime got %p, %d", log, v)
		}
		return fake(runtimes).address()
	}
	r, err := NewRuntime()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Engine(nil); err == nil {
		t.Error("an empty plan was taken")
	}
	e, err := r.Engine([]byte("plan"))
	if err != nil {
		t.Fatal(err)
	}
	c, err := e.NewContext()
	if err != nil || strategy != 2 {
		t.Fatal(err, strategy)
	}
	if err := e.Close(); !errors.Is(err, ErrInUse) {
		t.Errorf("engine before context: %v", err)
	}
	if err := r.Close(); !errors.Is(err, ErrInUse) {
		t.Errorf("runtime before engine: %v", err)
	}
	for range 2 {
		if err := errors.Join(c.Close(), e.Close(), r.Close()); err != nil {
			t.Error(err)
		}
	}
	if n := leaks(begin); n != 0 || mark() != begin+3 {
		t.Errorf("%d of %d objects not destroyed exactly once", n, mark()-begin)
	}
	if _, err := e.NewContext(); !errors.Is(err, ErrClosed) {
		t.Errorf("context of a closed engine: %v", err)
	}
	if _, err := r.Engine([]byte("plan")); !errors.Is(err, ErrClosed) {
		t.Errorf("engine of a closed runtime: %v", err)
	}
}

func TestGarbageInsteadOfAnObject(t *testing.T) {
	as(t, 101501)
	SetLogger(func(Severity, string) {})
	say(1, "of an earlier call")
	api.CreateInferRuntime = func(unsafe.Pointer, int32) uintptr {
		say(2, "a warning")
		say(1, "CUDA initialization failure with error: 35")
		return 0x238
	}
	_, err := NewRuntime()
	if err == nil || err.Error() != "tensorrt: createInferRuntime: CUDA initialization failure with error: 35" {
		t.Errorf("error = %v", err)
	}
	api.CreateInferRuntime = func(unsafe.Pointer, int32) uintptr { return 0 }
	if _, err := NewRuntime(); err == nil || err.Error() != "tensorrt: createInferRuntime failed" {
		t.Errorf("error without a reason in the log = %v", err)
	}
}

func TestVersions(t *testing.T) {
	for v, good := range map[int32]bool{8601: false, 100000: false, 100100: true, 101602: true, 110000: false} {
		if err := supported(v); (err == nil) != good || (err != nil && !errors.Is(err, ErrVersion)) {
			t.Errorf("version %d: %v", v, err)
		}
	}
	if err := supported(110001); !strings.Contains(err.Error(), "TensorRT 11.0.1") {
		t.Errorf("error = %v", err)
	}
	as(t, 100600)
	for since, want := range map[string]bool{"10.1": true, "10.6": true, "10.7": false, "10.14": false, "x": false} {
		if has(since) != want {
			t.Errorf("10.6 has %s: %t", since, !want)
		}
	}
	version.Store(0)
	if _, err := NewRuntime(); !errors.Is(err, ErrNotLoaded) || Version() != "" {
		t.Errorf("runtime before Load: %v", err)
	}
	if _, err := NewBuilder(); !errors.Is(err, ErrNotLoaded) {
		t.Errorf("builder before Load: %v", err)
	}
}

func TestLoadNamesWhatItTried(t *testing.T) {
	if version.Load() != 0 {
		t.Skip("a library is loaded already")
	}
	environment, cache := t.TempDir(), t.TempDir()
	t.Setenv(EnvFolder, environment)
	o := Options{Cache: cache, Ready: func() error { return nil }}
	folders := o.folders()
	if folders[0] != environment || folders[1] != "" || folders[len(folders)-1] != cache {
		t.Errorf("folders %q", folders)
	}
	o.Folder = t.TempDir()
	if got := o.folders(); !slices.Equal(got, []string{o.Folder}) {
		t.Errorf("folders with one given: %q", got)
	}
	if err := os.WriteFile(filepath.Join(o.Folder, "libnvinfer.so.10"), []byte("not a library"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := o.Load(); err == nil || !strings.Contains(err.Error(), filepath.Join(o.Folder, "libnvinfer.so.10")) {
		t.Errorf("error = %v", err)
	}
	o.Folder = ""
	if lib, err := (Options{Cache: cache}).open("libnone.so.10"); err == nil || lib != nil ||
		!strings.Contains(err.Error(), environment) || !strings.Contains(err.Error(), cache) {
		t.Errorf("error = %v", err)
	}
	o.Ready = func() error { return errors.New("no driver here") }
	if err := o.Load(); err == nil || err.Error() != "no driver here" {
		t.Errorf("error without CUDA = %v: the library must not be opened", err)
	}
}

func TestLogger(t *testing.T) {
	as(t, 100600)
	var got []string
	SetLogger(func(s Severity, text string) { got = append(got, s.String()+": "+text) })
	defer SetLogger(func(Severity, string) {})
	say(0, "a")
	say(4, "b")
	say(99, "c")
	if want := []string{"internal error: a", "verbose: b", "unknown: c"}; !slices.Equal(got, want) {
		t.Errorf("messages %q, want %q", got, want)
	}
	SetLogger(func(Severity, string) { panic("in the handler") })
	say(1, "survives")
}

// TestRealLibrary runs what the real library does without a GPU, if there is one: in the folder that EnvFolder
// names or in the cache.
func TestRealLibrary(t *testing.T) {
	dir := cmp.Or(os.Getenv(EnvFolder), fetch.CachedTensorRT(fetch.Options{}))
	if dir == "" {
		t.Skip("no TensorRT here: sightline fetch tensorrt brings it")
	}
	o := Options{Folder: dir, Ready: func() error { return nil }}
	if err := o.Load(); err != nil {
		t.Fatal(err)
	}
	t.Log("TensorRT", Version())
	if err := o.LoadParser(); err != nil {
		t.Fatal(err)
	}
	a := try("createNvOnnxParser")
	addr := parserAPI.CreateParser(nil, logger(), parserAPI.GetVersion())
	if addr < lowest {
		t.Fatal(a.failed())
	}
	parser := (*impl)(dl.Pointer(addr))
	m := methods[parserMethods](parser)
	if !m.SupportsOperator(parser, "Conv") || m.SupportsOperator(parser, "Nonsense") || m.GetNbErrors(parser) != 0 {
		t.Error("wrong answers from the parser")
	}
	m.DeletingDestructor(parser)
	if _, err := os.Stat("/dev/nvidiactl"); err == nil {
		t.Skip("there is a GPU here: what follows is about machines without one")
	}
	// A builder without a GPU throws a C++ exception in 10.6, which ends the process: only the runtime.
	var messages []string
	SetLogger(func(s Severity, text string) { messages = append(messages, text) })
	if _, err := NewRuntime(); err == nil || !strings.Contains(err.Error(), "CUDA") || len(messages) == 0 {
		t.Errorf("runtime without a GPU: %v, %d messages", err, len(messages))
	}
}
