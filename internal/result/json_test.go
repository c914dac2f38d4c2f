package result

import (
	"bytes"
	"encoding/json"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// sample is a frame with every field set to values that rounding leaves alone.
func sample() *Frame {
	at := time.Date(2026, 3, 4, 5, 6, 7, 89_000_000, time.FixedZone("", 3600))
	f := &Frame{
		Camera: "plaza \"1\"\\\n\x7f\u2028é", Seq: 1<<53 + 1, PTS: 12.345678, Time: &at, TimeError: .0125, Width: 1280, Height: 720,
		Latency: Latency{Decode: 1.125, Queue: 0.001, Detect: 20, People: 30.5, Track: 0.25, Total: 51.999},
		Objects: []Object{
			{Track: 3, Identity: 41, Parent: 2, Detector: "near", Class: "person", Score: 0.9876, Box: Box{-0.5, 0, 1279.99, 719.01}, TrackBox: Box{-0.25, 0.5, 1279, 718},
				Mask:       &Mask{ROI: [4]int{1, 2, 31, 42}, Size: [2]int{40, 30}, Counts: RLE(`\0o1"`)},
				Attributes: []Attribute{{"clothes", "red \"coat\"", 0.5}, {"bag", "none", 1}}, ReID: []byte{0, 60, 255, 1, 7}},
			{Class: "dog", Score: 1, Box: Box{1, 2, 3, 4}},
		},
		Unseen: []Unseen{{Track: 4, Class: "dog", TrackBox: Box{1, -2, 3.5, 4}, Since: .08}, {Track: 5, Detector: "far", Class: "person", TrackBox: Box{0, 0, 1, 1}, Since: .2}},
		Areas:  []Area{{Model: "ground", Class: "road", Share: .25, Mask: &Mask{ROI: [4]int{0, 0, 3, 2}, Size: [2]int{2, 3}, Counts: RLE("06")}}},
	}
	for i := range 17 {
		f.Objects[0].Keypoints = append(f.Objects[0].Keypoints, Keypoint{float32(i) + 0.25, -1.5, 0.1234})
	}
	return f
}

// sameJSON fails unless what was encoded is f again.
func sameJSON(t *testing.T, line []byte, f *Frame) {
	t.Helper()
	var got Frame
	if err := json.Unmarshal(line, &got); err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	if (got.Time == nil) != (f.Time == nil) || got.Time != nil && !got.Time.Equal(*f.Time) {
		t.Errorf("time %v, want %v", got.Time, f.Time)
	}
	got.Time = f.Time
	if !reflect.DeepEqual(&got, f) {
		t.Errorf("got  %+v\nwant %+v", got, *f)
	}
}

func TestAppendJSON(t *testing.T) {
	f := sample()
	line := AppendJSON([]byte("kept"), f)
	if !bytes.HasPrefix(line, []byte(`kept{"camera":"plaza \"1\"\\\u000a\u007f\u2028é"`)) {
		t.Errorf("begins with %.60q", line)
	}
	if bytes.ContainsAny(line, "\n\r") {
		t.Errorf("more than one line: %q", line)
	}
	sameJSON(t, line[4:], f)

	bare := AppendJSONWithoutReID(nil, f)
	f.Objects[0].ReID = nil
	sameJSON(t, bare, f)
	sameJSON(t, AppendJSON(nil, &Frame{Objects: []Object{}}), &Frame{Objects: []Object{}})
	if got := string(AppendJSON(nil, &Frame{})); !strings.HasSuffix(got, `"objects":[]}`) {
		t.Errorf("no objects: %s", got)
	}
}

func TestAppendJSONFieldsInOrder(t *testing.T) {
	f := sample()
	f.Camera, f.Objects[0].Mask.Counts = "plaza", RLE("0o1")
	want, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	if got := AppendJSON(nil, f); !bytes.Equal(got, want) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestDecimals(t *testing.T) {
	for _, c := range []struct {
		v        float64
		decimals int
		want     string
	}{
		{0, 2, "0"}, {math.Copysign(0, -1), 2, "0"}, {-0.001, 2, "0"}, {1, 2, "1"}, {1.5, 2, "1.5"},
		{1.004999, 2, "1"}, {1.006, 2, "1.01"}, {-1.05, 2, "-1.05"}, {-0.05, 2, "-0.05"}, {0.00005, 4, "0"},
		{0.99996, 4, "1"}, {0.0001, 4, "0.0001"}, {1234567.891234, 6, "1234567.891234"},
		{100, 0, "100"}, {1e300, 6, "1" + strings.Repeat("0", 300)}, {-1 << 53, 2, "-9007199254740992"},
		{math.NaN(), 2, "0"}, {math.Inf(1), 2, "0"}, {math.Inf(-1), 2, "0"}, {math.MaxFloat64, 6, "179769313486231570" + strings.Repeat("0", 291)},
	} {
		if got := string(appendDecimal(nil, c.v, c.decimals)); got != c.want {
			t.Errorf("%v to %d decimals: %s, want %s", c.v, c.decimals, got, c.want)
		}
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 10_000 {
		v := (r.Float64()*2 - 1) * math.Pow(10, float64(r.IntN(8)))
		d := r.IntN(7)
		var got float64
		if err := json.Unmarshal(appendDecimal(nil, v, d), &got); err != nil || math.Abs(got-v) > 0.5000001/powersOfTen[d] {
			t.Fatalf("%v to %d decimals: %v, %v", v, d, got, err)
		}
	}
}

func TestNotFiniteIsNeverPrinted(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	f := &Frame{PTS: nan, Latency: Latency{nan, inf, -inf, nan, nan, nan}, Objects: []Object{{
		Score: float32(nan), Box: Box{float32(inf), float32(nan), 1, 2}, Keypoints: []Keypoint{{float32(nan), float32(inf), 3}},
	}}}
	sameJSON(t, AppendJSON(nil, f), &Frame{Objects: []Object{{Box: Box{0, 0, 1, 2}, Keypoints: []Keypoint{{0, 0, 3}}}}})
	far := time.Date(12026, 1, 1, 0, 0, 0, 0, time.UTC)
	sameJSON(t, AppendJSON(nil, &Frame{Time: &far, Objects: []Object{}}), &Frame{Objects: []Object{}})
}

func TestAppendJSONAllocatesNothing(t *testing.T) {
	f, dst := sample(), make([]byte, 0, 1<<16)
	if got := testing.AllocsPerRun(100, func() { dst = AppendJSON(dst[:0], f) }); got != 0 {
		t.Errorf("%v allocations a frame, want 0", got)
	}
}

func FuzzAppendJSON(f *testing.F) {
	f.Add("a\xffb", 1.5, float32(0.5), []byte{1})
	f.Fuzz(func(t *testing.T, text string, number float64, small float32, raw []byte) {
		frame := &Frame{Camera: text, PTS: number, Objects: []Object{{Class: text, Score: small, Box: Box{small}, ReID: raw}}}
		line := AppendJSON(nil, frame)
		var got Frame
		if err := json.Unmarshal(line, &got); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		// What encoding/json makes of the text is the judge of invalid UTF-8.
		var want string
		quoted, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(quoted, &want); err != nil || got.Camera != want {
			t.Fatalf("%q became %q, want %q (%v)", text, got.Camera, want, err)
		}
		if bytes.ContainsAny(line, "\n\r") || !bytes.Equal(got.Objects[0].ReID, raw) {
			t.Fatalf("%q", line)
		}
	})
}

// compileSchema compiles frame.schema.json and returns it as plain JSON too.
func compileSchema(t *testing.T) (*jsonschema.Schema, map[string]any) {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("frame.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	compiled, err := c.Compile("frame.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return compiled, doc.(map[string]any)
}

func TestFramesFollowTheSchema(t *testing.T) {
	s, _ := compileSchema(t)
	validate := func(line []byte) error {
		v, err := jsonschema.UnmarshalJSON(bytes.NewReader(line))
		if err != nil {
			t.Fatal(err)
		}
		return s.Validate(v)
	}
	marshalled, err := json.Marshal(sample())
	if err != nil {
		t.Fatal(err)
	}
	for name, line := range map[string][]byte{
		"encoding/json": marshalled, "AppendJSON": AppendJSON(nil, sample()), "empty": AppendJSON(nil, &Frame{}),
	} {
		if err := validate(line); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, change := range map[string][2]string{
		"unknown field": {`{"camera"`, `{"cam":1,"camera"`},
		"no camera":     {`"camera":"",`, ``},
		"wrong type":    {`"width":0`, `"width":"0"`},
		"null objects":  {`"objects":[]`, `"objects":null`},
		"short box":     {`"objects":[]`, `"objects":[{"track":1,"class":"a","score":1,"box":[1,2,3]}]`},
		"bad time":      {`"width":0`, `"width":0,"time":"yesterday"`},
	} {
		line := bytes.Replace(AppendJSON(nil, &Frame{}), []byte(change[0]), []byte(change[1]), 1)
		if validate(line) == nil {
			t.Errorf("%s passes: %s", name, line)
		}
	}
}

// TestSchemaHasEveryField compares names, and what must be there, with the struct tags.
func TestSchemaHasEveryField(t *testing.T) {
	_, doc := compileSchema(t)
	defs := doc["$defs"].(map[string]any)
	for _, typ := range []reflect.Type{
		reflect.TypeFor[Frame](), reflect.TypeFor[Latency](), reflect.TypeFor[Object](), reflect.TypeFor[Mask](),
		reflect.TypeFor[Unseen](),
	} {
		def, ok := defs[typ.Name()].(map[string]any)
		if !ok {
			t.Errorf("no definition of %s", typ.Name())
			continue
		}
		var all, required []string
		for i := range typ.NumField() {
			name, rest, _ := strings.Cut(typ.Field(i).Tag.Get("json"), ",")
			if name == "-" {
				continue
			}
			all = append(all, name)
			if rest != "omitempty" && rest != "omitzero" {
				required = append(required, name)
			}
		}
		var described, demanded []string
		for name := range def["properties"].(map[string]any) {
			described = append(described, name)
		}
		for _, name := range def["required"].([]any) {
			demanded = append(demanded, name.(string))
		}
		slices.Sort(all)
		slices.Sort(required)
		slices.Sort(described)
		slices.Sort(demanded)
		if !slices.Equal(all, described) || !slices.Equal(required, demanded) {
			t.Errorf("%s: schema has %v (required %v), Go has %v (required %v)", typ.Name(), described, demanded, all, required)
		}
	}
}

func BenchmarkAppendJSON(b *testing.B) {
	f, dst := sample(), make([]byte, 0, 1<<16)
	for b.Loop() {
		dst = AppendJSON(dst[:0], f)
	}
}
