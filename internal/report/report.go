// Package report tells a person what a run did: one self-contained HTML page, and the same table as
// text for a terminal.
package report

import (
	"time"

	"sightline/internal/metrics"
)

// Report is all that is told. Empty fields are left out of the page.
type Report struct {
	// Title heads the page, for example "Sightline demo".
	Title string
	// Command is what was typed, Version the program's.
	Command, Version string
	// Device and Runtime name what did the work; Notice is the device's warning and is shown on top.
	Device, Runtime, Notice string
	// Mode is the inference mode, Machine the host with its processor and memory.
	Mode, Machine string
	// Load sums up how busy the device was.
	Load    string
	Models  []Model
	Start   time.Time
	Elapsed time.Duration
	Cameras []Camera
	// Latency is that of all cameras' frames together; the zero value stands for unknown.
	Latency metrics.Quantiles
	// Outputs are files that do not belong to one camera.
	Outputs []string
}

// Model is one of the models that ran.
type Model struct {
	// Name is what it is used for, Detail which one it is.
	Name, Detail string
}

// Camera is what one camera did.
type Camera struct {
	Name, Source    string
	Frames, Dropped uint64
	// DroppedBy is Dropped by cause; LeftOut are pictures above the frame rate limit, which are not lost but unwanted.
	DroppedBy map[string]uint64
	LeftOut   uint64
	// People is the mean number of people a frame, MaxPeople the largest.
	People    float64
	MaxPeople int
	// Tracks is the number of different tracks.
	Tracks int
	// FPS is frames a second over the whole run.
	FPS float64
	// Latency is that of the whole way in milliseconds, Stages that of its parts.
	Latency metrics.Quantiles
	Stages  []Stage
	Series  []metrics.Point
	// Picture is a PNG or JPEG picture, Caption says which one.
	Picture []byte
	Caption string
	// Outputs are the files that were written for the camera.
	Outputs []string
	// Failure says why the camera stopped before its end.
	Failure string
}

// Stage is a part of a frame's way with its times in milliseconds.
type Stage struct {
	Name string
	metrics.Quantiles
}

// NewCamera fills a camera from its counters; what those do not know (source, tracks, picture, outputs,
// failure) is left to the caller.
func NewCamera(s metrics.CameraSnapshot) Camera {
	c := Camera{Name: s.Name, Frames: s.Frames, Dropped: s.Dropped, DroppedBy: s.DroppedBy, People: s.People,
		MaxPeople: s.MaxPeople, FPS: s.MeanFPS, Latency: s.Latency[metrics.Total], Series: s.Series}
	for stage := metrics.Decode; stage < metrics.Total; stage++ {
		c.Stages = append(c.Stages, Stage{Name: stage.String(), Quantiles: s.Latency[stage]})
	}
	return c
}

// totals are the sums over a report's cameras.
type totals struct {
	Frames, Dropped uint64
	Tracks          int
	FPS             float64
}

func (r *Report) totals() totals {
	var t totals
	for i := range r.Cameras {
		c := &r.Cameras[i]
		t.Frames += c.Frames
		t.Dropped += c.Dropped
		t.Tracks += c.Tracks
	}
	// Cameras that end early would make a sum of their rates promise too much.
	if seconds := r.Elapsed.Seconds(); seconds > 0 {
		t.FPS = float64(t.Frames) / seconds
	}
	return t
}
