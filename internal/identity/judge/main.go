// Command judge runs the two plaza clips that overlap, with the demo models on the host device, and scores who was
// taken for whom, by appearance, by geometry and by both, against who it is to the eye; and it measures how well the ReID
// model tells people apart. See `make identity`.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"sightline/internal/identity"
	"sightline/internal/result"
	"sightline/internal/track/plaza"
)

const (
	west, east = "plaza-west", "plaza-east"
	// shift is where the left edge of east lies in west's picture: both are cut from one, 768 pixels wide.
	shift = 288
)

// variant is one way to recognise people.
type variant struct {
	name       string
	similarity float64
	geometry   bool
}

var variants = []variant{
	{"appearance", 0.75, false}, {"appearance", 0.80, false}, {"appearance", 0.85, false}, {"appearance", 0.90, false}, {"appearance", 0.95, false},
	{"geometry", 1, true},
	{"both", 0.75, true}, {"both", 0.80, true}, {"both", 0.85, true}, {"both", 0.90, true}, {"both", 0.95, true},
}

func main() {
	program := flag.String("sightline", "bin/sightline", "the program to judge")
	out := flag.String("out", "out/identity", "folder to write to")
	flag.Parse()
	if err := judge(*program, *out); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func judge(program, out string) error {
	everybody, err := plaza.Truth()
	if err != nil {
		return err
	}
	var told *truth
	var more []string
	fmt.Println("| by | similarity | pairs: precision | recall | F1 | same moment: precision | recall | F1 | new, join, merge, split |")
	fmt.Println("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
	for _, v := range variants {
		dir := filepath.Join(out, fmt.Sprintf("%s-%.2f", v.name, v.similarity))
		if err := run(program, dir, config(v, dir)); err != nil {
			return err
		}
		w, e, err := both(dir, west, east)
		if err != nil {
			return err
		}
		for _, f := range slices.Concat(w, e) {
			if f.Seq >= uint64(len(everybody)) {
				return fmt.Errorf("%s has a picture %d, the truth is about %d", f.Camera, f.Seq+1, len(everybody))
			}
		}
		if told == nil { // detections and tracks are the same in all runs
			told = newByEye(w, e, everybody)
			more = []string{told.agrees(newTruth(w, e)), "", "| tracks of | persons | tracks | switches | fragments | IDF1 | MOTA |", "|" + strings.Repeat(" --- |", 7),
				followed(plaza.West, w, everybody), followed(plaza.East, e, everybody)}
		}
		events, err := lines[identity.Event](filepath.Join(dir, "audit.jsonl"))
		if err != nil {
			return err
		}
		pairs, moments, kinds := told.pairs(replay(events)), told.moments(w, e), map[identity.Kind]int{}
		for _, e := range events {
			kinds[e.Kind]++
		}
		fmt.Printf("| %s | %.2f | %s | %s | %d, %d, %d, %d |\n", v.name, v.similarity, pairs, moments,
			kinds[identity.Newcomer], kinds[identity.Join], kinds[identity.Merge], kinds[identity.Split])
	}
	fmt.Println()
	fmt.Println(told)
	fmt.Println(strings.Join(more, "\n"))
	return separation(program, out, told)
}

// separation measures the cosines of people's vectors.
func separation(program, out string, told *truth) error {
	dir := filepath.Join(out, "separation")
	const cameras = "cameras:\n  - { name: plaza-west, source: clips/plaza-west.mp4 }\n  - { name: plaza-east, source: clips/plaza-east.mp4 }\n" +
		"  - { name: plaza-1, source: clips/plaza-1.mp4 }\n  - { name: plaza-2, source: clips/plaza-2.mp4 }\n"
	if err := run(program, dir, models+cameras+"sinks: [{ type: jsonl, dir: "+dir+", reid: true }]\n"); err != nil {
		return err
	}
	w, e, err := both(dir, west, east)
	if err != nil {
		return err
	}
	one, two, err := both(dir, "plaza-1", "plaza-2")
	if err != nil {
		return err
	}
	fmt.Println()
	fmt.Println("| cosines of single views | same person | | | other person | | | ROC AUC |")
	fmt.Println("| --- | --- | --- | --- | --- | --- | --- | --- |")
	fmt.Println("| | pairs | mean | 5 % below | pairs | mean | 5 % above | |")
	fmt.Println("| west and east, same moment |", told.across(w, e, 0), "|")
	fmt.Println("| west and east, 2 s apart or more |", told.across(w, e, apart), "|")
	fmt.Println("| one camera, 2 s apart or more, all four clips |", within(w, e, one, two), "|")
	return nil
}

const models = "device: host\nmodels: { detection: models/detection.yaml, reid: models/reid.yaml }\n"

func config(v variant, dir string) string {
	overlap := ""
	if v.geometry {
		overlap = fmt.Sprintf(", shift: [-%d, 0]", shift)
	}
	return models + fmt.Sprintf(`identity:
  similarity: %g
  audit: %s/audit.jsonl
  sites: [{ name: plaza, cameras: [plaza-west, plaza-east], overlap: [{ cameras: [plaza-west, plaza-east]%s }] }]
cameras:
  - { name: plaza-west, source: clips/plaza-west.mp4 }
  - { name: plaza-east, source: clips/plaza-east.mp4 }
sinks: [{ type: jsonl, dir: %s }]
`, v.similarity, dir, overlap, dir)
}

// run runs the program on a configuration in an empty folder.
func run(program, dir, config string) error {
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	path := filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(path, []byte(config), 0o666); err != nil {
		return err
	}
	text, err := exec.Command(program, "run", path).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s run %s: %w\n%s", program, path, err, text)
	}
	return nil
}

func both(dir, a, b string) (first, second []result.Frame, err error) {
	if first, err = lines[result.Frame](filepath.Join(dir, a+".jsonl")); err != nil {
		return nil, nil, err
	}
	second, err = lines[result.Frame](filepath.Join(dir, b+".jsonl"))
	return first, second, err
}

// lines reads a file of JSON lines.
func lines[T any](path string) (list []T, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	d := json.NewDecoder(bufio.NewReader(f))
	for d.More() {
		var v T
		if err := d.Decode(&v); err != nil {
			return nil, fmt.Errorf("%s, line %d: %w", path, len(list)+1, err)
		}
		list = append(list, v)
	}
	return list, nil
}
