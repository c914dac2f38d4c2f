package tensorrt

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"unsafe"

	"sightline/internal/native/dl"
)

// factory is a fake builder with all it makes; calls lists what it was told.
type factory struct {
	calls   []string
	monitor unsafe.Pointer
	// build runs inside buildSerializedNetwork; false makes it fail.
	build func(f *factory) bool
	// refused is a timing cache that does not fit.
	refused string
	open    [4]int64
	// Callbacks are never freed, so every kind of object has one table.
	tables  map[string]unsafe.Pointer
	cacheOf map[uintptr]string // content of timing caches, by public object and by implementation
}

func (f *factory) table(kind string, slots func() map[int]any) unsafe.Pointer {
	if f.tables == nil {
		f.tables, f.cacheOf = map[string]unsafe.Pointer{}, map[uintptr]string{}
	}
	if f.tables[kind] == nil {
		f.tables[kind] = table(slots())
	}
	return f.tables[kind]
}

func (f *factory) note(format string, args ...any) {
	f.calls = append(f.calls, fmt.Sprintf(format, args...))
}

// blobs are the contents of host memory objects, by implementation.
var blobs sync.Map

var blobTable = sync.OnceValue(func() unsafe.Pointer {
	content := func(i *impl) []byte { b, _ := blobs.Load(i); return b.([]byte) }
	return table(map[int]any{
		2: func(i *impl) unsafe.Pointer { return unsafe.Pointer(&content(i)[0]) },
		3: func(i *impl) uint64 { return uint64(len(content(i))) },
	})
})

// blob makes a host memory object.
func blob(content string) uintptr {
	f := fake(blobTable())
	blobs.Store(&f.impl, []byte(content))
	return f.address()
}

func (f *factory) config() uintptr {
	return fake(f.table("config", func() map[int]any {
		return map[int]any{
			11: func(i *impl, flag int32) { f.note("flag %d", flag) },
			25: func(i *impl, p uintptr) int32 { f.note("profile"); return 0 },
			40: func(i *impl, b *byte, n uint64) uintptr {
				content := "empty"
				if n > 0 {
					content = string(unsafe.Slice(b, n))
				}
				return f.cache(content)
			},
			41: func(i *impl, c uintptr, mismatch bool) bool { return f.cacheOf[c] != f.refused && !mismatch },
			43: func(i *impl, pool int32, n uint64) { f.note("pool %d %d", pool, n) },
			47: func(i *impl, n int32) { f.note("level %d", n) },
			54: func(i *impl, n int32) { f.note("aux %d", n) },
			56: func(i *impl, m unsafe.Pointer) { f.monitor = m },
			60: func(i *impl, n int32) { f.note("tactics %d", n) },
		}
	})).address()
}

func (f *factory) cache(content string) uintptr {
	o := fake(f.table("cache", func() map[int]any {
		return map[int]any{2: func(i *impl) uintptr { return blob("timing of " + f.cacheOf[uintptr(unsafe.Pointer(i))]) }}
	}))
	f.cacheOf[o.address()], f.cacheOf[uintptr(unsafe.Pointer(&o.impl))] = content, content
	return o.address()
}

func (f *factory) network() uintptr {
	name, layer := []byte("images\x00"), []byte("/head/Softmax\x00")
	network := f.table("network", func() map[int]any {
		input := fake(table(map[int]any{
			3: func(i *impl) *byte { return &name[0] },
			4: func(i *impl, d *dims) { f.note("fixed %v", d.shape()) },
			5: func(r *dims, i *impl) *dims { *r = dims{N: 4, D: [8]int64(append(f.open[:], 0, 0, 0, 0))}; return r },
		}))
		layers := [2]*fakeObject{}
		for n, output := range [2]DataType{Float32, Int64} {
			layers[n] = fake(table(map[int]any{
				4: func(i *impl) *byte { return &layer[0] }, 7: func(i *impl) int32 { return 1 },
				10: func(i *impl, d DataType) { f.note("precision %d", d) },
				14: func(i *impl, n int32, d DataType) { f.note("output %d %d", n, d) },
				15: func(i *impl, n int32) DataType { return output },
			}))
		}
		for _, owned := range append(layers[:], input) { // by the network, like the profile by the builder
			owned.destroyed = 1
		}
		return map[int]any{
			12: func(i *impl) int32 { return 2 },
			13: func(i *impl, n int32) uintptr { return layers[n].address() },
			14: func(i *impl) int32 { return 1 },
			15: func(i *impl, n int32) uintptr { return input.address() },
		}
	})
	return fake(network).address()
}

// builder makes the fake and a parser that takes models starting with "onnx".
func (f *factory) builder(t *testing.T) *Builder {
	t.Helper()
	text := []byte("bad model\x00")
	say := func(i *impl) *byte { return &text[0] }
	parseError := &impl{table(map[int]any{1: say, 6: say, 7: say})}
	parser := &impl{table(map[int]any{
		0: func(i *impl, model *byte, n uint64, path uintptr) bool {
			return string(unsafe.Slice(model, n)) == "onnx"
		},
		5: func(i *impl) int32 { return 1 },
		6: func(i *impl, n int32) *impl { return parseError },
		9: func(i *impl) { f.note("parser freed") },
	})}
	fakes.Lock()
	fakes.all = append(fakes.all, &fakeObject{impl: *parser, destroyed: 1})
	fakes.Unlock()
	parserAPI.GetVersion = func() int32 { return 100 }
	parserAPI.CreateParser = func(n *object, log unsafe.Pointer, v int32) uintptr { return uintptr(unsafe.Pointer(parser)) }
	profile := fake(table(map[int]any{
		2: func(i *impl, name *byte, selector int32, d *dims) bool {
			f.note("%s %d %v", dl.String(name), selector, d.shape())
			return true
		},
		9: func(i *impl) bool { return true },
	}))
	profile.destroyed = 1
	api.CreateInferBuilder = func(unsafe.Pointer, int32) uintptr {
		return fake(table(map[int]any{
			7: func(i *impl) uintptr { return f.config() },
			8: func(i *impl, flags uint32) uintptr { return f.network() },
			9: func(i *impl) uintptr { return profile.address() },
			14: func(i *impl, n, c uintptr) uintptr {
				if f.build != nil && !f.build(f) {
					return 0
				}
				return blob("plan")
			},
		})).address()
	}
	b, err := NewBuilder()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestBuild(t *testing.T) {
	as(t, 100600)
	begin := mark()
	f := &factory{open: [4]int64{-1, 3, 640, 640}, refused: "of another GPU"}
	b := f.builder(t)
	o := BuildOptions{FP16: true, OptimizationLevel: 1, Workspace: 1 << 20, Batch: Batch{8, 8, 8}, TimingCache: []byte("earlier"), MaxTactics: 9}
	got, err := b.Build([]byte("onnx"), o)
	if want := (&Built{Plan: []byte("plan"), TimingCache: []byte("timing of earlier"), Layers: 2}); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("built %+v, %v, want %+v", got, err, want)
	}
	if want := []string{"flag 0", "pool 0 1048576", "level 1", "aux 0", "tactics 9", "fixed [8 3 640 640]", "parser freed"}; !slices.Equal(f.calls, want) {
		t.Errorf("calls %q, want %q", f.calls, want)
	}

	f.calls = nil
	version.Store(100300) // no setMaxNbTactics
	o.Batch, o.TimingCache, o.Workspace = Batch{1, 4, 8}, []byte("of another GPU"), 0
	o.Float32 = func(layer string) bool { return layer == "/head/Softmax" }
	tables.Clear()
	got, err = b.Build([]byte("onnx"), o)
	if err != nil || got.Float32 != 1 || string(got.TimingCache) != "timing of empty" {
		t.Errorf("built %+v, %v", got, err)
	}
	if want := []string{"flag 0", "precision 0", "output 0 0", "flag 9", "level 1", "aux 0", "images 0 [1 3 640 640]",
		"images 1 [4 3 640 640]", "images 2 [8 3 640 640]", "profile", "parser freed"}; !slices.Equal(f.calls, want) {
		t.Errorf("calls %q, want %q", f.calls, want)
	}
	if err := errors.Join(b.Close(), b.Close()); err != nil {
		t.Error(err)
	}
	if n := leaks(begin); n != 0 {
		t.Errorf("%d objects not destroyed exactly once", n)
	}
	if _, err := b.Build([]byte("onnx"), o); !errors.Is(err, ErrClosed) {
		t.Errorf("build after close: %v", err)
	}
}

func TestBuildFailures(t *testing.T) {
	as(t, 101501)
	SetLogger(func(Severity, string) {})
	begin := mark()
	f := &factory{open: [4]int64{-1, 3, 640, 640}, build: func(*factory) bool {
		done := make(chan bool)
		go func() { say(1, "out of memory"); close(done) }() // a thread of the builder's
		<-done
		return false
	}}
	b := f.builder(t)
	one := BuildOptions{Batch: Batch{1, 1, 1}}
	for _, c := range []struct {
		model string
		o     BuildOptions
		open  int64
		want  string
	}{
		{"", one, -1, "the model is empty"},
		{"other", one, -1, `onnx: bad model (node "bad model", bad model)`},
		{"onnx", one, -1, "buildSerializedNetwork: out of memory"},
		{"onnx", BuildOptions{}, -1, "batch 0, 0, 0"},
		{"onnx", BuildOptions{Batch: Batch{1, 1, 1}, OptimizationLevel: 6}, -1, "level 6"},
		{"onnx", one, -2, "only the batch"},
	} {
		if f.open[2] = 640; c.open == -2 {
			f.open[2] = -1
		}
		if _, err := b.Build([]byte(c.model), c.o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error = %v, want %q", err, c.want)
		}
	}
	if err := b.Close(); err != nil || leaks(begin) != 0 {
		t.Errorf("close: %v, %d objects left", err, leaks(begin))
	}
}

// phase calls the monitor as TensorRT does: through its vtable.
func (f *factory) phase(name string, parent string, steps int) (more bool) {
	vtable := *(*unsafe.Pointer)(f.monitor)
	p, q := append([]byte(name), 0), append([]byte(parent), 0)
	this, address := uintptr(f.monitor), func(b []byte) uintptr { return uintptr(unsafe.Pointer(&b[0])) }
	parents := uintptr(0)
	if parent != "" {
		parents = address(q)
	}
	dl.Call(dl.Slot(vtable, 4), this, address(p), parents, uintptr(steps))
	more = true
	for step := range steps {
		if more = byte(dl.Call(dl.Slot(vtable, 5), this, address(p), uintptr(step))) != 0; !more {
			break
		}
	}
	dl.Call(dl.Slot(vtable, 6), this, address(p))
	return more
}

func TestProgress(t *testing.T) {
	as(t, 100600)
	f := &factory{open: [4]int64{1, 3, 640, 640}}
	b := f.builder(t)
	defer b.Close()
	f.build = func(f *factory) bool { return f.phase("outer", "", 2) && f.phase("inner", "outer", 1) }
	var got []string
	o := BuildOptions{Batch: Batch{1, 1, 1}, Progress: func(s Step) bool {
		line, _ := json.Marshal(s)
		got = append(got, string(line))
		return true
	}}
	if _, err := b.Build([]byte("onnx"), o); err != nil {
		t.Fatal(err)
	}
	want := []string{
		`{"Phase":"outer","Parent":"","Done":0,"Steps":2,"Finished":false}`,
		`{"Phase":"outer","Parent":"","Done":1,"Steps":2,"Finished":false}`,
		`{"Phase":"outer","Parent":"","Done":2,"Steps":2,"Finished":false}`,
		`{"Phase":"outer","Parent":"","Done":2,"Steps":2,"Finished":true}`,
		`{"Phase":"inner","Parent":"outer","Done":0,"Steps":1,"Finished":false}`,
		`{"Phase":"inner","Parent":"outer","Done":1,"Steps":1,"Finished":false}`,
		`{"Phase":"inner","Parent":"outer","Done":1,"Steps":1,"Finished":true}`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("steps:\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	late := f.monitor
	for name, progress := range map[string]func(Step) bool{
		"false": func(s Step) bool { return s.Done < 1 },
		"panic": func(s Step) bool { panic("in the callback") },
	} {
		o.Progress = progress
		built, err := b.Build([]byte("onnx"), o)
		if !errors.Is(err, ErrCancelled) || built == nil || len(built.TimingCache) == 0 || built.Plan != nil {
			t.Errorf("%s: error = %v, built %+v; expected what was timed", name, err, built)
		}
	}
	f.monitor = late
	if !f.phase("too late", "", 1) {
		t.Error("a forgotten monitor cancels")
	}
	info := monitorInfo(late)
	if dl.String(info.kind) != "IProgressMonitor" || info.major != 1 || info.minor != 0 {
		t.Errorf("interface info %+v", info)
	}
}

// monitorInfo calls getInterfaceInfo, which returns its 16 bytes in two registers.
func monitorInfo(monitor unsafe.Pointer) interfaceInfo {
	var m struct {
		GetAPILanguage   func(this unsafe.Pointer) int32         `slot:"0"`
		GetInterfaceInfo func(this unsafe.Pointer) interfaceInfo `slot:"1"`
	}
	dl.BindSlots(&m, *(*unsafe.Pointer)(monitor))
	if m.GetAPILanguage(monitor) != 0 {
		return interfaceInfo{}
	}
	return m.GetInterfaceInfo(monitor)
}
