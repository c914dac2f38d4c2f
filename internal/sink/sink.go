// Package sink takes results out of the program: JSON lines, MOTChallenge text, standard output.
//
// A Backend knows a format and a place; a Queue in front of it keeps a slow or failing place away
// from the cameras. A frame is acknowledged when Stats counts it as written: then the operating
// system has taken all of its text, and no later failure takes it back.
package sink

import (
	"errors"

	"sightline/internal/result"
)

// ErrClosed is returned by Write after Close.
var ErrClosed = errors.New("sink is closed")

// Sink takes the results of any number of cameras.
type Sink interface {
	// Write takes one frame, of which nothing is kept. It may be called from several goroutines;
	// frames of one goroutine keep their order. ErrClosed is its only error: what goes wrong further
	// on is counted, logged and told by Close.
	Write(f *result.Frame) error
	// Close writes what is waiting, makes it last, and releases everything. Its error says what was
	// lost. It may be called again.
	Close() error
}

// Backend is a format and the place where its records go.
type Backend interface {
	// Append appends f's record to dst. Several goroutines may call it at once.
	Append(dst []byte, f *result.Frame) []byte
	// Store writes one record, all of it or, as far as the place lets it, nothing. An empty record
	// only says that the camera is there. One goroutine calls Store and Close.
	Store(camera string, record []byte) error
	// Close makes everything stored last.
	Close() error
}
