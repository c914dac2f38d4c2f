package identity

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"time"

	"sightline/internal/atomicfile"
)

//go:embed event.schema.json
var schema string

// Schema is the JSON schema (draft 2020-12) of an Event.
func Schema() string { return schema }

// Kind is what was decided.
type Kind string

// The kinds of events.
const (
	// Newcomer: a track is somebody who was not known.
	Newcomer Kind = "new"
	// Join: a track is somebody known.
	Join Kind = "join"
	// Merge: two identities are one; the second number is not used again.
	Merge Kind = "merge"
	// Split: tracks were taken out of the first identity into the second.
	Split Kind = "split"
	// Forget: an identity is forgotten; its number is not used again.
	Forget Kind = "forget"
)

// Event is one decision: a line of the audit file.
type Event struct {
	// Time is that of the pictures that led to the decision.
	Time time.Time `json:"time"`
	Kind Kind      `json:"kind"`
	Site string    `json:"site,omitempty"`
	// Identities are the numbers concerned: of a merge the one that stays and the one that goes, of a split the one
	// that was left and the one that the tracks have now.
	Identities []int64 `json:"identities"`
	// Tracks are those whose identity this sets or changes.
	Tracks []Track `json:"tracks,omitempty"`
	// Similarity is the cosine that the decision saw, where it looked at one.
	Similarity float64 `json:"similarity,omitempty"`
	Reason     string  `json:"reason"`
}

// Track names a track of a camera.
type Track struct {
	Camera string `json:"camera"`
	Track  int64  `json:"track"`
	// Since is when it was first seen: a camera that is started anew numbers its tracks from 1 again.
	Since time.Time `json:"since"`
}

func (b *book) event(kind Kind, reason string, similarity float64, people []*person, tracks ...*track) Event {
	e := Event{Time: b.now.UTC(), Kind: kind, Site: b.where.names[people[0].site], Similarity: math.Round(similarity*1e4) / 1e4, Reason: reason}
	for _, p := range people {
		e.Identities = append(e.Identities, p.number)
	}
	for _, t := range tracks {
		e.Tracks = append(e.Tracks, Track{t.camera, t.number, t.first.UTC()})
	}
	return e
}

// audit appends events to a file. What cannot be written is counted, and told at the end: no camera stops for it.
type audit struct {
	file *os.File
	lost int
	err  error
}

func openAudit(path string) (*audit, error) {
	if path == "" {
		return &audit{}, nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return nil, fmt.Errorf("folder of the audit file: %w", err)
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666)
	if err != nil {
		return nil, fmt.Errorf("open the audit file: %w", err)
	}
	if err := atomicfile.Own(f); err != nil {
		return nil, errors.Join(fmt.Errorf("audit file %s: %w", path, err), f.Close())
	}
	return &audit{file: f}, nil
}

func (a *audit) write(e Event) {
	if a.file == nil {
		return
	}
	line, err := json.Marshal(e)
	if err == nil {
		_, err = a.file.Write(append(line, '\n'))
	}
	if err != nil {
		a.lost++
		a.err = err
	}
}

func (a *audit) close() error {
	if a.file == nil {
		return nil
	}
	err := a.file.Close()
	a.file = nil
	if a.lost > 0 {
		return fmt.Errorf("audit file: %d events are lost: %w", a.lost, a.err)
	}
	return err
}
