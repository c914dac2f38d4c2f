// Package device says what a pipeline needs of the machine its pixels live on: memory with a ledger,
// ordered streams, events, graphs, a decoder, engines and kernels.
//
// The vocabulary and the rules are those of CUDA, because that is the product; package device/host
// honours them too, and devicetest checks that a device does. All work is asynchronous: a call that
// takes a Stream only queues, in order, and what it reads or writes must stay untouched until that
// stream has passed it. Nothing in this package copies pixels to the host but what Stream.CopyPicture
// is told to.
package device

import (
	"errors"
	"fmt"

	"sightline/internal/media"
)

// Device is one GPU, or the host stand-in. Its methods may be called from any goroutine.
type Device interface {
	Info() Info
	// Pool is the only place device and pinned memory comes from.
	Pool() *Pool
	// NewStream makes an ordered queue of work; owner names its holder in errors.
	NewStream(owner string) (Stream, error)
	NewEvent() (Event, error)
	// NewDecoder makes a decoder for one camera; see Decoder.
	NewDecoder(o DecoderOptions) (Decoder, error)
	// LoadEngine makes the one engine of a model. Loads are serialised by the device.
	LoadEngine(m ModelFile) (Engine, error)
	Kernels() Kernels
	// Lost is closed when the device can do no more work; Cause then says why. Nothing recovers
	// from it but a new process.
	Lost() <-chan struct{}
	// Cause is nil until Lost is closed, then an error that wraps ErrLost.
	Cause() error
	// Close releases the device. Everything made from it must be closed before: if something is open, the
	// error (ErrInUse) names it and the device stays open.
	Close() error
}

// Info names a device.
type Info struct {
	// Kind is "cuda" or "host".
	Kind string `json:"kind"`
	// Name is the product name of the GPU, or of the processor.
	Name string `json:"name"`
	// Runtime names what runs the models and its version.
	Runtime string `json:"runtime"`
	// Notice is shown wherever the device's results are: empty for the GPU.
	Notice string `json:"notice,omitempty"`
}

// Loaded is implemented by devices that know how busy they are.
type Loaded interface {
	Load() (Load, error)
}

// Load is how busy a device is at one moment, with all its users. What it cannot tell is 0.
type Load struct {
	// GPU and Decoder are percent of the time busy.
	GPU     int `json:"gpu"`
	Decoder int `json:"decoder"`
	// MemoryUsed and MemoryTotal are bytes.
	MemoryUsed  int64 `json:"memory_used"`
	MemoryTotal int64 `json:"memory_total"`
	// ClockSM and ClockVideo are MHz.
	ClockSM    int     `json:"clock_sm"`
	ClockVideo int     `json:"clock_video"`
	Watts      float64 `json:"watts"`
	Celsius    int     `json:"celsius"`
}

// ModelFile is what an engine is made from.
type ModelFile struct {
	// Name of the model, for logs and errors.
	Name string
	// ONNX is the model itself, uncompressed.
	ONNX []byte
	// MaxBatch is the largest number of items one inference will have.
	MaxBatch int
}

// Stream is an ordered queue of work. One goroutine at a time queues into it.
//
// Between BeginCapture and EndCapture the calls are recorded instead of run. Other streams join the
// capture by waiting for an event recorded in it, and must be joined back the same way.
type Stream interface {
	// Copy copies src to dst, which have the same size, in any mix of device and pinned memory.
	Copy(dst, src *Buffer) error
	// CopyPicture copies p, which it opens if it is not open, to dst, laid out by p's PictureFormat: dst has its Size. It
	// cannot be recorded.
	CopyPicture(dst *Buffer, p *Picture) error
	// Do runs fn on the host in stream order. fn must be short and must not call the device.
	Do(fn func()) error
	Record(e Event) error
	Wait(e Event) error
	BeginCapture() error
	// EndCapture returns the recorded work. It fails with ErrUnjoined if another stream joined the
	// capture and was not joined back.
	EndCapture() (Graph, error)
	// Launch queues the whole graph.
	Launch(g Graph) error
	// Synchronize sleeps until everything queued so far is done, and returns the first failure of
	// the stream's work. A stream whose work failed stays failed.
	Synchronize() error
	// Close waits for the queued work, then releases the stream.
	Close() error
}

// Event marks a point in a stream. An event that was never recorded counts as done.
type Event interface {
	// Synchronize sleeps (it never spins) until the work before the last Record is done, and
	// returns the failure of that stream's work, if any.
	Synchronize() error
	Close() error
}

// Graph is recorded work with fixed buffers. Launches of one graph run one after the other.
type Graph interface {
	Close() error
}

// Engine is a loaded model: weights, once per device. It must outlive its contexts.
type Engine interface {
	// Inputs and Outputs describe one item: the batch dimension is left out.
	Inputs() []Binding
	Outputs() []Binding
	MaxBatch() int
	// Buckets are the batch sizes that Enqueue takes, ascending, the last one MaxBatch. The host
	// takes every size; a GPU takes those it has plans for.
	Buckets() []int
	NewContext(o ContextOptions) (ExecutionContext, error)
	// Close fails with ErrInUse, and does nothing, while contexts are open.
	Close() error
}

// ElementType is what the numbers of a tensor are.
type ElementType int8

// The element types that models may have.
const (
	Float32 ElementType = iota
	Int32
	Int64
)

// Size in bytes.
func (t ElementType) Size() int {
	if t == Int64 {
		return 8
	}
	return 4
}

func (t ElementType) String() string { return [...]string{"float32", "int32", "int64"}[t] }

// Binding is one input or output of an engine.
type Binding struct {
	Name string
	// Shape of one item, without the batch dimension.
	Shape []int
	Type  ElementType
}

// Size is that of one item in bytes.
func (b Binding) Size() int64 { return int64(b.Elements()) * int64(b.Type.Size()) }

// Elements is the number of values of one item.
func (b Binding) Elements() int {
	n := 1
	for _, d := range b.Shape {
		n *= d
	}
	return n
}

func (b Binding) String() string {
	if b.Type != Float32 {
		return fmt.Sprintf("%s %v %v", b.Name, b.Shape, b.Type)
	}
	return fmt.Sprintf("%s %v", b.Name, b.Shape)
}

// ContextOptions say whose context it is. Memory that the context needs beside its bindings comes
// from the pool in Owner's name.
type ContextOptions struct {
	Owner string
}

// ExecutionContext runs inferences of one engine. It is not re-entrant, and nothing in it checks
// that: package model owns that rule.
type ExecutionContext interface {
	// Bind sets the buffers, in the order of the engine's Inputs and Outputs, for later calls of
	// Enqueue. They hold up to MaxBatch items.
	Bind(inputs, outputs []*Buffer) error
	// Enqueue queues one inference of the first n items; n is one of the engine's buckets.
	Enqueue(s Stream, n int) error
	Close() error
}

// Bound remembers which buffers an execution context is bound to. The zero value is bound to none.
type Bound []uintptr

// To says whether it is bound to just these buffers.
func (b Bound) To(inputs, outputs []*Buffer) bool {
	if len(b) != 2*(len(inputs)+len(outputs)) {
		return false
	}
	i := 0
	for _, list := range [2][]*Buffer{inputs, outputs} {
		for _, buffer := range list {
			if b[i] != buffer.Address() || b[i+1] != uintptr(buffer.Size()) {
				return false
			}
			i += 2
		}
	}
	return true
}

// Set binds it to these buffers.
func (b *Bound) Set(inputs, outputs []*Buffer) {
	*b = (*b)[:0]
	for _, list := range [2][]*Buffer{inputs, outputs} {
		for _, buffer := range list {
			*b = append(*b, buffer.Address(), uintptr(buffer.Size()))
		}
	}
}

// DecoderOptions describe a camera's stream.
type DecoderOptions struct {
	// Owner is the camera's name.
	Owner  string
	Format media.Format
	Output PictureSink
	// LowDelay asks for every picture as soon as it is decoded. It is for cameras: should a stream
	// reorder its pictures after all, those of the time it takes to notice are lost.
	LowDelay bool
}

// Decoder turns access units into pictures in device memory. One goroutine calls Decode and Flush;
// pictures come out on a goroutine of the decoder's, in presentation order, each with the PTS of the
// access unit it was made from: n units in, n pictures out once Flush has returned.
type Decoder interface {
	// Decode hands over one unit in decoding order. It blocks while the decoder has enough to do, and where it needs the place
	// of a picture that was delivered and not given back: whoever has pictures must not wait for it.
	Decode(au media.AccessUnit) error
	// Flush ends the stream: it returns when every picture has been delivered. The decoder takes no
	// more units afterwards.
	Flush() error
	// Close stops at once; pictures not delivered yet are lost, and those delivered but not open can no longer be opened.
	// One that is open stays readable, and keeps what it lies in, until it is given back. Close may be called from any
	// goroutine and makes a waiting Decode or Flush return.
	Close() error
}

// Errors that a caller can act on; test with errors.Is.
var (
	// ErrLost means that the device can do no more work in this process.
	ErrLost = errors.New("device lost")
	// ErrClosed is returned by anything used after its Close.
	ErrClosed = errors.New("closed")
	// ErrInUse means that something cannot be closed before what was made from it.
	ErrInUse = errors.New("still in use")
	// ErrUnjoined means that a capture ended while another stream was still part of it.
	ErrUnjoined = errors.New("capture ended with a stream not joined back")
	// ErrUnavailable means that this machine cannot provide the device that was asked for.
	ErrUnavailable = errors.New("device not available")
)
