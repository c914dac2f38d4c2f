// Package model loads every model once per device and gives each camera pipeline its own execution
// contexts, in one of three modes that a pipeline cannot tell apart.
//
// Release order, which the types keep to: programs, then contexts (guarded runtime context, buffers,
// stream), then engines, then the device. An engine stays loaded until its last context is
// closed, whoever closes first.
package model

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"sightline/internal/device"
)

// What a model does for a pipeline.
const (
	Detection      = "detection"
	Pose           = "pose"
	Segmentation   = "segmentation"
	ReID           = "reid"
	Classification = "classification"
)

// Tasks are those of the models that come with Sightline, in the order of a frame's way.
var Tasks = []string{Detection, Pose, Segmentation, ReID}

// Mode says which contexts there are and who may run at once.
type Mode string

// The modes; the zero value means Parallel.
const (
	// Serialized: one runtime context a model, behind the engine's lock. The safe way back.
	Serialized Mode = "serialized"
	// Parallel: one runtime context a model a pipeline; everybody runs at once.
	Parallel Mode = "parallel"
	// Batched: a few runtime contexts a model, fed with batches across pipelines.
	Batched Mode = "batched"
)

// Spec is one model as the manager needs it.
type Spec struct {
	// Role is the name by which pipelines ask for the model; the task if it is empty.
	Role string
	Task string
	Name string
	// Key identifies the content: specs with equal Key are the same model and share one engine.
	Key string
	// Within: a model of task Detection looks at objects, not at whole pictures.
	Within bool
	// Batch is the largest number of items in one inference; of specs that share an engine the largest counts.
	Batch int
	// Read returns the ONNX file, uncompressed.
	Read func() ([]byte, error)
	// Check compares the loaded model's inputs and outputs with what the card says; nil checks nothing.
	Check func(inputs, outputs []device.Binding) error
}

// Config is everything a Manager is made from.
type Config struct {
	Device device.Device
	Mode   Mode
	Models []Spec
	// MaxWait bounds how long the first request of a batch waits for others (mode Batched).
	MaxWait time.Duration
	// Workers is the number of contexts a model in mode Batched; 0 means 2.
	Workers int
	Logger  *slog.Logger
}

// same says whether two configurations mean the same models in the same mode on the same device.
func (c Config) same(o Config) bool {
	return c.Device == o.Device && c.Mode == o.Mode && c.MaxWait == o.MaxWait && c.Workers == o.Workers &&
		slices.EqualFunc(c.Models, o.Models, func(a, b Spec) bool {
			return a.Role == b.Role && a.Task == b.Task && a.Name == b.Name && a.Key == b.Key && a.Batch == b.Batch && a.Within == b.Within
		})
}

func (c Config) withDefaults() (Config, error) {
	if c.Mode == "" {
		c.Mode = Parallel
	}
	if c.Mode != Serialized && c.Mode != Parallel && c.Mode != Batched {
		return c, fmt.Errorf("inference mode %q: expected serialized, parallel or batched", c.Mode)
	}
	if c.Workers == 0 {
		c.Workers = 2
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	c.Models = slices.Clone(c.Models)
	seen := map[string]bool{}
	for i := range c.Models {
		s := &c.Models[i]
		if s.Role == "" {
			s.Role = s.Task
		}
		if seen[s.Role] {
			return c, fmt.Errorf("two models are called %s", s.Role)
		}
		seen[s.Role] = true
	}
	return c, nil
}

// shares says whether two specs are of one model, which then has one engine.
func (s *Spec) shares(o *Spec) bool { return s.Key != "" && s.Key == o.Key }

// share is how many objects a pipeline asks for at once at most in mode Batched: a batch is put together from the requests of many,
// and each of them would need room for all of a large one. A picture with more objects asks again.
const share = 32

// items is how many items a pipeline's context holds of most in an inference: one where it looks at whole pictures,
// a batch of objects, or its share, elsewhere.
func (s *Spec) items(most int, mode Mode) int {
	if s.Task == Detection && !s.Within {
		return 1
	}
	if s.Batch > 0 {
		most = min(s.Batch, most)
	}
	if mode == Batched {
		most = min(share, most)
	}
	return most
}

// Errors that a caller can act on; test with errors.Is.
var (
	// ErrContextBusy: a context was entered while it runs. The runtime has not been called.
	ErrContextBusy = errors.New("execution context is busy")
	// ErrConfigMismatch: the process has a manager with another configuration.
	ErrConfigMismatch = errors.New("a manager with another configuration exists")
	// ErrOverRelease: something was released more often than it was taken; a bug of the caller.
	ErrOverRelease = errors.New("released more often than taken")
)
