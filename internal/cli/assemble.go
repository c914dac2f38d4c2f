package cli

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"sightline/internal/camera"
	"sightline/internal/camera/file"
	"sightline/internal/camera/live"
	"sightline/internal/camera/mpegts"
	"sightline/internal/camera/rtsp"
	"sightline/internal/config"
	"sightline/internal/device"
	"sightline/internal/model"
	"sightline/internal/onnx"
	"sightline/internal/pipeline"
	"sightline/internal/sink"
	"sightline/internal/track"
	"sightline/internal/vision"
)

// restartPause is how long a live camera whose pipeline failed, by a decoder that gave up for example, waits
// before it is started again.
const restartPause = 5 * time.Second

// gallery is how many appearance vectors a camera remembers for its tracker.
const gallery = 64

// modelConfig is the model manager's view of a configuration.
func modelConfig(c *config.Config, d device.Device, logger *slog.Logger) (model.Config, error) {
	m := model.Config{
		Device: d, Mode: model.Mode(c.Inference.Mode), MaxWait: time.Duration(c.Inference.MaxWait),
		Workers: c.Inference.Workers, Logger: logger,
	}
	for i := range c.Models {
		spec, err := modelSpec(&c.Models[i])
		if err != nil {
			return m, err
		}
		m.Models = append(m.Models, spec)
	}
	return m, nil
}

func modelSpec(m *config.Model) (model.Spec, error) {
	card, sum := &m.Card, sha256.New()
	err := withModel(card, func(raw []byte, folder string) error {
		return onnx.Write(sum, raw, folder, card.Input.Name, card.Input.Shape)
	})
	if err != nil {
		return model.Spec{}, fmt.Errorf("model %s: %w", card.Name(), err)
	}
	return model.Spec{
		Role: m.Name, Task: card.Task, Name: card.Name(), Key: hex.EncodeToString(sum.Sum(nil)), Batch: card.Batch,
		Within: card.Task == model.Detection && m.On != "",
		Read:   func() ([]byte, error) { return readModel(card) },
		Check:  vision.CheckOf(card),
	}, nil
}

// readModel reads a card's ONNX file, with the weights that lie beside it, and prepares it for a device. The weights
// go in after what else copies the model, but for folding, which changes them.
func readModel(card *config.Card) (whole []byte, err error) {
	err = withModel(card, func(raw []byte, folder string) error {
		prepared, err := onnx.Prepare(raw, card.Input.Name, card.Input.Shape)
		if err == nil {
			whole, err = onnx.Embed(prepared, folder)
		}
		if err == nil {
			whole, err = onnx.Fold(whole)
		}
		return err
	})
	return whole, err
}

// withModel hands over a card's ONNX file and the folder of the weights that lie beside it.
func withModel(card *config.Card, use func(raw []byte, folder string) error) error {
	raw, err := card.ReadModel()
	if err != nil {
		return err
	}
	err = use(raw, filepath.Dir(card.Model))
	switch {
	case errors.Is(err, onnx.ErrFormat):
		return fmt.Errorf("%s: %w: it is cut off or broken, sightline inspect says where", card.Model, err)
	case err != nil:
		return fmt.Errorf("%s: %w", card.Model, err)
	}
	return nil
}

// openCamera connects to a camera or opens its file. dropped is told about what is lost on the way.
func openCamera(cam *config.Camera, dropped func(cause string), logger *slog.Logger) func(context.Context) (camera.Source, error) {
	return func(ctx context.Context) (camera.Source, error) {
		if !cam.Source.Live() {
			once := sync.OnceFunc(func() {
				logger.Warn("the recording is damaged: pictures are missing, or the decoder guesses parts of them")
			})
			source, err := openFile(cam.Source.Reveal(), cam.Loop, cam.Realtime, once)
			if err != nil {
				return nil, err
			}
			if turned := turnedBy(source); turned != 0 {
				logger.Warn("the recording is to be shown turned, which is not done: people do not stand upright in it", "degrees", turned)
			}
			return source, nil
		}
		return openLive(ctx, cam.Source, cam.Transport, live.Options{Insecure: cam.TLSInsecure, KeepDamaged: keepsDamaged(cam), Dropped: dropped, Logger: logger})
	}
}

// turnedBy is by how many degrees a recording wants its pictures turned.
func turnedBy(source camera.Source) int {
	if f, ok := source.(*file.Source); ok {
		return f.Turned()
	}
	return 0
}

// openLive connects to a camera by what its address says; transport is for RTSP.
func openLive(ctx context.Context, source config.Source, transport string, o live.Options) (*live.Source, error) {
	if source.TransportStream() {
		return mpegts.Dial(ctx, source.Reveal(), o)
	}
	if transport == "auto" {
		transport = ""
	}
	return rtsp.Open(ctx, source.Reveal(), rtsp.Options{Transport: transport, Options: o})
}

func keepsDamaged(cam *config.Camera) bool { return cam.AfterLoss == "continue" }

// openFile opens a recording by what is in it, whatever its name. damaged, if not nil, is called where data is missing.
func openFile(path string, loop, realtime bool, damaged func()) (camera.Source, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if wrong := config.NoRecording(info); wrong != "" {
		return nil, fmt.Errorf("%s %s", path, wrong)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	head := make([]byte, mpegts.HeadSize)
	n, _ := io.ReadFull(f, head) // what cannot be read is told by the one who opens it
	if err := f.Close(); err != nil {
		return nil, err
	}
	if mpegts.Is(head[:n]) {
		return mpegts.Open(path, mpegts.Options{Loop: loop, Realtime: realtime, Damaged: damaged})
	}
	return file.Open(path, file.Options{Loop: loop, Realtime: realtime})
}

// pipelineOptions are one camera's pipeline, but for what the run adds: source, sinks, meter, snapshots.
func pipelineOptions(c *config.Config, cam *config.Camera) pipeline.Options {
	o := pipeline.Options{
		Camera: cam.Name, Lossless: !cam.Realtime && !cam.Source.Live(), Recorded: !cam.Source.Live(), MaxFPS: cam.MaxFPS,
		Vision: visionOptions(c, cam),
	}
	if cam.Source.Live() {
		o.Restart, o.LowDelay, o.Past = restartPause, true, &pipeline.Past{}
		o.KeepDamaged = keepsDamaged(cam)
	}
	appearance := false
	for _, m := range c.ModelsOf(cam) {
		o.Models = append(o.Models, m.Name)
		appearance = appearance || m.Card.Task == model.ReID
	}
	t := cam.Tracking
	o.Track = track.Options{
		// The tracker takes 0 for its own default, the configuration for what it says.
		Method: track.Method(t.Method), Birth: float32(max(t.Birth, 1e-9)), Update: float32(max(t.Update, 1e-9)),
		ConfirmHits: t.Confirm, Lost: max(time.Duration(t.Lost), 1),
		Coast: cmp.Or(time.Duration(t.Coast), -1),
		// As many as a full picture shows, and those that it hides.
		MaxTracks: max(256, 2*c.Limits.Objects),
	}
	if appearance {
		o.Track.Slots = gallery
	}
	return o
}

// openSink makes the sink that a configuration describes.
func openSink(s *config.Sink, stdout io.Writer, logger *slog.Logger) (*sink.Queue, error) {
	files := sink.FileOptions{Dir: s.Dir, MaxBytes: int64(s.MaxBytes), Keep: s.Keep, Fresh: !s.Append}
	queue := sink.QueueOptions{Name: s.Type, Size: s.Queue, Logger: logger}
	if s.Dir != "" {
		queue.Name += " " + s.Dir
	}
	switch s.Type {
	case "jsonl":
		return sink.NewJSONL(sink.JSONLOptions{Files: files, Queue: queue, ReID: s.ReID})
	case "mot":
		return sink.NewMOT(sink.MOTOptions{Files: files, Queue: queue, Class: s.Class, Detector: s.Detector})
	case "stdout":
		return sink.NewStdout(sink.StdoutOptions{Queue: queue, ReID: s.ReID, Writer: stdout}), nil
	}
	return nil, fmt.Errorf("no sink of type %q", s.Type)
}

// outputPath is the file that a sink writes for a camera; empty if it writes none.
func outputPath(s *config.Sink, camera string) string {
	switch s.Type {
	case "jsonl":
		return s.Dir + string(os.PathSeparator) + camera + ".jsonl"
	case "mot":
		return s.Dir + string(os.PathSeparator) + camera + ".txt"
	}
	return ""
}

// visionOptions say which models look at a camera's pictures and at the objects in them, and how.
func visionOptions(c *config.Config, cam *config.Camera) vision.Options {
	o := vision.Options{
		Limits: device.Limits{Objects: c.Limits.Objects, People: min(c.Limits.People, c.Limits.Objects)},
		Vectors: slices.ContainsFunc(c.Sinks, func(s config.Sink) bool {
			return s.ReID && s.Takes(cam.Name)
		}),
	}
	for _, m := range c.ModelsOf(cam) {
		o.Use(m)
	}
	return o
}
