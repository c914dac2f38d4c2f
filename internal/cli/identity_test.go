package cli

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sightline/internal/config"
	"sightline/internal/leaktest"
)

// In every mode, two cameras that overlap agree on who people are: results name them, and the audit and the file are
// there at the end.
func TestIdentities(t *testing.T) {
	needHost(t)
	for _, mode := range []string{"serialized", "parallel", "batched"} {
		t.Run(mode, func(t *testing.T) {
			leaktest.Check(t)
			path := write(t, "device: host\ninference: {mode: "+mode+`}
models: {detection: @models/detection.yaml, reid: @models/reid.yaml}
identity:
  file: OUT/identities
  audit: OUT/audit.jsonl
  sites: [{name: plaza, cameras: [w, e], overlap: [{cameras: [w, e], shift: [-288, 0]}]}]
cameras: [{name: w, source: @clips/plaza-west.mp4, loop: true}, {name: e, source: @clips/plaza-east.mp4, loop: true}]
sinks: [{type: jsonl, dir: OUT/out}]
`)
			c, err := config.Load(path)
			if err != nil {
				t.Fatal(err)
			}
			ctx, interrupt := context.WithCancel(context.Background())
			defer interrupt()
			s, err := openSession(ctx, c, io.Discard, deviceOptions{kind: "host", threads: 1, logger: slog.New(slog.DiscardHandler)})
			if err != nil {
				t.Fatal(err)
			}
			if err := s.start(ctx, false); err != nil {
				t.Fatal(err)
			}
			for s.identities.Summary().Given < 3 {
				time.Sleep(10 * time.Millisecond)
			}
			for _, w := range s.watchers {
				for more := w.frames.Load() + 3; w.frames.Load() < more; {
					time.Sleep(10 * time.Millisecond)
				}
			}
			interrupt()
			if err := errors.Join(s.wait(nil), s.close()); err != nil {
				t.Error(err)
			}
			dir, named := filepath.Dir(path), 0
			for _, camera := range []string{"w", "e"} {
				text, err := os.ReadFile(filepath.Join(dir, "out", camera+".jsonl"))
				if err != nil {
					t.Fatal(err)
				}
				named += bytes.Count(text, []byte(`"identity":`))
			}
			if named == 0 {
				t.Error("no result has an identity")
			}
			if lines := readLines(t, filepath.Join(dir, "audit.jsonl")); len(lines) < 3 {
				t.Errorf("audit of %d lines", len(lines))
			}
			if text, err := os.ReadFile(filepath.Join(dir, "identities")); err != nil || !strings.HasPrefix(string(text), "sightline identities\n") {
				t.Errorf("file of %d bytes, %v", len(text), err)
			}
		})
	}
}
