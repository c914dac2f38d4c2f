package cli

import (
	"io"
	"log/slog"
	"testing"

	"sightline/internal/config"
	"sightline/internal/pipeline"
	"sightline/internal/result"
)

// told notes what a result file would have.
type told struct{ frames []result.Frame }

func (s *told) Write(f *result.Frame) error {
	s.frames = append(s.frames, result.Frame{Seq: f.Seq, PTS: f.PTS, Objects: append([]result.Object(nil), f.Objects...)})
	return nil
}

// TestAPipelineInAnothersPlace: the numbers of pictures and tracks and the clock go on when a camera starts again.
func TestAPipelineInAnothersPlace(t *testing.T) {
	needHost(t)
	c, err := config.Load(write(t, "device: host\nmodels: {detection: @models/detection.yaml}\ncameras: [{name: a, source: @clips/plaza-west.mp4}]\n"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := openSession(t.Context(), c, io.Discard, configuredDevice(c, slog.New(slog.DiscardHandler)))
	if err != nil {
		t.Fatal(err)
	}
	sink := &told{}
	o := s.pipeline(&c.Cameras[0], newWatcher(&c.Cameras[0], s.registry.Camera("a")), false)
	o.Sinks, o.Past = []pipeline.Sink{sink}, &pipeline.Past{}
	var first int64 // the highest number of the first time
	for i := range 2 {
		if err := pipeline.Run(t.Context(), o); err != nil {
			t.Error(err)
		}
		if i == 0 {
			first = o.Past.Track
		}
	}
	if err := s.close(); err != nil {
		t.Error(err)
	}
	if len(sink.frames) != 240 || first == 0 || o.Past.Track != 2*first {
		t.Fatalf("%d results, %d and %d tracks", len(sink.frames), first, o.Past.Track)
	}
	for i, f := range sink.frames {
		if int(f.Seq) != i || i > 0 && f.PTS <= sink.frames[i-1].PTS {
			t.Errorf("result %d: seq %d, pts %v", i, f.Seq, f.PTS)
		}
		for _, o := range f.Objects {
			if o.Track > 0 && (o.Track > first) != (i >= 120) {
				t.Errorf("result %d has track %d", i, o.Track)
			}
		}
	}
}
