package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"sightline/internal/metrics"
)

// wellFormed reads a page and fails on anything that is not closed, closed twice or badly quoted. It
// returns all attributes and the text outside of styles.
func wellFormed(t *testing.T, page string) (attributes []xml.Attr, text string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(page))
	void := []string{"meta", "img", "br", "link", "input", "hr"}
	var open []string
	for {
		token, err := d.RawToken()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			line, column := d.InputPos()
			t.Fatalf("%d:%d: %v", line, column, err)
		}
		switch x := token.(type) {
		case xml.StartElement:
			attributes = append(attributes, x.Attr...)
			if !slices.Contains(void, x.Name.Local) {
				open = append(open, x.Name.Local)
			}
		case xml.EndElement:
			if len(open) == 0 {
				t.Fatalf("nothing is open at </%s>", x.Name.Local)
			}
			last := open[len(open)-1]
			open = open[:len(open)-1]
			// The decoder reports a self-closed element, as SVG's are, like a closed one.
			if last != x.Name.Local {
				t.Fatalf("<%s> closed by </%s>", last, x.Name.Local)
			}
		case xml.CharData:
			if !slices.Contains(open, "style") {
				text += string(x)
			}
		}
	}
	if len(open) > 0 {
		t.Fatalf("still open at the end: %v", open)
	}
	return attributes, text
}

func render(t *testing.T, r Report) string {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestPage checks the page of a realistic run. With REPORT_OUT set it leaves the page there for a look.
func TestPage(t *testing.T) {
	page := render(t, sample(t))
	if path := os.Getenv("REPORT_OUT"); path != "" {
		if err := os.WriteFile(path, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	attributes, text := wellFormed(t, page)
	ids := map[string]bool{}
	for _, a := range attributes {
		if a.Name.Local == "id" {
			if ids[a.Value] {
				t.Errorf("id %s twice", a.Value)
			}
			ids[a.Value] = true
		}
	}
	pictures := 0
	for _, a := range attributes {
		switch a.Name.Local {
		case "src":
			pictures++
			if !strings.HasPrefix(a.Value, "data:image/jpeg;base64,") {
				t.Errorf("src=%.40q", a.Value)
			}
		case "href":
			if !strings.HasPrefix(a.Value, "#") || !ids[a.Value[1:]] {
				t.Errorf("href=%q leads nowhere", a.Value)
			}
		}
	}
	if pictures != 4 {
		t.Errorf("%d pictures, want 4", pictures)
	}
	if outside := regexp.MustCompile(`(?i)https?:|@import|url\(|<script|<link|srcset`).FindString(page); outside != "" {
		t.Errorf("the page is not self-contained: %q", outside)
	}
	bare := regexp.MustCompile(`base64,[^"]*`).ReplaceAllString(page, "")
	if bad := regexp.MustCompile(`ZgotmplZ|\bNaN\b|\bInf\b|%!`).FindString(bare); bad != "" {
		t.Errorf("the page contains %q", bad)
	}
	for _, want := range []string{"HOST DEVICE: development only", "plaza-1", "plaza-2", "plaza-west", "plaza-east", "1\u202f580",
		"detect", "parallel", "out/plaza-1.jsonl", "p95", "decoder overtaken"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if n := strings.Count(page, "<svg"); n != 8 {
		t.Errorf("%d plots, want 8", n)
	}
}

func TestPageEscapesEverything(t *testing.T) {
	evil := `"><script>alert(1)</script><img src='http://x/'>&{{.}}`
	r := sample(t)
	r.Title, r.Command, r.Version, r.Device, r.Runtime, r.Notice, r.Mode, r.Machine = evil, evil, evil, evil, evil, evil, evil, evil
	r.Models, r.Outputs = []Model{{evil, evil}}, []string{evil}
	c := &r.Cameras[0]
	c.Name, c.Source, c.Caption, c.Failure, c.Outputs = evil, evil, evil, evil, []string{evil}
	c.DroppedBy = map[string]uint64{evil: 3}
	c.Stages[0].Name = evil
	page := render(t, r)
	_, text := wellFormed(t, page)
	if strings.Contains(page, "<script") || strings.Contains(page, "<img src='") {
		t.Error("something was not escaped")
	}
	if n := strings.Count(text, evil); n < 14 {
		t.Errorf("the text appears %d times", n)
	}
}

func TestPageOfLittleOrNothing(t *testing.T) {
	inf, nan := math.Inf(1), math.NaN()
	for name, r := range map[string]Report{
		"nothing":        {},
		"no frames":      {Cameras: []Camera{{Name: "gate"}}},
		"one frame":      {Cameras: []Camera{{Name: "gate", Frames: 1, Series: []metrics.Point{{PTS: 1, TotalMS: 3, PeakMS: 3}}}}},
		"two at once":    {Cameras: []Camera{{Name: "gate", Frames: 2, Series: []metrics.Point{{PTS: 1}, {PTS: 1}}}}},
		"time goes back": {Cameras: []Camera{{Name: "gate", Frames: 2, Series: []metrics.Point{{PTS: 2}, {PTS: 1}}}}},
		"no latency":     {Cameras: []Camera{{Name: "gate", Frames: 2, Series: []metrics.Point{{PTS: 1}, {PTS: 2}}}}},
		"not numbers": {Cameras: []Camera{{Name: "gate", Frames: 2, People: nan, FPS: inf, MaxPeople: -1, Stages: []Stage{{"decode", metrics.Quantiles{Mean: inf}}},
			Latency: metrics.Quantiles{Mean: inf, P95: nan}, Series: []metrics.Point{{PTS: 1, TotalMS: nan}, {PTS: 2, PeakMS: inf}}}}},
	} {
		t.Run(name, func(t *testing.T) {
			page := render(t, r)
			wellFormed(t, page)
			if strings.Contains(page, "ZgotmplZ") {
				t.Error("a value did not fit its place")
			}
			if name != "no latency" && strings.Contains(page, "<svg") {
				t.Error("a plot of nothing")
			}
			if err := Table(io.Discard, r); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestPageRefusesOtherPictures(t *testing.T) {
	var b bytes.Buffer
	err := Write(&b, Report{Cameras: []Camera{{Name: "gate", Picture: []byte("<svg onload=alert(1)>")}}})
	if err == nil || !strings.Contains(err.Error(), `"gate"`) || b.Len() != 0 {
		t.Errorf("%v, %d bytes written", err, b.Len())
	}
}

type fullDisk struct{}

var errFull = errors.New("disk full")

func (fullDisk) Write([]byte) (int, error) { return 0, errFull }

func TestWritersErrorsArePassedOn(t *testing.T) {
	if err := Write(fullDisk{}, Report{}); !errors.Is(err, errFull) {
		t.Errorf("page: %v", err)
	}
	if err := Table(fullDisk{}, Report{}); !errors.Is(err, errFull) {
		t.Errorf("table: %v", err)
	}
}

func TestTable(t *testing.T) {
	r := Report{Notice: "HOST DEVICE: development only", Elapsed: 40 * time.Second, Latency: metrics.Quantiles{P50: 71, P95: 120.4, P99: 1543.2},
		Outputs: []string{"out/report.html"},
		Cameras: []Camera{
			{Name: "plaza-1", Frames: 395, People: 6.14, MaxPeople: 9, Tracks: 14, FPS: 12.34, Outputs: []string{"out/plaza-1.jsonl", "out/plaza-1.jpg"},
				Latency: metrics.Quantiles{P50: 71.04, P95: 102.6, P99: 144}},
			{Name: "Zufahrt \u00fc\x1b[31m", Frames: 5, Dropped: 1200, Tracks: 1, FPS: 0.1, Latency: metrics.Quantiles{P50: 0.5, P95: 9.96, P99: 99.94}},
			{Name: "dead", Failure: "open camera: no such file\n"},
		}}
	var b bytes.Buffer
	if err := Table(&b, r); err != nil {
		t.Fatal(err)
	}
	want := `HOST DEVICE: development only

camera          frames  people  most  tracks   fps  p50 ms  p95 ms  p99 ms  dropped
plaza-1            395     6.1     9      14  12.3    71.0     103     144        0
Zufahrt ü?[31m       5     0.0     0       1   0.1    0.50    10.0    99.9     1200
dead                 0     0.0     0       0   0.0       -       -       -        0
all                400                    15  10.0    71.0     120    1543     1200

dead failed: open camera: no such file?

wrote
  out/plaza-1.jsonl
  out/plaza-1.jpg
  out/report.html
`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}

func TestNewCameraTakesAllCounters(t *testing.T) {
	registry := metrics.New()
	m := registry.Camera("gate")
	m.Frame(metrics.Latency{1, 2, 3, 4, 5, 16}, 3, 0)
	m.Frame(metrics.Latency{1, 2, 3, 4, 5, 16}, 5, 1)
	m.Dropped("newer picture")
	c := NewCamera(registry.Snapshot().Cameras[0])
	if c.Name != "gate" || c.Frames != 2 || c.People != 4 || c.MaxPeople != 5 || c.Dropped != 1 || c.DroppedBy["newer picture"] != 1 ||
		c.Latency.Max != 16 || len(c.Series) != 2 {
		t.Errorf("%+v", c)
	}
	names := ""
	for i, s := range c.Stages {
		names += s.Name + " "
		if s.Max != float64(i+1) {
			t.Errorf("stage %s: %+v", s.Name, s)
		}
	}
	if names != "decode queue detect people track " {
		t.Errorf("stages %s", names)
	}
}

func TestBarsFillTheWhole(t *testing.T) {
	stage := func(name string, mean float64) Stage { return Stage{name, metrics.Quantiles{Mean: mean}} }
	for _, c := range []struct {
		total float64
		want  []float64
	}{{20, []float64{25, 50, 25}}, {15, []float64{100. / 3, 200. / 3}}, {10, []float64{100. / 3, 200. / 3}}} {
		got := bars(&Camera{Latency: metrics.Quantiles{Mean: c.total}, Stages: []Stage{stage("decode", 5), stage("detect", 10)}})
		if len(got) != len(c.want) {
			t.Fatalf("total %g: %+v", c.total, got)
		}
		left := 0.0
		for i, b := range got {
			if math.Abs(b.Width-c.want[i]) > 1e-9 || math.Abs(b.Left-left) > 1e-9 {
				t.Errorf("total %g: bar %d is %+v", c.total, i, b)
			}
			left += b.Width
		}
	}
}

func TestAxes(t *testing.T) {
	for _, c := range []struct {
		top   float64
		whole bool
		want  string
	}{
		{83, false, "0 50 100"}, {0, false, "0 1"}, {1, true, "0 1"}, {9, true, "0 5 10"}, {3, true, "0 1 2 3"},
		{0.031, false, "0 0.01 0.02 0.03 0.04"}, {2000, false, "0 500 1000 1500 2000"},
	} {
		a, ticks := fromZero(c.top, c.whole)
		var got []string
		for _, k := range ticks {
			got = append(got, k.Text)
		}
		if strings.Join(got, " ") != c.want || a.hi < c.top || ticks[len(ticks)-1].At != 100 {
			t.Errorf("up to %g: %v", c.top, got)
		}
	}
	for _, c := range []struct{ from, to float64 }{{0, 39.4}, {0, 0.2}, {7, 400}, {3600, 90_000}, {1e9, 1e9 + 5}} {
		_, ticks := timeAxis([]metrics.Point{{PTS: c.from}, {PTS: c.to}})
		if len(ticks) < 2 || len(ticks) > 11 {
			t.Errorf("%g to %g: %v", c.from, c.to, ticks)
		}
		for i, k := range ticks {
			if strings.HasPrefix(k.Text, "-") {
				t.Errorf("%g to %g: tick %q", c.from, c.to, k.Text)
			}
			if k.At < 0 || k.At > 100 || i > 0 && k.At <= ticks[i-1].At {
				t.Errorf("%g to %g: %v", c.from, c.to, ticks)
			}
		}
	}
}

func TestNumbers(t *testing.T) {
	for got, want := range map[string]string{
		milliseconds(0): "0.00", milliseconds(0.994): "0.99", milliseconds(0.995): "1.0", milliseconds(99.9): "99.9",
		milliseconds(99.96): "100", milliseconds(-1): "–", count(0): "0", count(999): "999", count(1000): "1\u202f000",
		count(1234567): "1\u202f234\u202f567", elapsed(0): "", elapsed(59900 * time.Millisecond): "59.9 s", elapsed(61 * time.Second): "1 min 01 s",
		elapsed(3 * time.Hour): "3 h 00 min", causes(map[string]uint64{"a": 1, "c": 7, "b": 7}): "7 b, 7 c, 1 a",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if got := fmt.Sprint(printable("a\tb\u202e\x00é")); got != "a?b??é" {
		t.Errorf("printable: %q", got)
	}
}
