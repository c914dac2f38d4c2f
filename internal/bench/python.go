package bench

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"sightline/internal/camera/file"
)

// Python is the same work in Python: models/reference_loop.py.
type Python struct {
	// Interpreter has numpy, pillow and onnxruntime; Script is reference_loop.py.
	Interpreter, Script, FFmpeg string
	// Models are the uncompressed ONNX files by name.
	Models map[string][]byte
	// Threads is what one process may use in an operator.
	Threads int
	// Together runs a process for every clip at the same time; otherwise one process takes them one
	// after the other.
	Together bool
}

// Run reads every clip once. Loading the models is not counted.
func (p Python) Run(clips []string) (f Figure, err error) {
	dir, err := os.MkdirTemp("", "sightline-bench")
	if err != nil {
		return f, err
	}
	defer os.RemoveAll(dir)
	for name, onnx := range p.Models {
		if err := os.WriteFile(filepath.Join(dir, name+".onnx"), onnx, 0o666); err != nil {
			return f, err
		}
	}
	var workers []*worker
	defer func() {
		for _, w := range workers {
			err = errors.Join(err, w.end(err != nil))
		}
	}()
	shares := [][]string{clips}
	if p.Together {
		shares = slices.Collect(slices.Chunk(clips, 1))
	}
	for _, share := range shares {
		w, err := p.start(dir, share)
		if err != nil {
			return f, err
		}
		workers = append(workers, w)
	}
	for _, w := range workers {
		if line, err := w.out.ReadString('\n'); err != nil || line != "ready\n" {
			return f, fmt.Errorf("%s %s: %s(it needs: pip install numpy pillow onnxruntime)", p.Interpreter, p.Script, w.said())
		}
	}
	began, cpu := time.Now(), CPUTime()
	for _, w := range workers {
		if _, err := fmt.Fprintln(w.in, "go"); err != nil {
			return f, err
		}
	}
	for _, w := range workers {
		var frames, people int
		if _, err := fmt.Fscan(w.out, &frames, &people); err != nil {
			return f, fmt.Errorf("%s: %w: %s", p.Script, err, w.said())
		}
		f.Frames, f.People = f.Frames+frames, f.People+people
	}
	f.Wall = time.Since(began)
	for _, w := range workers {
		err = errors.Join(err, w.end(false))
	}
	// The loading of the models is in here too, because a child's time is known at its end only.
	f.CPU = CPUTime() - cpu
	return f, err
}

type worker struct {
	process *exec.Cmd
	in      interface{ Write([]byte) (int, error) }
	out     *bufio.Reader
	errors  strings.Builder
	ended   bool
}

func (w *worker) said() string { return strings.TrimSpace(w.errors.String()) + "\n" }

// end waits for the process, or kills it first.
func (w *worker) end(kill bool) error {
	if w.ended {
		return nil
	}
	w.ended = true
	if kill {
		_ = w.process.Process.Kill()
		_ = w.process.Wait()
		return nil
	}
	return w.process.Wait()
}

func (p Python) start(models string, clips []string) (*worker, error) {
	arguments := []string{p.Script, "--models", models, "--ffmpeg", p.FFmpeg, "--threads", fmt.Sprint(p.Threads)}
	for _, clip := range clips {
		source, err := file.Open(clip, file.Options{})
		if err != nil {
			return nil, err
		}
		arguments = append(arguments, fmt.Sprintf("%dx%d", source.Format().Width, source.Format().Height), clip)
		if err := source.Close(); err != nil {
			return nil, err
		}
	}
	w := &worker{process: exec.Command(p.Interpreter, arguments...)}
	in, err := w.process.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := w.process.StdoutPipe()
	if err != nil {
		return nil, err
	}
	w.in, w.out, w.process.Stderr = in, bufio.NewReader(out), &w.errors
	if err := w.process.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", p.Interpreter, err)
	}
	return w, nil
}
