package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

var update = flag.Bool("update", false, "write the JSON schemas anew")

// folder is a place with cards and a clip that a configuration in it can name.
func folder(t testing.TB) string {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"model.onnx": "onnx", "clip.mp4": "mp4",
		"detection.yaml": "task: detection\nfile: model.onnx\ninput: {}\noutputs: {scores: s, boxes: b}\nclasses: [person, dog]\n",
		"pose.yaml":      "task: pose\nfile: model.onnx\ninput: {}\noutputs: {keypoints: k}\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const least = "models: {detection: detection.yaml}\ncameras:\n- {name: a, source: clip.mp4}\n"

func load(t testing.TB, text string) (*Config, error) {
	return parse(filepath.Join(folder(t), "c.yaml"), []byte(text))
}

func TestDefaults(t *testing.T) {
	c, err := load(t, least)
	if err != nil {
		t.Fatal(err)
	}
	if c.Device != "cuda" || c.Inference.Mode != "parallel" || time.Duration(c.Inference.MaxWait) != 2*time.Millisecond ||
		c.Inference.Workers != 4 || c.Limits.Objects != 100 || c.Limits.People != 32 || c.Host.Threads != 0 || c.HostThreads(2) != 2 ||
		c.Tracking.Birth != 0.5 || c.Tracking.Update != 0.4 || time.Duration(c.Tracking.Lost) != time.Second {
		t.Errorf("defaults: %+v", c)
	}
	if m := c.Models.Of("detection"); m.Threshold != 0.4 || m.IoU != 0.5 || m.Batch != 1 || m.Card.Name() != "detection" {
		t.Errorf("detection: %+v", m)
	}
	if cam := c.Cameras[0]; cam.Transport != "auto" || cam.Realtime || !strings.HasSuffix(cam.Source.Reveal(), "/clip.mp4") {
		t.Errorf("camera: %+v", cam)
	}
}

func TestValues(t *testing.T) {
	t.Setenv("CLIP", "clip")
	c, err := load(t, `
device: host
memory_limit: 1.5GiB
inference: {mode: batched, max_wait: 5ms}
models:
  detection: {card: detection.yaml, threshold: 0.25, classes: [dog], batch: 3}
  pose: &p pose.yaml
cameras:
- {name: door, source: "rtsp://admin:${CLIP}@10.0.0.9/stream1", transport: tcp}
- &first {name: a, source: "${CLIP}.mp4", realtime: true, max_fps: 7.5, models: [detection]}
- <<: *first
  name: "12"
sinks:
- {type: jsonl, dir: o, cameras: [a], max_bytes: 10MB}
- {type: stdout, reid: true}
`)
	if err != nil {
		t.Fatal(err)
	}
	if c.MemoryLimit != 3<<29 || c.Inference.Mode != "batched" || c.Models.Of("pose").Card.Region.Scale != 1.25 {
		t.Errorf("%+v", c)
	}
	if door := c.Cameras[0].Source; !door.Live() || door.Reveal() != "rtsp://admin:clip@10.0.0.9/stream1" {
		t.Errorf("door: %s", door)
	}
	if m := c.Models.Of("detection"); m.Card.Threshold != 0.25 || m.Card.Batch != 3 || m.IoU != 0.5 || !reflect.DeepEqual(m.Classes, []string{"dog"}) {
		t.Errorf("detection: %+v", m)
	}
	if b := c.Cameras[2]; b.Name != "12" || !b.Realtime || b.MaxFPS != 7.5 || len(b.Models) != 1 {
		t.Errorf("merged camera: %+v", b)
	}
	if !c.Sinks[0].Takes("a") || c.Sinks[0].Takes("12") || !c.Sinks[1].Takes("12") || c.Sinks[0].MaxBytes != 1e7 {
		t.Errorf("sinks: %+v", c.Sinks)
	}
}

// Each text has its mistakes named with line and column, and no others.
func TestFaults(t *testing.T) {
	t.Setenv("SECRET", "hush")
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"empty":         {"", []string{"1:1: the file is empty"}},
		"not yaml":      {"a: [1\nb: }", []string{"not YAML"}},
		"a list":        {"- 1", []string{"1:1: expected an object, found a list"}},
		"nothing there": {"device: host", []string{"1:1: models: is missing", "1:1: cameras: is missing"}},
		"unknown keys": {least + "devise: host\nzebra: 1\n",
			[]string{"4:1: devise: unknown key; did you mean device?", "5:1: zebra: unknown key; expected one of device, memory_limit"}},
		"everything at once": {`device: gpu
memory_limit: much
inference: {mode: fast, workers: 0, max_wait: 3}
limits: {objects: 1.5, people: "3"}
tracking: {birth: 0.3, update: 0.4}
models: {detection: detection.yaml, pose: gone.yaml}
cameras:
- {name: a, source: clip.mp4, loop: yes}
- {name: A, source: gone.mp4, models: [pose]}
- {name: 7, source: clip.mp4, realtime: "true"}
- name: b/c
  sauce: clip.mp4
- 5
sinks:
- {type: jsonl}
- {type: kafka}
- {type: stdout, dir: x, cameras: [zz]}
`, []string{
			"1:9: device: expected cuda or host, found text \"gpu\"",
			"2:15: memory_limit: expected a size such as 512MiB or 4GiB, found text \"much\"",
			"3:19: inference.mode: expected serialized or parallel or batched, found text \"fast\"",
			"3:34: inference.workers: expected a whole number from 1 to 64, found number 0",
			"3:47: inference.max_wait: expected a duration such as 500ms or 2s, found number 3",
			"4:19: limits.objects: expected a whole number from 1 to 1024, found number 1.5",
			"4:32: limits.people: expected a whole number from 1 to 256, found text \"3\"",
			"5:32: tracking.update: expected at most birth (0.3), found 0.4",
			"6:43: models.pose: cannot open the model card: stat gone.yaml: no such file or directory",
			"8:37: cameras[0].loop: expected true or false, found text \"yes\"",
			"9:10: cameras[1].name: \"A\" is the name of cameras[0] already",
			"9:21: cameras[1].source: cannot open gone.mp4: no such file or directory",
			"10:10: cameras[2].name: expected text (quote it if it looks like a number), found number 7",
			"10:41: cameras[2].realtime: expected true or false, found text \"true\"",
			"11:9: cameras[3].name: expected letters, digits",
			"11:3: cameras[3].source: is missing",
			"12:3: cameras[3].sauce: unknown key; did you mean source?",
			"13:3: cameras[4]: expected an object, found number 5",
			"15:3: sinks[0].dir: is missing: a jsonl sink needs a folder",
			"16:10: sinks[1].type: expected jsonl or mot or stdout, found text \"kafka\"",
			"17:23: sinks[2].dir: a stdout sink has no dir",
			"17:36: sinks[2].cameras[0]: no camera is named \"zz\"",
		}},
		"set twice":   {least + "device: host\ndevice: cuda\n", []string{"5:1: device: is set twice, before in line 4"}},
		"no cameras":  {"models: {detection: detection.yaml}\ncameras: []\n", []string{"2:10: cameras: expected at least one camera"}},
		"wrong card":  {"models: {detection: pose.yaml}\ncameras: [{name: a, source: clip.mp4}]", []string{"1:21: models.detection: expected a card of task detection"}},
		"wrong class": {"models: {detection: {card: detection.yaml, classes: [persons]}}\ncameras: [{name: a, source: clip.mp4}]", []string{"1:54: models.detection.classes[0]: "}},
		"no variable": {strings.Replace(least, "clip.mp4", `"rtsp://u:${GONE_PASSWORD}@h/1"`, 1),
			[]string{"3:21: cameras[0].source: environment variable GONE_PASSWORD is not set"}},
		"looped camera": {strings.Replace(least, "clip.mp4", `"rtsp://u:${SECRET}@h/1", loop: true`, 1),
			[]string{"3:21: cameras[0].source: rtsp://***@h/1: loop and realtime are for files"}},
		"unknown scheme": {strings.Replace(least, "clip.mp4", `"ftp://u:${SECRET}@h/1"`, 1),
			[]string{"3:21: cameras[0].source: ftp://***@h/1: expected the path of an MP4 file, or an address: rtsp://"}},
		"same file twice": {least + "sinks:\n- {type: mot, dir: o}\n- {type: mot, dir: ./o, cameras: [a]}\n",
			[]string{"6:20: sinks[1].dir: sinks[0] writes the mot file of camera \"a\" in this folder already"}},
		"no anchor": {least + "sinks: *x\n", []string{"alias *x has no anchor before it"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := load(t, c.text)
			wantFaults(t, err, c.want)
		})
	}
}

// wantFaults wants just these faults.
func wantFaults(t *testing.T, err error, want []string) {
	t.Helper()
	var faults Errors
	if !errors.As(err, &faults) {
		t.Fatalf("error %v, want Errors", err)
	}
	said := err.Error()
	if strings.Contains(said, "hush") {
		t.Errorf("shows the secret: %s", said)
	}
	for _, w := range want {
		if !strings.Contains(said, w) {
			t.Errorf("no %q", w)
		}
	}
	if n := len(want); len(faults) != n {
		t.Errorf("%d faults, want %d", len(faults), n)
	}
	if t.Failed() {
		t.Log(said)
	}
}

// A fault in a card is told with the card's own name and line, together with the configuration's.
func TestCardFaults(t *testing.T) {
	dir := folder(t)
	card := `task: segmentation
file: none.onnx
input: {shape: [1, 3, 8, 8], range: [0, 0], colour: grey, std: [1, 0, 1], mean: [1]}
family: logit
strides: [8]
outputs: {boxes: b, mask: {name: m, shape: [2, 4, 4]}}
batch: 0
`
	if err := os.WriteFile(filepath.Join(dir, "seg.yaml"), []byte(card), 0o666); err != nil {
		t.Fatal(err)
	}
	_, err := parse(filepath.Join(dir, "c.yaml"), []byte("models: {detection: detection.yaml, segmentation: seg.yaml}\ncameras: [{name: a, source: clip.mp4, loop: 1}]"))
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{
		"c.yaml:2:45: cameras[0].loop", "seg.yaml:2:7: file: cannot open the model", "seg.yaml:3:16: input.shape: expected [3, height, width]",
		"seg.yaml:3:37: input.range: expected the values", "seg.yaml:3:53: input.colour: expected rgb or bgr", "seg.yaml:3:64: input.std: expected numbers other than 0",
		"seg.yaml:3:81: input.mean: expected three numbers", `seg.yaml:4:9: family: no segmentation model is of family "logit"; did you mean logits?`, "seg.yaml:7:8: batch: expected a whole number from 1",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no %q", want)
		}
	}
	if t.Failed() {
		t.Log(err)
	}
}

func TestCheck(t *testing.T) {
	card := func() *Card {
		return &Card{Path: "d.yaml", Model: "d.onnx", Task: "detection", Family: "decoded", Input: Input{Name: "images"}, Classes: []string{"person", "dog"},
			Outputs: Outputs{Scores: &Tensor{Name: "s"}, Boxes: &Tensor{Name: "b"}}}
	}
	in := []Tensor{{"images", []int{3, 8, 8}}}
	out := []Tensor{{"b", []int{5, 4}}, {"s", []int{5, 2}}, {"extra", []int{1}}}
	if err := card().Check(in, out); err != nil {
		t.Error(err)
	}
	for want, c := range map[string]struct{ in, out []Tensor }{
		"expected an input named images, found [x [3 8 8]]":                  {[]Tensor{{"x", []int{3, 8, 8}}}, out},
		"input images: expected shape [3 -1 -1] (-1: any fixed size), found": {[]Tensor{{"images", []int{8, 8, 3}}}, out},
		"expected an output b (boxes), found [s [5 2]]":                      {in, []Tensor{{"s", []int{5, 2}}}},
		"output b (boxes): expected shape [A, 4], A = 5, C = 2, found [5 6]": {in, []Tensor{{"b", []int{5, 6}}, {"s", []int{5, 2}}}},
		"output s (scores): expected shape [A, C], C = 2, found [5 80]":      {in, []Tensor{{"b", []int{5, 4}}, {"s", []int{5, 80}}}},
		"output b (boxes): expected shape [A, 4], A = 6, C = 2, found [5 4]": {in, []Tensor{{"b", []int{5, 4}}, {"s", []int{6, 2}}}},
	} {
		err := card().Check(c.in, c.out)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "card d.yaml (a detection model) does not fit model d.onnx") {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestRedaction(t *testing.T) {
	for in, want := range map[string]string{
		"rtsp://admin:p@ss/w@rd@10.0.0.1/s?x=1": "rtsp://***@10.0.0.1/s?x=1",
		"rtsp://10.0.0.1/s?user=a&Password=b&c": "rtsp://10.0.0.1/s?user=a&Password=***&c",
		"udp://@239.1.2.3:5000":                 "udp://@239.1.2.3:5000",
		"http://u:p@h/a.ts":                     "http://***@h/a.ts",
		"clips/a.mp4":                           "clips/a.mp4",
	} {
		s := NewSource(in)
		var log bytes.Buffer
		slog.New(slog.NewTextHandler(&log, nil)).Info("x", "source", s)
		encoded, err := json.Marshal(map[string]any{"s": s})
		if err != nil {
			t.Fatal(err)
		}
		for _, got := range []string{s.String(), fmt.Sprint(s), fmt.Sprintf("%v", s), fmt.Sprintf("%+v", s), fmt.Sprintf("%#v", s), fmt.Sprintf("%s", s)} {
			if got != want {
				t.Errorf("%s is shown as %s, want %s", in, got, want)
			}
		}
		if strings.Contains(log.String()+string(encoded), "p@ss") {
			t.Errorf("secret in %s %s", log.String(), encoded)
		}
		if s.Reveal() != in {
			t.Errorf("revealed %s", s.Reveal())
		}
	}
}

func TestExpand(t *testing.T) {
	t.Setenv("A", "x")
	t.Setenv("EMPTY", "")
	for in, want := range map[string]string{"${A}${A}$A": "xx$A", "$${A}": "${A}", "a${EMPTY}b": "ab", "$": "$"} {
		if got, err := expand(in); err != nil || got != want {
			t.Errorf("%s: %q, %v", in, got, err)
		}
	}
	for _, in := range []string{"${NOT_SET_ANYWHERE}", "${}", "${A", "${A B}", "${A:-x}"} {
		if got, err := expand(in); err == nil {
			t.Errorf("%s: %q without an error", in, got)
		}
	}
}

// The committed schemas are those that the code makes; `go test ./internal/config -update` writes them.
func TestSchemas(t *testing.T) {
	for name, text := range map[string][]byte{"config.schema.json": Schema(), "card.schema.json": CardSchema()} {
		if *update {
			if err := os.WriteFile(name, text, 0o666); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(name)
		if err != nil || !bytes.Equal(got, text) {
			t.Errorf("%s is not what the code makes: go test ./internal/config -update (%v)", name, err)
		}
	}
}

// What is documented and shipped loads, and editors find it right too.
func TestShippedFiles(t *testing.T) {
	if _, err := Load("../../sightline.example.yaml"); err != nil {
		t.Error(err)
	}
	fits(t, "../../sightline.example.yaml", Schema())
	cards, err := filepath.Glob("../../models/*.yaml")
	if err != nil || len(cards) != 4 {
		t.Fatalf("cards %v, %v", cards, err)
	}
	for _, path := range cards {
		c, err := LoadCard(path)
		if err != nil {
			t.Error(err)
			continue
		}
		if onnx, err := c.ReadModel(); err != nil || len(onnx) < 100_000 {
			t.Errorf("%s: model of %d bytes, %v", path, len(onnx), err)
		}
		if c.Licence == "" || c.Origin == "" || c.Description == "" {
			t.Errorf("%s says too little: %+v", path, c)
		}
		fits(t, path, CardSchema())
	}
}

func fits(t *testing.T, path string, schema []byte) {
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	asJSON, err := yaml.YAMLToJSON(text)
	if err != nil {
		t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(asJSON))
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("s.json", document); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("s.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Validate(value); err != nil {
		t.Errorf("%s does not fit its schema: %v", path, err)
	}
}

// Whatever the text, parse answers with a configuration or with faults that have a place, and no panic.
func FuzzParse(f *testing.F) {
	example, err := os.ReadFile("../../sightline.example.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{string(example), least, "&a [*a]", "? [a]: b", "<<: *x", "a: !!binary x\nmodels: !!map {}", "cameras: [{<<: {name: a}}]", "---\n---\n", "{", "models: {detection: {card: {}}}"} {
		f.Add(seed)
	}
	dir := folder(f)
	f.Fuzz(func(t *testing.T, text string) {
		for _, parse := range []func() error{
			func() error { _, err := parse(filepath.Join(dir, "c.yaml"), []byte(text)); return err },
			func() error { _, err := parseCard(filepath.Join(dir, "m.yaml"), []byte(text)); return err },
		} {
			err := parse()
			var faults Errors
			if err != nil && !errors.As(err, &faults) {
				t.Fatalf("%T: %v", err, err)
			}
			for _, f := range faults {
				if f.Line < 1 || f.Column < 1 || f.File == "" || f.Message == "" {
					t.Fatalf("fault without a place: %+v", f)
				}
			}
		}
	})
}
