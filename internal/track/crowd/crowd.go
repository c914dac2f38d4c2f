// Package crowd makes scenes of walking people whose identities are known, shows them as a detector
// and a re-identification network would, and counts what a tracker makes of them. The same seed and
// level give the same scene on every machine.
package crowd

import (
	"time"

	"sightline/internal/result"
)

// Level is how difficult a scene is. Lengths are shares of a person's height unless they say pixels,
// chances are for one person in one frame.
type Level struct {
	Name          string
	Width, Height int     // of the picture, in pixels
	FPS           float64 // frames a second
	Frames        int
	People        int // that are in the scene at a time
	// Tallest and Smallest are the heights in pixels of people at the picture's lower and upper edge.
	Tallest, Smallest float64
	Speed             float64 // heights a second, the mean
	Turning           float64 // radians that a heading wanders in a second
	Pillars           int     // upright obstacles that hide people

	Jitter  float64 // deviation of each edge of a box
	Miss    float64 // of a person in full sight
	False   float64 // false positives a frame; half of them stay in place for a while
	Shake   float64 // pixels, deviation of the camera's position; it follows itself within half a second
	Jolt    float64 // chance a frame that the camera jumps by several times Shake
	Pan     float64 // pixels a second
	Classes int     // people are of so many classes, 1 as a rule

	// Alike is the cosine of the true appearances of two people, on average; Noise is the length of what
	// is added to a vector of length 1 at each sight. Both set the quality of the appearance:
	// the same person twice has a cosine of about 1/(1+Noise²).
	Alike, Noise float64
}

// Levels are the scenes that trackers are judged on, the easiest first.
var Levels = []Level{
	{Name: "easy", Width: 1280, Height: 720, FPS: 25, Frames: 400, People: 10, Tallest: 200, Smallest: 80, Speed: 0.6, Turning: 0.2,
		Jitter: 0.01, Miss: 0.01, False: 0.05, Classes: 1, Alike: 0.2, Noise: 0.4},
	{Name: "busy", Width: 1920, Height: 1080, FPS: 25, Frames: 400, People: 30, Tallest: 260, Smallest: 90, Speed: 0.7, Turning: 0.4, Pillars: 2,
		Jitter: 0.02, Miss: 0.04, False: 0.4, Shake: 1, Classes: 1, Alike: 0.4, Noise: 0.6},
	{Name: "slow", Width: 1280, Height: 720, FPS: 8, Frames: 300, People: 18, Tallest: 220, Smallest: 80, Speed: 0.6, Turning: 0.4, Pillars: 1,
		Jitter: 0.02, Miss: 0.05, False: 0.3, Classes: 1, Alike: 0.4, Noise: 0.6},
	{Name: "shaken", Width: 1280, Height: 720, FPS: 25, Frames: 400, People: 20, Tallest: 200, Smallest: 80, Speed: 0.7, Turning: 0.4, Pillars: 1,
		Jitter: 0.02, Miss: 0.04, False: 0.3, Shake: 9, Jolt: 0.03, Pan: 15, Classes: 1, Alike: 0.4, Noise: 0.6},
	{Name: "dense", Width: 1920, Height: 1080, FPS: 25, Frames: 400, People: 60, Tallest: 240, Smallest: 90, Speed: 0.7, Turning: 0.6, Pillars: 3,
		Jitter: 0.03, Miss: 0.08, False: 0.8, Shake: 2, Classes: 1, Alike: 0.5, Noise: 0.8},
}

// Truth is one person in one frame.
type Truth struct {
	Identity int // from 1; somebody who leaves does not come back
	Box      result.Box
	Visible  float64 // share of the box that nothing hides and that lies in the picture
	Class    string
}

// Frame is one picture: who is there, and what is seen of it.
type Frame struct {
	PTS   time.Duration
	Truth []Truth
	// Camera is how far the picture is moved from where a camera at rest would show it, in pixels.
	Camera [2]float64
	// Objects is what the detector found, in no order of identities; Who is the identity of each, 0
	// for a false positive, and Vectors its appearance, of length 1.
	Objects []result.Object
	Who     []int
	Vectors [][]float32
}

// Scene is a whole recording.
type Scene struct {
	Level  Level
	Seed   uint64
	Frames []Frame
}

// Make plays a level. Its memory grows with frames times people.
func Make(level Level, seed uint64) *Scene {
	w := newWorld(level, seed)
	s := &Scene{Level: level, Seed: seed}
	for i := range level.Frames {
		w.step()
		f := Frame{PTS: time.Duration(float64(i) / level.FPS * float64(time.Second))}
		f.Truth = w.truth()
		f.Camera[0], f.Camera[1] = w.offset()
		w.detect(&f)
		s.Frames = append(s.Frames, f)
	}
	return s
}
