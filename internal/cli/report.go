package cli

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"sightline/internal/config"
	"sightline/internal/draw"
	"sightline/internal/metrics"
	"sightline/internal/pipeline"
	"sightline/internal/progress"
	"sightline/internal/report"
)

// runner is one run of a configuration with what it shows and writes about itself.
type runner struct {
	*environment
	config  *config.Config
	display *progress.Display
	// table is where the closing table goes.
	table io.Writer
	// folder gets report.html and the pictures; empty if neither is wanted.
	folder, title string
	// build says that plans that the GPU lacks are to be built.
	build bool
}

// report is what the run did, without pictures.
func (r *runner) report(s *session) report.Report {
	info := s.device.Info()
	counted := s.registry.Snapshot()
	all := report.Report{
		Title: r.title, Command: strings.Join(os.Args, " "), Version: version(),
		Device: info.Kind + ": " + info.Name, Runtime: info.Runtime, Notice: info.Notice,
		Mode: s.config.Inference.Mode, Machine: machine(), Load: s.load.String(),
		Start: s.began, Elapsed: s.elapsed.Round(time.Millisecond), Latency: counted.Latency[metrics.Total],
	}
	for i := range s.config.Models {
		m := &s.config.Models[i]
		detail := m.Card.Description
		if detail == "" {
			detail = m.Card.Name()
		}
		all.Models = append(all.Models, report.Model{Name: m.Name, Detail: detail})
	}
	for i, w := range s.watchers {
		c := report.NewCamera(counted.Cameras[i])
		c.LeftOut = c.DroppedBy[pipeline.DroppedRate]
		c.Dropped -= c.LeftOut
		delete(c.DroppedBy, pipeline.DroppedRate)
		c.Source, c.Tracks = w.camera.Source.String(), int(w.tracks.Load())
		if w.failure != nil {
			c.Failure = w.failure.Error()
		}
		for k := range s.config.Sinks {
			sink := &s.config.Sinks[k]
			if path := outputPath(sink, w.camera.Name); path != "" && s.sinks[k].Wrote(w.camera.Name) {
				c.Outputs = append(c.Outputs, path)
			}
		}
		all.Cameras = append(all.Cameras, c)
	}
	if id := s.config.Identity; id != nil {
		for _, path := range []string{id.File, id.Audit} {
			if _, err := os.Stat(path); path != "" && err == nil {
				all.Outputs = append(all.Outputs, path)
			}
		}
	}
	return all
}

// write draws the cameras' pictures and writes them and the page; all gets their paths.
func (r *runner) write(s *session, all *report.Report) error {
	for i, w := range s.watchers {
		img, f, err := w.album.annotated()
		if err != nil {
			return fmt.Errorf("picture of camera %q: %w", w.camera.Name, err)
		}
		if img == nil {
			continue
		}
		c := &all.Cameras[i]
		if c.Picture, err = draw.JPEG(img, 0); err != nil {
			return err
		}
		c.Caption = fmt.Sprintf("picture %d, at %.2f s: %d objects", f.Seq, f.PTS, len(f.Objects))
		path := filepath.Join(r.folder, w.camera.Name+".jpg")
		if err := os.WriteFile(path, c.Picture, 0o666); err != nil {
			return err
		}
		c.Outputs = append(c.Outputs, path)
	}
	path := filepath.Join(r.folder, "report.html")
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	err = report.Write(f, *all)
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	all.Outputs = append(all.Outputs, path)
	return nil
}

// machine says what the program runs on.
func machine() string {
	text := fmt.Sprintf("%s/%s, %d cores", runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
	raw, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return text
	}
	var kilobytes float64
	if _, err := fmt.Sscanf(string(raw), "MemTotal: %f kB", &kilobytes); err == nil {
		text += fmt.Sprintf(", %.1f GB memory", kilobytes*1024/1e9)
	}
	return text
}
