// Command judge writes synthetic crowds and the two plaza clips as MOTChallenge files, and what our trackers make of
// them, for judge.py to have both scored by TrackEval beside other people's trackers. See `make tracks`.
package main

import (
	"bufio"
	"encoding/binary"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"sightline/internal/result"
	"sightline/internal/track"
	"sightline/internal/track/crowd"
)

// memory is how long every tracker, ours and theirs, keeps a track that is not seen.
const memory = 2 * time.Second

const slots = 128

func main() {
	out := flag.String("out", "out/tracks", "folder to write to")
	seeds := flag.Uint64("seeds", 4, "scenes a level")
	first := flag.Uint64("first", 100, "seed of the first; the bounds in go test use 0 to 2")
	program := flag.String("sightline", "bin/sightline", "the program that looks at the plaza clips")
	least := flag.Float64("least", 0.1, "least score of an object in the plaza clips; the rounds for doubtful objects live on low ones")
	flag.Parse()
	err := recorded(*program, *out, *least)
	for _, level := range crowd.Levels {
		for seed := *first; err == nil && seed < *first+*seeds; seed++ {
			err = write(*out, fmt.Sprintf("%s-%d", level.Name, seed), crowd.Make(level, seed))
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func write(out, name string, s *crowd.Scene) error {
	if err := scene(filepath.Join(out, "gt", "crowd-train", name), name, s); err != nil {
		return err
	}
	if err := detections(filepath.Join(out, "det"), name, s); err != nil {
		return err
	}
	for _, m := range track.Methods {
		if err := play(filepath.Join(out, "trackers", "crowd-train"), name, m, s); err != nil {
			return err
		}
	}
	return nil
}

// play writes what a method makes of a scene three times: all that it tells; "seen", only what the detector
// saw, as other people's trackers tell it; and "boxes", that with the detector's own boxes.
func play(dir, name string, m track.Method, s *crowd.Scene) error {
	t, err := track.New(track.Options{Method: m, Update: 0.1, Lost: memory, Slots: slots})
	if err != nil {
		return err
	}
	unseen := make([][]result.Unseen, 0, len(s.Frames))
	score := crowd.Play(s, slots, func(pts time.Duration, objects []result.Object, cosines []float32, actions []int32) {
		t.Update(pts, objects, track.Appearance{Cosines: cosines, Actions: actions})
		unseen = append(unseen, t.Unseen(nil, s.Level.Width, s.Level.Height))
	})
	fmt.Printf("%-12s %-10s IDF1 %.4f MOTA %.4f, %d switches\n", name, m, score.IDF1, score.MOTA(), score.Switches)
	for _, variant := range []string{"", "-seen", "-boxes"} {
		if variant != "" && m == track.IoU {
			continue // it tells the detector's boxes anyway
		}
		err := create(filepath.Join(dir, "sightline-"+string(m)+variant, "data", name+".txt"), func(w *bufio.Writer) {
			for i, f := range s.Frames {
				for _, o := range f.Objects {
					b := o.TrackBox
					if variant == "-boxes" {
						b = o.Box
					}
					if o.Track != 0 {
						row(w, i, o.Track, b, float64(o.Score), -1, -1)
					}
				}
				for _, u := range unseen[i] {
					if variant == "" {
						row(w, i, u.Track, u.TrackBox, 0, -1, -1)
					}
				}
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// distractor is the MOTChallenge class that is not counted, and neither are boxes that lie on it: people
// of whom next to nothing is to be seen.
const distractor = 8

func scene(dir, name string, s *crowd.Scene) error {
	err := create(filepath.Join(dir, "gt", "gt.txt"), func(w *bufio.Writer) {
		for i, f := range s.Frames {
			for _, t := range f.Truth {
				counts, class := 1.0, 1
				if t.Visible < crowd.Wanted {
					counts, class = 0, distractor
				}
				row(w, i, int64(t.Identity), t.Box, counts, float64(class), t.Visible)
			}
		}
	})
	if err != nil {
		return err
	}
	return create(filepath.Join(dir, "seqinfo.ini"), func(w *bufio.Writer) {
		l := s.Level
		fmt.Fprintf(w, "[Sequence]\nname=%s\nimDir=img1\nframeRate=%g\nseqLength=%d\nimWidth=%d\nimHeight=%d\nimExt=.jpg\n",
			name, l.FPS, len(s.Frames), l.Width, l.Height)
	})
}

func row(w *bufio.Writer, frame int, number int64, b result.Box, score, class, visible float64) {
	fmt.Fprintf(w, "%d,%d,%.2f,%.2f,%.2f,%.2f,%.4f,%g,%.3f\n", frame+1, number, b[0], b[1], b.Width(), b.Height(), score, class, visible)
}

// detections writes a text line an object, its vector as float32 to a second file in the same order, and
// the camera's place a frame to a third, from which judge.py makes pictures for those who want some.
func detections(dir, name string, s *crowd.Scene) error {
	err := create(filepath.Join(dir, name+".txt"), func(w *bufio.Writer) {
		for i, f := range s.Frames {
			for _, o := range f.Objects {
				row(w, i, -1, o.Box, float64(o.Score), -1, -1)
			}
		}
	})
	if err != nil {
		return err
	}
	err = create(filepath.Join(dir, name+".vectors"), func(w *bufio.Writer) {
		for _, f := range s.Frames {
			for _, v := range f.Vectors {
				binary.Write(w, binary.LittleEndian, v) // bufio keeps the error for Flush
			}
		}
	})
	if err != nil {
		return err
	}
	return create(filepath.Join(dir, name+".camera"), func(w *bufio.Writer) {
		for _, f := range s.Frames {
			fmt.Fprintf(w, "%.3f %.3f\n", f.Camera[0], f.Camera[1])
		}
	})
}

func create(name string, fill func(w *bufio.Writer)) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	fill(w)
	if err := w.Flush(); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
