package identity

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"sightline/internal/device"
	"sightline/internal/device/host"
	"sightline/internal/leaktest"
	"sightline/internal/result"
)

// hostDevice is closed, and found empty, at the test's end.
func hostDevice(t testing.TB) *host.Device {
	library := os.Getenv("SIGHTLINE_ONNXRUNTIME")
	if library == "" {
		t.Skip("SIGHTLINE_ONNXRUNTIME is not set: see sightline fetch --env")
	}
	leaktest.Check(t)
	d, err := host.New(host.Options{ONNXRuntime: library})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil && d.Cause() == nil {
			t.Error(err)
		}
		if u := d.Pool().Usage(); u.Used != 0 {
			t.Errorf("left in the pool: %s", u)
		}
	})
	return d
}

// lookout is a camera that sees people with made-up looks: each person's vector is 1 in one place.
type lookout struct {
	t        testing.TB
	reporter *Reporter
	stream   device.Stream
	looks    *device.Buffer
}

func newLookout(t testing.TB, d device.Device, r *Registry, camera string) *lookout {
	l := &lookout{t: t}
	var err error
	if l.reporter, err = r.Reporter(camera); err != nil {
		t.Fatal(err)
	}
	if l.stream, err = d.NewStream(camera); err != nil {
		t.Fatal(err)
	}
	if l.looks, err = d.Pool().Alloc(camera, "looks", device.Pinned, int64(2*64*64)); err != nil {
		t.Fatal(err)
	}
	for who := range 64 {
		l.looks.Bytes()[2*(64*who+who)+1] = 0x3c // 1 as float16
	}
	return l
}

// look reports tracks 1.. of the people; false if there was no report to fill.
func (l *lookout) look(at time.Time, people ...int) bool {
	r := l.reporter.Begin(at, 1000, 1000)
	if r == nil {
		return false
	}
	for i, who := range people {
		if err := l.stream.Copy(r.Vectors().Slice(int64(128*i), 128), l.looks.Slice(int64(128*who), 128)); err != nil {
			l.t.Error(err)
		}
		x := float32(100 + 50*i)
		r.Add(&result.Object{Track: int64(i + 1), Class: "person", Box: result.Box{x, 100, x + 40, 200}}, i)
	}
	if err := l.stream.Record(r.Copied()); err != nil {
		l.t.Error(err)
	}
	l.reporter.Send(r)
	return true
}

// watch looks five times and returns the identities.
func (l *lookout) watch(seconds float64, people ...int) (ids []int64) {
	for i := range 5 {
		if !l.look(at(seconds+0.2*float64(i)), people...) {
			l.t.Error("no report is free")
		}
		l.reporter.Drain()
	}
	objects := make([]result.Object, len(people))
	for i := range objects {
		objects[i].Track = int64(i + 1)
	}
	l.reporter.Name(objects)
	for _, o := range objects {
		ids = append(ids, o.Identity)
	}
	return ids
}

func (l *lookout) close() {
	if err := errors.Join(l.reporter.Close(), l.stream.Close(), l.looks.Close()); err != nil {
		l.t.Error(err)
	}
}

func open(t testing.TB, d device.Device, o Options) (*Registry, *bytes.Buffer) {
	var log bytes.Buffer
	o.Logger = slog.New(slog.NewTextHandler(&log, nil))
	r, err := New(d, o)
	if err != nil {
		t.Fatal(err)
	}
	return r, &log
}

// saw opens a registry, lets one camera look at a person, and closes it.
func saw(t *testing.T, d device.Device, o Options, seconds float64, who int) (identity int64, log string) {
	r, text := open(t, d, o)
	l := newLookout(t, d, r, "door")
	ids := l.watch(seconds, who)
	l.close()
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	return ids[0], text.String()
}

func TestIdentitiesOutliveARun(t *testing.T) {
	d, o := hostDevice(t), settings()
	o.File = filepath.Join(t.TempDir(), "deep", "identities")
	for i, who := range []int{4, 5, 4, 5, 6} {
		want := []int64{1, 2, 1, 2, 3}[i]
		if got, _ := saw(t, d, o, 10*float64(i), who); got != want {
			t.Errorf("run %d: person %d is identity %d, want %d", i, who, got, want)
		}
	}
}

func TestFilesThatCannotBeUsedAreSetAside(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(raw []byte, o *Options) []byte
		says  string
	}{
		"torn":          {func(raw []byte, o *Options) []byte { return raw[:len(raw)-7] }, "damaged file of identities: the checksum is wrong"},
		"foreign":       {func(raw []byte, o *Options) []byte { return []byte("hello") }, "not a file of identities of this version"},
		"another model": {func(raw []byte, o *Options) []byte { o.Model = "test 2"; return raw }, "its vectors are of the ReID model test 1 (64 numbers), the configured one is test 2 (64 numbers)"},
	} {
		t.Run(name, func(t *testing.T) {
			d, o := hostDevice(t), settings()
			o.File = filepath.Join(t.TempDir(), "identities")
			saw(t, d, o, 0, 4)
			raw, err := os.ReadFile(o.File)
			if err != nil {
				t.Fatal(err)
			}
			spoiled := c.spoil(raw, &o)
			if err := os.WriteFile(o.File, spoiled, 0o666); err != nil {
				t.Fatal(err)
			}
			if got, log := saw(t, d, o, 10, 5); got != 1 || !strings.Contains(log, c.says) {
				t.Errorf("identity %d, log %s", got, log)
			}
			if aside, err := os.ReadFile(o.File + ".aside"); err != nil || !bytes.Equal(aside, spoiled) {
				t.Errorf("set aside: %d bytes, %v", len(aside), err)
			}
			if got, _ := saw(t, d, o, 20, 5); got != 1 {
				t.Errorf("the new file does not remember: %d", got)
			}
		})
	}
}

// While the registry is held up, lanes go on: reports beyond those on their way are skipped and counted.
func TestLanesDoNotWait(t *testing.T) {
	d := hostDevice(t)
	r, _ := open(t, d, settings())
	l, other := newLookout(t, d, r, "door"), newLookout(t, d, r, "desk")
	hold := make(chan struct{})
	if err := r.gallery.stream.Do(func() { <-hold }); err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		if got, want := l.look(at(0.2*float64(i)), 1), i < depth; got != want {
			t.Errorf("look %d: reported %t, want %t", i, got, want)
		}
	}
	if !other.look(at(0), 2) {
		t.Error("another camera's report found no room")
	}
	if n := r.Summary().Skipped; n != 10-depth {
		t.Errorf("%d skipped, want %d", n, 10-depth)
	}
	close(hold)
	l.close()
	other.close()
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if s := r.Summary(); s.Identities != 1 || s.Given != 1 || s.Bytes < 64*2*64 {
		t.Errorf("%+v", s)
	}
}

func TestNotEveryPictureIsReported(t *testing.T) {
	d := hostDevice(t)
	r, _ := open(t, d, settings())
	l := newLookout(t, d, r, "door")
	reported := 0
	for i := range 61 { // two seconds at 30 pictures a second
		if l.look(start.Add(time.Duration(i)*time.Second/30), 1) {
			reported++
		}
		l.reporter.Drain()
	}
	if !l.look(start.Add(-time.Hour), 1) {
		t.Error("nothing is reported after the clock was set back")
	}
	l.close()
	if reported != 11 {
		t.Errorf("%d reports, want 11", reported)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}

// Cameras at once, each with its own goroutine, that come and go: for the race detector, and nothing stays.
func TestCamerasAtOnce(t *testing.T) {
	d, o := hostDevice(t), settings()
	o.Audit = filepath.Join(t.TempDir(), "audit.jsonl")
	o.Gallery = 100 // more than compared at a time
	r, _ := open(t, d, o)
	var wait sync.WaitGroup
	for camera := range 8 {
		wait.Go(func() {
			for round := range 3 {
				l := newLookout(t, d, r, string(rune('a'+camera)))
				var people []int
				for i := range 8 {
					people = append(people, (8*camera+i)%64)
				}
				for i := range 20 {
					l.look(at(100*float64(round)+0.2*float64(i)), people...)
				}
				l.close()
			}
		})
	}
	wait.Wait()
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if s := r.Summary(); s.Tracks > 100 || s.Identities == 0 || s.Events[Newcomer] < s.Identities {
		t.Errorf("%+v", s)
	}
}

// When the device fails, cameras still get their reports back and everything can be closed.
func TestDeviceFails(t *testing.T) {
	d := hostDevice(t)
	o := settings()
	o.File = filepath.Join(t.TempDir(), "identities")
	r, log := open(t, d, o)
	l := newLookout(t, d, r, "door")
	l.watch(0, 1)
	d.Fail(errors.New("broken by the test"))
	l.look(at(10), 1)
	l.look(at(11), 1)
	_ = errors.Join(l.reporter.Close(), l.stream.Close(), l.looks.Close()) // a lost device's parts may complain
	_ = r.Close()
	if n := strings.Count(log.String(), "nobody is recognised from now on") + strings.Count(log.String(), "vectors are lost"); n == 0 {
		t.Errorf("log %s", log)
	}
	if _, err := os.Stat(o.File); err == nil && r.failure != nil {
		t.Error("a file was written from a failed device")
	}
}

func TestAuditFollowsItsSchema(t *testing.T) {
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("event.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("event.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	o := settings()
	o.Audit = filepath.Join(t.TempDir(), "audit.jsonl")
	a, err := openAudit(o.Audit)
	if err != nil {
		t.Fatal(err)
	}
	p := newPlay(t, o)
	p.book.tell = func(e Event) { p.events = append(p.events, e); a.write(e) }
	p.stay("a", 0, 2, sight{1, ann, 100})
	p.stay("b", 3, 5, sight{1, ann, 100}) // joins
	p.stay("a", 5, 6, sight{1, ann, 100}) // splits
	p.stay("a", 20, 21, sight{2, axis(7), 100})
	p.stay("b", 30, 30.5, sight{2, axis(8), 100})
	p.stay("b", 31, 40, sight{2, axis(7), 100})   // merges
	p.stay("b", 900, 901, sight{3, axis(9), 100}) // the others are forgotten
	if err := a.close(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(o.Audit)
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]bool{}
	lines := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	for _, line := range lines {
		v, err := jsonschema.UnmarshalJSON(bytes.NewReader(line))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Validate(v); err != nil {
			t.Errorf("%s: %v", line, err)
		}
		kinds[v.(map[string]any)["kind"].(string)] = true
	}
	if len(lines) != len(p.events) || len(kinds) != 5 {
		t.Errorf("%d lines of %d events, kinds %v", len(lines), len(p.events), kinds)
	}
}

func TestAuditThatCannotBeWritten(t *testing.T) {
	if _, err := openAudit(filepath.Join(t.TempDir(), "x\x00y")); err == nil {
		t.Error("a file of that name was opened")
	}
	a, err := openAudit(filepath.Join(t.TempDir(), "audit.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	if err := a.file.Close(); err != nil {
		t.Fatal(err)
	}
	a.write(Event{Kind: Newcomer})
	a.write(Event{Kind: Newcomer})
	if err := a.close(); err == nil || !strings.Contains(err.Error(), "2 events are lost") {
		t.Errorf("got %v", err)
	}
}
