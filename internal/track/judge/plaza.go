package main

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"sightline/internal/result"
	"sightline/internal/track/crowd"
	"sightline/internal/track/plaza"
)

// recorded writes the two plaza clips as further scenes: real pictures, seen by the demo's detector and ReID model. Objects
// of a score less than least are not told to any tracker.
func recorded(program, out string, least float64) error {
	truth, err := plaza.Truth()
	if err != nil {
		return err
	}
	dir := filepath.Join(out, "plaza")
	if err := see(program, dir, least); err != nil {
		return err
	}
	for _, view := range []plaza.View{plaza.West, plaza.East} {
		frames, err := read(filepath.Join(dir, view.Name+".jsonl"))
		if err != nil {
			return err
		}
		s, err := asScene(view, truth, frames)
		if err != nil {
			return err
		}
		if err := write(out, view.Name, s); err != nil {
			return err
		}
		// judge.py shows these pictures to those who estimate the camera's motion from some.
		err = create(filepath.Join(out, "det", view.Name+".video"), func(w *bufio.Writer) { fmt.Fprint(w, clip(view)) })
		if err != nil {
			return err
		}
	}
	return nil
}

func clip(view plaza.View) string { return "clips/" + view.Name + ".mp4" }

// see runs the program on the clips; its results go to an empty folder.
func see(program, dir string, least float64) error {
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	path := filepath.Join(dir, "config.yaml")
	err := create(path, func(w *bufio.Writer) {
		fmt.Fprintf(w, "device: host\nmodels: { detection: { card: models/detection.yaml, threshold: %g }, reid: models/reid.yaml }\ncameras:\n", least)
		for _, view := range []plaza.View{plaza.West, plaza.East} {
			fmt.Fprintf(w, "  - { name: %s, source: %s }\n", view.Name, clip(view))
		}
		fmt.Fprintf(w, "sinks: [{ type: jsonl, dir: %s, reid: true }]\n", dir)
	})
	if err != nil {
		return err
	}
	if text, err := exec.Command(program, "run", path).CombinedOutput(); err != nil {
		return fmt.Errorf("%s run %s: %w\n%s", program, path, err, text)
	}
	return nil
}

func read(path string) (frames []result.Frame, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	for d := json.NewDecoder(bufio.NewReader(f)); d.More(); {
		frames = append(frames, result.Frame{})
		if err := d.Decode(&frames[len(frames)-1]); err != nil {
			return nil, fmt.Errorf("%s, line %d: %w", path, len(frames), err)
		}
	}
	return frames, nil
}

// asScene brings what is true and what was seen into the form of the crowds. The camera is at rest.
func asScene(view plaza.View, truth [][]plaza.Person, seen []result.Frame) (*crowd.Scene, error) {
	if len(seen) != len(truth) {
		return nil, fmt.Errorf("%s: %d pictures, the truth is about %d", view.Name, len(seen), len(truth))
	}
	s := &crowd.Scene{Level: crowd.Level{
		Name: "plaza", Width: int(view.Right - view.Left), Height: plaza.Height, FPS: plaza.FPS, Frames: plaza.Frames,
	}}
	for i, frame := range seen {
		f := crowd.Frame{PTS: time.Duration(i) * time.Second / plaza.FPS}
		for _, p := range view.People(truth[i]) {
			if !p.Counts {
				p.Visible = 0 // so that it is left out as those in the crowds whom next to nothing is to be seen of
			}
			f.Truth = append(f.Truth, crowd.Truth{Identity: p.Identity, Box: p.Box, Visible: p.Visible, Class: "person"})
		}
		for _, o := range frame.Objects {
			if o.Class == "person" {
				f.Objects = append(f.Objects, result.Object{Class: o.Class, Score: o.Score, Box: o.Box})
				f.Vectors = append(f.Vectors, widen(o.ReID))
			}
		}
		s.Frames = append(s.Frames, f)
	}
	return s, nil
}

// widen makes float32 of little-endian float16, which a vector of length 1 has neither infinities nor NaN of.
func widen(raw []byte) []float32 {
	out := make([]float32, len(raw)/2)
	for i := range out {
		h := binary.LittleEndian.Uint16(raw[2*i:])
		exponent, fraction := int(h>>10&31), float64(h&0x3ff)/1024
		if exponent == 0 {
			exponent = 1
		} else {
			fraction++
		}
		out[i] = float32(math.Copysign(math.Ldexp(fraction, exponent-15), 0.5-float64(h>>15)))
	}
	return out
}
