package report

import (
	"encoding/json"
	"image"
	"image/draw"
	"image/png"
	"math"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	annotate "sightline/internal/draw"
	"sightline/internal/metrics"
	"sightline/internal/result"
)

// picture is the golden picture with its golden objects drawn in, as a JPEG.
func picture(t *testing.T) []byte {
	t.Helper()
	file, err := os.Open("../golden/plaza.png")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	decoded, err := png.Decode(file)
	if err != nil {
		t.Fatal(err)
	}
	img := image.NewRGBA(decoded.Bounds())
	draw.Draw(img, img.Bounds(), decoded, image.Point{}, draw.Src)
	text, err := os.ReadFile("../golden/plaza.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		Width, Height int
		Detections    []struct {
			Name      string
			Score     float32
			Box       result.Box
			Keypoints []result.Keypoint
		}
	}
	if err := json.Unmarshal(text, &golden); err != nil {
		t.Fatal(err)
	}
	f := &result.Frame{Width: golden.Width, Height: golden.Height}
	for i, d := range golden.Detections {
		f.Objects = append(f.Objects, result.Object{Track: int64(i + 1), Class: d.Name, Score: d.Score, Box: d.Box, Keypoints: d.Keypoints})
	}
	annotate.Annotate(img, f)
	out, err := annotate.JPEG(img, 0)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// sample is a run like the demo's: four cameras of 395 frames, a slow start and one hiccup.
func sample(t *testing.T) Report {
	t.Helper()
	random := rand.New(rand.NewPCG(5, 6))
	registry := metrics.New()
	r := Report{
		Title: "Sightline demo", Command: "sightline demo", Version: "0.1.0 (a06b607)",
		Device: "host: AMD EPYC, 2 cores", Runtime: "ONNX Runtime 1.32.0", Notice: "HOST DEVICE: development only",
		Mode: "parallel", Machine: "linux/amd64, 2 cores, 8 GiB",
		Models: []Model{{"detection", "YOLOX-nano 416x416"}, {"pose", "RTMPose-t 256x192"}, {"segmentation", "person mask 128x64"}, {"reid", "OSNet x0.25 256x128"}},
		Start:  time.Date(2026, 11, 23, 22, 41, 7, 0, time.UTC), Elapsed: 64300 * time.Millisecond,
		Outputs: []string{"out/report.html"},
	}
	jpeg := picture(t)
	for i, name := range []string{"plaza-1", "plaza-2", "plaza-west", "plaza-east"} {
		m := registry.Camera(name)
		for f := range 395 {
			people := 4 + int(3*math.Sin(float64(f)/60+float64(i))+random.Float64())
			l := metrics.Latency{4 + random.Float64()*3, 20 + 10*random.Float64(), 38 + 6*random.NormFloat64(),
				8 + 9*float64(people) + 4*random.NormFloat64(), 0.2 + 0.05*random.Float64()}
			if f == 0 || f == 210+i*30 {
				l[metrics.Queue] += 180
			}
			for _, ms := range l {
				l[metrics.Total] += ms
			}
			l[metrics.Total] += 3
			m.Frame(l, people, float64(f)/10)
		}
		if i == 2 {
			for range 17 {
				m.Dropped("decoder overtaken by newer picture")
			}
			m.Dropped("rate limit")
		}
	}
	s := registry.Snapshot()
	r.Latency = s.Latency[metrics.Total]
	for i, one := range s.Cameras {
		c := NewCamera(one)
		c.FPS = 6.1 + float64(i)/10
		c.Tracks = 14 + 3*i
		c.Source = "clips/" + c.Name + ".mp4"
		c.Picture, c.Caption = jpeg, "frame 240 at 24.0 s: boxes with track numbers, skeletons, masks"
		c.Outputs = []string{"out/" + c.Name + ".jsonl", "out/" + c.Name + ".jpg"}
		r.Cameras = append(r.Cameras, c)
	}
	return r
}
