package host

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"

	"sightline/internal/device"
	"sightline/internal/native/onnxruntime"
)

// Notice is what the host device says about itself wherever its results are shown.
const Notice = "HOST DEVICE: development only"

// Options say where the host device finds its parts.
type Options struct {
	// ONNXRuntime is the path of libonnxruntime.so, FFmpeg that of the ffmpeg program.
	ONNXRuntime, FFmpeg string
	// MemoryLimit bounds the pool, in bytes; 0 means no limit.
	MemoryLimit int64
	// Threads is how many threads work on one operator of a model; 0 means 1, which is best when
	// there are as many cameras as cores.
	Threads int
	Logger  *slog.Logger
}

// Device implements device.Device on the processor.
type Device struct {
	options Options
	runtime *onnxruntime.Library
	pool    *device.Pool

	// ffmpegSync asks ffmpeg for its version, once.
	ffmpegSync func() ([]string, error)

	loading  sync.Mutex
	engines  atomic.Int64
	decoders atomic.Int64

	mutex   sync.Mutex
	streams map[*stream]bool
	cause   error
	lost    chan struct{}
	closed  bool
}

// New opens the host device. It fails with device.ErrUnavailable if ONNX Runtime cannot be loaded.
func New(o Options) (*Device, error) {
	library, err := onnxruntime.Load(o.ONNXRuntime)
	if err != nil {
		return nil, fmt.Errorf("host device: %w: %w", device.ErrUnavailable, err)
	}
	o.Threads = max(o.Threads, 1)
	if o.Logger != nil {
		o.Logger.Warn(Notice, "onnxruntime", library.Version(), "threads", o.Threads)
	}
	return &Device{
		ffmpegSync: sync.OnceValues(func() ([]string, error) { return ffmpegSync(o.FFmpeg) }),
		options:    o, runtime: library, pool: device.NewPool(allocator{}, o.MemoryLimit),
		streams: map[*stream]bool{}, lost: make(chan struct{}),
	}, nil
}

// Info implements device.Device.
func (d *Device) Info() device.Info {
	return device.Info{Kind: "host", Name: processor(), Runtime: "ONNX Runtime " + d.runtime.Version(), Notice: Notice}
}

// Pool implements device.Device.
func (d *Device) Pool() *device.Pool { return d.pool }

// NewStream implements device.Device.
func (d *Device) NewStream(owner string) (device.Stream, error) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	if err := d.refusal(); err != nil {
		return nil, fmt.Errorf("stream for %s: %w", owner, err)
	}
	s := newStream(owner)
	s.onClose = func() {
		d.mutex.Lock()
		delete(d.streams, s)
		d.mutex.Unlock()
	}
	d.streams[s] = true
	return s, nil
}

// refusal says why nothing new can be made; the caller holds the mutex.
func (d *Device) refusal() error {
	if d.closed {
		return device.ErrClosed
	}
	return d.cause
}

// NewEvent implements device.Device.
func (d *Device) NewEvent() (device.Event, error) { return newEvent(), nil }

// NewDecoder implements device.Device.
func (d *Device) NewDecoder(o device.DecoderOptions) (device.Decoder, error) {
	d.mutex.Lock()
	err := d.refusal()
	d.mutex.Unlock()
	if err != nil {
		return nil, fmt.Errorf("decoder for %s: %w", o.Owner, err)
	}
	sync, err := d.ffmpegSync()
	if err != nil {
		return nil, fmt.Errorf("decoder for %s: %w", o.Owner, err)
	}
	decoder, err := newDecoder(d.options.FFmpeg, sync, d.Pool(), o)
	if err != nil {
		return nil, err
	}
	d.decoders.Add(1)
	return &countedDecoder{Decoder: decoder, open: &d.decoders}, nil
}

// countedDecoder tells the device when it is closed.
type countedDecoder struct {
	device.Decoder
	open *atomic.Int64
	once sync.Once
}

func (c *countedDecoder) Close() error {
	c.once.Do(func() { c.open.Add(-1) })
	return c.Decoder.Close()
}

// LoadEngine implements device.Device.
func (d *Device) LoadEngine(m device.ModelFile) (device.Engine, error) {
	d.loading.Lock()
	defer d.loading.Unlock()
	d.mutex.Lock()
	err := d.refusal()
	d.mutex.Unlock()
	if err != nil {
		return nil, fmt.Errorf("load model %s: %w", m.Name, err)
	}
	if m.MaxBatch < 1 {
		return nil, fmt.Errorf("load model %s: batch %d", m.Name, m.MaxBatch)
	}
	e, err := newEngine(d, m)
	if err != nil {
		return nil, err
	}
	d.engines.Add(1)
	return e, nil
}

// Kernels implements device.Device.
func (d *Device) Kernels() device.Kernels { return kernels{} }

// Lost implements device.Device.
func (d *Device) Lost() <-chan struct{} { return d.lost }

// Cause implements device.Device.
func (d *Device) Cause() error {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	return d.cause
}

// Fail makes the device lost, as a sticky CUDA error does to a GPU: every stream fails from now on. The
// contract suite calls it; nothing else does.
func (d *Device) Fail(cause error) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	if d.cause != nil {
		return
	}
	d.cause = fmt.Errorf("%w: %w", device.ErrLost, cause)
	for s := range d.streams {
		s.fail(d.cause)
	}
	close(d.lost)
}

// Close implements device.Device.
func (d *Device) Close() error {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	if d.closed {
		return nil
	}
	var errs []error
	for name, n := range map[string]int64{"engines": d.engines.Load(), "decoders": d.decoders.Load(), "streams": int64(len(d.streams))} {
		if n > 0 {
			errs = append(errs, fmt.Errorf("%d %s: %w", n, name, device.ErrInUse))
		}
	}
	if u := d.pool.Usage(); u.Buffers > 0 {
		errs = append(errs, fmt.Errorf("memory: %w: %s", device.ErrInUse, u))
	}
	if len(errs) > 0 {
		return fmt.Errorf("close host device: %w", errors.Join(errs...))
	}
	d.closed = true
	return nil
}

// processor is the name of the CPU where Linux tells it.
func processor() string {
	info, err := os.ReadFile("/proc/cpuinfo")
	if err == nil {
		for line := range strings.Lines(string(info)) {
			if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
				return fmt.Sprintf("%s, %d cores", strings.TrimSpace(value), runtime.NumCPU())
			}
		}
	}
	return fmt.Sprintf("%s, %d cores", runtime.GOARCH, runtime.NumCPU())
}
