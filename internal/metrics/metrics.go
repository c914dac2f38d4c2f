// Package metrics counts what cameras do: frames, people, latency by stage, drops by cause. It imports
// nothing of ours and a frame costs it no allocation.
package metrics

import (
	"encoding/json"
	"fmt"
	"maps"
	"sync"
	"time"
)

// Stage is a part of a frame's way.
type Stage int

// The stages in the order of a frame's way; Total is not their sum but the whole way.
const (
	Decode Stage = iota
	Queue
	Detect
	People
	Track
	Total
	// StageCount is the number of stages, Total included.
	StageCount
)

func (s Stage) String() string {
	if s < 0 || s >= StageCount {
		return fmt.Sprintf("stage %d", int(s))
	}
	return [StageCount]string{"decode", "queue", "detect", "people", "track", "total"}[s]
}

// Latency is one frame's milliseconds by Stage.
type Latency [StageCount]float64

// Registry holds a process's cameras. Its methods may be called from any goroutine.
type Registry struct {
	now func() time.Time

	mutex   sync.Mutex
	cameras []*Camera
}

// New makes an empty registry.
func New() *Registry { return &Registry{now: time.Now} }

// Camera returns the camera of that name; the first call makes it.
func (r *Registry) Camera(name string) *Camera {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	for _, c := range r.cameras {
		if c.name == name {
			return c
		}
	}
	c := &Camera{name: name, now: r.now, drops: make(map[string]uint64)}
	r.cameras = append(r.cameras, c)
	return c
}

// Camera counts for one camera. Its methods may be called from any goroutine; they hold a lock of the
// camera's own for well under a microsecond.
type Camera struct {
	name string
	now  func() time.Time

	mutex     sync.Mutex
	stage     [StageCount]histogram
	series    series
	rate      rate
	people    uint64
	looked    uint64
	maxPeople int
	dropped   uint64
	drops     map[string]uint64
}

// Frame counts one finished frame with its latency, the number of people in it and its presentation
// time in seconds. Times that are negative or not numbers count as 0.
func (c *Camera) Frame(latency Latency, people int, pts float64) {
	now := c.now()
	people = max(people, 0)
	c.mutex.Lock()
	defer c.mutex.Unlock()
	for s, ms := range latency {
		c.stage[s].add(sane(ms))
	}
	c.series.add(pts, sane(latency[Total]), people)
	c.rate.add(now)
	c.people += uint64(people)
	c.looked++
	c.maxPeople = max(c.maxPeople, people)
}

// Rested counts one finished frame that no model looked at: it has neither people nor a latency that says anything.
func (c *Camera) Rested() {
	now := c.now()
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.rate.add(now)
}

// Dropped counts one picture that was not looked at. Causes are a few fixed words: each stays for the
// life of the camera.
func (c *Camera) Dropped(cause string) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.dropped++
	c.drops[cause]++
}

// CameraSnapshot is what a camera has done so far.
type CameraSnapshot struct {
	Name   string `json:"name"`
	Frames uint64 `json:"frames"`
	// FPS is frames a second of the last ten seconds, MeanFPS from the first frame to the last.
	FPS     float64 `json:"fps"`
	MeanFPS float64 `json:"mean_fps"`
	// People is the mean number of people a frame that was looked at, MaxPeople the largest.
	People    float64 `json:"people"`
	MaxPeople int     `json:"max_people"`
	// Dropped counts pictures that were not looked at, DroppedBy the same by cause.
	Dropped   uint64            `json:"dropped"`
	DroppedBy map[string]uint64 `json:"dropped_by"`
	Latency   Stages            `json:"latency_ms"`
	// Series is the course of latency and people, at most 512 points.
	Series []Point `json:"series"`
}

// Stages are quantiles by Stage. As JSON they are an object by the stages' names.
type Stages [StageCount]Quantiles

// MarshalJSON writes an object by the stages' names.
func (s Stages) MarshalJSON() ([]byte, error) {
	named := make(map[string]Quantiles, StageCount)
	for i, q := range s {
		named[Stage(i).String()] = q
	}
	return json.Marshal(named)
}

// Snapshot is what all cameras have done so far.
type Snapshot struct {
	// Cameras are in the order in which they were first asked for.
	Cameras []CameraSnapshot `json:"cameras"`
	// Latency is that of all cameras' frames together.
	Latency Stages `json:"latency_ms"`
}

// Snapshot sums up all cameras. It costs some kilobytes a camera; once a second is fine.
func (r *Registry) Snapshot() Snapshot {
	r.mutex.Lock()
	cameras := append([]*Camera(nil), r.cameras...)
	r.mutex.Unlock()
	s := Snapshot{Cameras: make([]CameraSnapshot, 0, len(cameras))}
	all := new([StageCount]histogram)
	for _, c := range cameras {
		one, h := c.snapshot()
		s.Cameras = append(s.Cameras, one)
		for i := range all {
			all[i].merge(&h[i])
		}
	}
	s.Latency = summarize(all)
	return s
}

// Snapshot sums up this camera.
func (c *Camera) Snapshot() CameraSnapshot {
	s, _ := c.snapshot()
	return s
}

// snapshot copies the histograms under the lock and reads quantiles from the copy, so that a frame
// never waits for that.
func (c *Camera) snapshot() (CameraSnapshot, *[StageCount]histogram) {
	h := new([StageCount]histogram)
	now := c.now()
	c.mutex.Lock()
	*h = c.stage
	s := CameraSnapshot{Name: c.name, Frames: c.rate.total, FPS: c.rate.recent(now), MeanFPS: c.rate.mean(),
		MaxPeople: c.maxPeople, Dropped: c.dropped, DroppedBy: maps.Clone(c.drops), Series: c.series.points()}
	if c.looked > 0 {
		s.People = float64(c.people) / float64(c.looked)
	}
	c.mutex.Unlock()
	s.Latency = summarize(h)
	return s, h
}

func summarize(h *[StageCount]histogram) Stages {
	var s Stages
	for i := range h {
		s[i] = h[i].quantiles()
	}
	return s
}
