// Package cuda is the product's device: NVDEC decodes, TensorRT infers, kernels of our own do the rest, and
// pixels never leave the GPU but by Stream.CopyPicture.
package cuda

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"

	"sightline/internal/device"
	driver "sightline/internal/native/cuda"
	"sightline/internal/native/nvcuvid"
	"sightline/internal/native/nvml"
	"sightline/internal/native/tensorrt"
)

// Options say which GPU and where its parts are.
type Options struct {
	// Ordinal is the GPU's number as CUDA counts.
	Ordinal int
	// TensorRT is the folder of libnvinfer.so.10; empty looks in the places of tensorrt.Options, of which the
	// last is Cache.
	TensorRT, Cache string
	// Plans is the folder of the engines' plans; see PlanName.
	Plans string
	// MemoryLimit bounds the pool, in bytes; 0 means no limit.
	MemoryLimit int64
	Logger      *slog.Logger
}

func (o Options) libraries() tensorrt.Options {
	return tensorrt.Options{Folder: o.TensorRT, Cache: o.Cache}
}

// Device implements device.Device on one GPU.
type Device struct {
	options Options
	name    string
	sm      int // compute capability, 90 for 9.0
	context *driver.Context
	runtime *tensorrt.Runtime
	kernels kernelSet
	pool    *device.Pool
	// telemetry is nil where the management library is missing.
	telemetry *nvml.Device

	// asking guards decodable, which is what the hardware can do with each kind of stream.
	asking    sync.Mutex
	decodable map[nvcuvid.Kind]nvcuvid.Caps

	loading  sync.Mutex
	engines  atomic.Int64
	decoders atomic.Int64
	streams  atomic.Int64

	cause  atomic.Pointer[error]
	broken atomic.Bool // by a sticky error of the driver
	once   sync.Once
	lost   chan struct{}
	closed atomic.Bool
}

// New opens the GPU. What this machine lacks is a device.ErrUnavailable in one sentence.
func New(o Options) (*Device, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	d := &Device{options: o, lost: make(chan struct{}), decodable: map[nvcuvid.Kind]nvcuvid.Caps{}}
	d.pool = device.NewPool(allocator{d}, o.MemoryLimit)
	if err := d.open(); err != nil {
		return nil, fmt.Errorf("device cuda: %w: %s", device.ErrUnavailable, strings.Join(strings.Fields(err.Error()), " "))
	}
	return d, nil
}

func (d *Device) open() error {
	if err := driver.Load(); err != nil {
		return err
	}
	n, err := driver.Devices()
	if err != nil {
		return err
	}
	if d.options.Ordinal < 0 || d.options.Ordinal >= n {
		return fmt.Errorf("GPU %d asked for, this machine has %d", d.options.Ordinal, n)
	}
	if err := nvcuvid.Load(); err != nil {
		return err
	}
	if err := d.options.libraries().Load(); err != nil {
		return err
	}
	logger := d.options.Logger
	tensorrt.LogTo(logger)
	handle, err := driver.OpenDevice(d.options.Ordinal)
	if err != nil {
		return err
	}
	if d.name, err = handle.Name(); err != nil {
		return err
	}
	if d.sm, err = handle.ComputeCapability(); err != nil {
		return err
	}
	if d.sm < 75 {
		return fmt.Errorf("%s has compute capability %d.%d, expected 7.5 or newer", d.name, d.sm/10, d.sm%10)
	}
	if err := d.openTelemetry(handle); err != nil {
		logger.Warn("the GPU's load cannot be read", "error", err)
	}
	if d.context, err = driver.NewContext(handle); err != nil {
		return err
	}
	err = d.context.Do(func() (err error) {
		if err = d.kernels.load(); err != nil {
			return err
		}
		d.runtime, err = tensorrt.NewRuntime()
		return err
	})
	if err != nil {
		return errors.Join(err, d.release())
	}
	return nil
}

// Info implements device.Device.
func (d *Device) Info() device.Info {
	return device.Info{Kind: "cuda", Name: d.name, Runtime: "TensorRT " + tensorrt.Version()}
}

// Pool implements device.Device.
func (d *Device) Pool() *device.Pool { return d.pool }

// Kernels implements device.Device.
func (d *Device) Kernels() device.Kernels { return &d.kernels }

// do runs f with the context current, unless the device is lost, and notices if it gets lost.
func (d *Device) do(f func() error) error {
	if cause := d.cause.Load(); cause != nil {
		return *cause
	}
	err := d.context.Do(f)
	if err == nil {
		if cause := d.cause.Load(); cause != nil {
			return *cause
		}
		return nil
	}
	var failed *driver.Error
	if errors.As(err, &failed) && failed.Result.Lost() {
		d.broken.Store(true)
		d.Fail(err)
		return *d.cause.Load()
	}
	return err
}

// undo runs f, which gives something back; a lost device has lost that too. After a sticky error every call of the driver's
// fails, and TensorRT makes and logs hundreds for each of its objects: nothing is called then.
func (d *Device) undo(f func() error) error {
	if d.broken.Load() {
		return nil
	}
	err := d.context.Do(f)
	if d.cause.Load() != nil {
		return nil
	}
	return err
}

// Lost implements device.Device.
func (d *Device) Lost() <-chan struct{} { return d.lost }

// Cause implements device.Device.
func (d *Device) Cause() error {
	if cause := d.cause.Load(); cause != nil {
		return *cause
	}
	return nil
}

// Fail makes the device lost: a sticky CUDA error or a failure inside TensorRT does, and the contract
// suite.
func (d *Device) Fail(cause error) {
	d.once.Do(func() {
		err := fmt.Errorf("%w: %w", device.ErrLost, cause)
		d.cause.Store(&err)
		close(d.lost)
	})
}

// refusal says why nothing new can be made.
func (d *Device) refusal() error {
	if d.closed.Load() {
		return device.ErrClosed
	}
	return d.Cause()
}

// Close implements device.Device.
func (d *Device) Close() error {
	if d.closed.Swap(true) {
		return nil
	}
	var errs []error
	for _, open := range []struct {
		name string
		n    int64
	}{{"engines", d.engines.Load()}, {"decoders", d.decoders.Load()}, {"streams", d.streams.Load()}} {
		if open.n > 0 {
			errs = append(errs, fmt.Errorf("%d %s: %w", open.n, open.name, device.ErrInUse))
		}
	}
	if u := d.pool.Usage(); u.Buffers > 0 {
		errs = append(errs, fmt.Errorf("memory: %w: %s", device.ErrInUse, u))
	}
	if len(errs) > 0 {
		d.closed.Store(false) // it can be closed again
		return fmt.Errorf("close device cuda: %w", errors.Join(errs...))
	}
	if err := d.release(); err != nil && d.Cause() == nil {
		return fmt.Errorf("close device cuda: %w", err)
	}
	return nil
}

// release gives back what New made, in the reverse order.
func (d *Device) release() error {
	if d.context == nil {
		return nil
	}
	err := d.context.Do(func() error {
		var errs []error
		if d.runtime != nil {
			errs = append(errs, d.runtime.Close())
		}
		for _, m := range d.kernels.modules {
			errs = append(errs, m.Close())
		}
		return errors.Join(errs...)
	})
	return errors.Join(err, d.context.Close())
}

// allocator takes memory from the driver for the pool.
type allocator struct{ device *Device }

type memory struct {
	device  *Device
	address uintptr
	bytes   []byte // of pinned memory
}

func (a allocator) Allocate(space device.Space, size int64) (device.Memory, error) {
	m := &memory{device: a.device}
	err := a.device.do(func() (err error) {
		if space == device.Pinned {
			m.address, m.bytes, err = driver.AllocHost(size)
		} else {
			m.address, err = driver.Alloc(size)
		}
		return err
	})
	return m, err
}

func (m *memory) Address() uintptr { return m.address }
func (m *memory) Bytes() []byte    { return m.bytes }

func (m *memory) Free() error {
	return m.device.undo(func() error {
		if m.bytes != nil {
			return driver.FreeHost(m.address)
		}
		return driver.Free(m.address)
	})
}
