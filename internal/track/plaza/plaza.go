// Package plaza is the truth about clips/plaza-west.mp4 and clips/plaza-east.mp4: who is where in each picture, as a
// person with eyes sees it. The clips are the left and the right 480 columns of one recording 768 pixels wide, so gt.txt
// describes the whole, and a person has one number in both. README.md tells how it was made and what is doubtful.
package plaza

import (
	_ "embed"
	"fmt"
	"math"
	"strconv"
	"strings"

	"sightline/internal/result"
)

const (
	// Width and Height are the whole recording's, in pixels; both clips have its height.
	Width, Height = 768, 576
	// FPS and Frames are those of each clip.
	FPS, Frames = 10, 120
	// Wanted is the least visible share of a person that counts: of less one cannot tell where the box ends.
	Wanted = 0.25
)

// Person is somebody in one picture.
type Person struct {
	// Identity is from 1, the same number is the same person in every picture of both clips.
	Identity int
	// Box is around the whole body, of which parts may be hidden.
	Box result.Box
	// Visible is the share of the box that nothing hides and that lies in the picture.
	Visible float64
	// Counts is false where too little is visible or it is doubtful who it is: neither a box there nor none is an error.
	Counts bool
}

// View is the part of the recording that a clip shows.
type View struct {
	Name        string
	Left, Right float32 // columns
}

// West and East are the two clips.
var (
	West = View{"plaza-west", 0, 480}
	East = View{"plaza-east", 288, 768}
)

//go:embed gt.txt
var text string

// Truth is everybody in the whole recording, by picture. The boxes of those who come and go reach beyond it.
func Truth() ([][]Person, error) { return parse(text, Frames) }

// People are those that a clip shows, their boxes cut at its edges and in its own coordinates.
func (v View) People(all []Person) (seen []Person) {
	for _, p := range all {
		// What nothing hides is taken to be spread evenly over the part that lies in the recording.
		whole := within(p.Box, 0, Width)
		cut := within(p.Box, v.Left, v.Right)
		if cut.Width() <= 0 || whole.Width() <= 0 {
			continue
		}
		p.Visible *= float64(cut.Width() / whole.Width())
		p.Counts = p.Counts && p.Visible >= Wanted
		p.Box = result.Box{cut[0] - v.Left, cut[1], cut[2] - v.Left, cut[3]}
		seen = append(seen, p)
	}
	return seen
}

// within is what of a box lies between two columns and in the picture's height.
func within(b result.Box, left, right float32) result.Box {
	return result.Box{max(b[0], left), max(b[1], 0), min(b[2], right), min(b[3], Height)}
}

// parse reads MOTChallenge's lines: frame from 1, number, left, top, width, height, whether it counts, class (1: a
// person), visible share.
func parse(text string, frames int) ([][]Person, error) {
	out := make([][]Person, frames)
	for i, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		var v [9]float64
		fields := strings.Split(line, ",")
		if len(fields) != len(v) {
			return nil, fmt.Errorf("plaza truth, line %d: %d fields, want %d", i+1, len(fields), len(v))
		}
		for k, field := range fields {
			n, err := strconv.ParseFloat(field, 64)
			if err != nil || math.IsNaN(n) || math.IsInf(n, 0) {
				return nil, fmt.Errorf("plaza truth, line %d: field %d is no number: %q", i+1, k+1, field)
			}
			v[k] = n
		}
		frame, number := int(v[0]), int(v[1])
		switch {
		case v[0] != float64(frame) || frame < 1 || frame > frames:
			return nil, fmt.Errorf("plaza truth, line %d: frame %g, want 1 to %d", i+1, v[0], frames)
		case v[1] != float64(number) || number < 1:
			return nil, fmt.Errorf("plaza truth, line %d: number %g, want 1 or more", i+1, v[1])
		case v[4] <= 0 || v[5] <= 0:
			return nil, fmt.Errorf("plaza truth, line %d: an empty box", i+1)
		case v[6] != 0 && v[6] != 1 || v[7] != 1:
			return nil, fmt.Errorf("plaza truth, line %d: counts %g and class %g, want 0 or 1 and 1", i+1, v[6], v[7])
		case v[8] < 0 || v[8] > 1:
			return nil, fmt.Errorf("plaza truth, line %d: visible share %g, want 0 to 1", i+1, v[8])
		}
		for _, p := range out[frame-1] {
			if p.Identity == number {
				return nil, fmt.Errorf("plaza truth, line %d: person %d is in frame %d twice", i+1, number, frame)
			}
		}
		box := result.Box{float32(v[2]), float32(v[3]), float32(v[2] + v[4]), float32(v[3] + v[5])}
		out[frame-1] = append(out[frame-1], Person{number, box, v[8], v[6] == 1})
	}
	return out, nil
}
