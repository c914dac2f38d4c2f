package bench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"sync"
	"time"

	"sightline/internal/camera/file"
	"sightline/internal/native/onnxruntime"
)

// Bare is the same work as a pipeline's without any of its structure: for each clip a goroutine, an
// ffmpeg process, and the four ONNX Runtime calls one after the other, with no tracker, no results, no
// sinks. The sessions are shared, as everybody does.
type Bare struct {
	FFmpeg string
	// Models are the uncompressed ONNX files of detection, pose (192), segmentation and reid.
	Models [4][]byte
	// Batch is the largest number of people in one call, Threads what works on one operator.
	Batch, Threads int

	library  *onnxruntime.Library
	sessions [4]*onnxruntime.Session
}

// Open loads the library and the models.
func (b *Bare) Open(library string) (err error) {
	if b.library, err = onnxruntime.Load(library); err != nil {
		return err
	}
	for i, m := range b.Models {
		if b.sessions[i], err = b.library.NewSession(m, b.Threads); err != nil {
			return errors.Join(err, b.Close())
		}
	}
	return nil
}

// Close releases the models.
func (b *Bare) Close() error {
	var errs []error
	for _, s := range b.sessions {
		if s != nil {
			errs = append(errs, s.Close())
		}
	}
	return errors.Join(errs...)
}

// Run reads every clip once, all at the same time, until ctx ends: that is ErrInterrupted.
func (b *Bare) Run(ctx context.Context, clips []string) (Figure, error) {
	began, cpu := time.Now(), CPUTime()
	loops := make([]loop, len(clips))
	failures := make([]error, len(clips))
	var wait sync.WaitGroup
	for i, clip := range clips {
		wait.Go(func() {
			l := &loops[i]
			l.bare = b
			failures[i] = errors.Join(l.run(ctx, clip), l.close())
		})
	}
	wait.Wait()
	f := Figure{Wall: time.Since(began), CPU: CPUTime() - cpu}
	for i := range loops {
		f.Frames += loops[i].frames
		f.People += loops[i].people
	}
	if ctx.Err() != nil { // the processes were told as well, and say so in their way
		return f, ErrInterrupted
	}
	return f, errors.Join(failures...)
}

// loop is one clip's.
type loop struct {
	bare           *Bare
	width, height  int
	nv12           []byte
	frames, people int
	calls          map[[2]int]*prepared
	pin            runtime.Pinner
	boxes          []box
	columns        []column
}

// prepared is a call of one model for one batch size, with its memory.
type prepared struct {
	in     []float32
	outs   [][]float32
	values []*onnxruntime.Value
	call   *onnxruntime.Call
}

func (l *loop) close() error {
	var errs []error
	for _, p := range l.calls {
		if p.call != nil {
			errs = append(errs, p.call.Close())
		}
		for _, v := range p.values {
			errs = append(errs, v.Close())
		}
	}
	l.pin.Unpin()
	return errors.Join(errs...)
}

func (l *loop) run(ctx context.Context, clip string) error {
	source, err := file.Open(clip, file.Options{})
	if err != nil {
		return err
	}
	l.width, l.height = source.Format().Width, source.Format().Height
	if err := source.Close(); err != nil {
		return err
	}
	l.nv12 = make([]byte, l.width*l.height+2*((l.width+1)/2)*((l.height+1)/2))
	ffmpeg := exec.CommandContext(ctx, l.bare.FFmpeg, "-v", "error", "-threads", "1", "-i", clip, "-f", "rawvideo", "-pix_fmt", "nv12", "pipe:1")
	pipe, err := ffmpeg.StdoutPipe()
	if err != nil {
		return err
	}
	if err := ffmpeg.Start(); err != nil {
		return err
	}
	pictures := bufio.NewReaderSize(pipe, 1<<20)
	for ctx.Err() == nil {
		if _, err = io.ReadFull(pictures, l.nv12); err != nil {
			break
		}
		if err = l.look(); err != nil {
			break
		}
		l.frames++
	}
	if errors.Is(err, io.EOF) {
		err = nil
	} else {
		_ = ffmpeg.Process.Kill()
	}
	return errors.Join(err, ffmpeg.Wait())
}

// look is the whole work on one picture.
func (l *loop) look() error {
	if err := l.detect(); err != nil {
		return err
	}
	people := l.boxes[:0]
	for _, b := range l.boxes {
		if b.class == 0 {
			people = append(people, b)
		}
	}
	l.people += len(people)
	for first := 0; first < len(people); first += l.bare.Batch {
		batch := people[first:min(first+l.bare.Batch, len(people))]
		if err := errors.Join(
			l.measure(1, batch, 192, 192, pose), l.measure(2, batch, 256, 256, grown), l.measure(3, batch, 128, 256, plain),
		); err != nil {
			return err
		}
	}
	return nil
}

// measure runs a model of people on a batch.
func (l *loop) measure(m int, people []box, width, height int, region func(box) [4]float32) error {
	p, err := l.prepare(m, len(people))
	if err != nil {
		return err
	}
	for i, b := range people {
		l.sample(p.in[i*3*width*height:], region(b), width, width*height, width, height, 0, 0)
	}
	return p.call.Run()
}

func pose(b box) [4]float32 {
	cx, cy, half := (b.x1+b.x2)/2, (b.y1+b.y2)/2, 1.25*max(b.x2-b.x1, b.y2-b.y1)/2
	return [4]float32{cx - half, cy - half, cx + half, cy + half}
}

func grown(b box) [4]float32 {
	w, h := .1*(b.x2-b.x1), .1*(b.y2-b.y1)
	return [4]float32{b.x1 - w, b.y1 - h, b.x2 + w, b.y2 + h}
}

func plain(b box) [4]float32 { return [4]float32{b.x1, b.y1, b.x2, b.y2} }

// prepare makes a model's call for n items, once.
func (l *loop) prepare(m, n int) (*prepared, error) {
	if p := l.calls[[2]int{m, n}]; p != nil {
		return p, nil
	}
	s, p := l.bare.sessions[m], &prepared{}
	if l.calls == nil {
		l.calls = map[[2]int]*prepared{}
	}
	l.calls[[2]int{m, n}] = p
	value := func(t onnxruntime.Tensor) ([]float32, *onnxruntime.Value, error) {
		shape, size := append([]int64{int64(n)}, t.Shape[1:]...), int64(n)
		for _, d := range t.Shape[1:] {
			size *= d
		}
		data := make([]float32, size)
		l.pin.Pin(&data[0])
		v, err := l.bare.library.NewValue(data, shape...)
		if err == nil {
			p.values = append(p.values, v)
		}
		return data, v, err
	}
	if len(s.Inputs) != 1 {
		return nil, fmt.Errorf("model %d has %d inputs", m, len(s.Inputs))
	}
	data, in, err := value(s.Inputs[0])
	if err != nil {
		return nil, err
	}
	p.in = data
	var outs []*onnxruntime.Value
	for _, t := range s.Outputs {
		data, v, err := value(t)
		if err != nil {
			return nil, err
		}
		p.outs, outs = append(p.outs, data), append(outs, v)
	}
	p.call, err = s.NewCall([]*onnxruntime.Value{in}, outs)
	return p, err
}
