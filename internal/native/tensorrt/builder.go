package tensorrt

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"unsafe"
)

// Batch is a range of batch sizes and the size to optimize for.
type Batch struct{ Min, Opt, Max int64 }

// BuildOptions control Build.
type BuildOptions struct {
	FP16              bool
	OptimizationLevel int    // 0 to 5; TensorRT's default is 3
	Workspace         uint64 // bytes for temporary buffers; 0 means all device memory
	// Batch is the first dimension of every input that leaves it open. If Min and Max are equal, the
	// plan gets a fixed shape, which is the faster kind.
	Batch Batch
	// TimingCache is from an earlier Built for the same GPU, driver and TensorRT; may be nil. One that does
	// not fit is ignored, because it only saves time.
	TimingCache []byte
	// MaxTactics bounds how many kernels are timed a layer; 0 leaves it to TensorRT, as do versions before
	// 10.4.
	MaxTactics int
	// Float32 picks layers, by their ONNX names, that keep float32 in an FP16 plan; may be nil.
	Float32 func(layer string) bool
	// Progress is told how far the build is and ends it by returning false: Build then fails with
	// ErrCancelled. It is called from any thread, one call at a time, and must be quick; may be nil.
	Progress func(Step) bool
}

// Built is the result of Build. Of a build that failed there is the TimingCache alone: with it, the next one does not time
// again what was timed.
type Built struct {
	Plan        []byte
	TimingCache []byte
	Layers      int
	// Float32 is the number of layers that BuildOptions.Float32 kept.
	Float32 int
}

// Builder builds plans. Making one loads TensorRT's kernel library, which takes 3.4 GB of memory and much
// CPU time, so it pays to build several models with the same one. One goroutine uses it.
type Builder struct{ object *object }

// NewBuilder makes a builder for the current device. LoadParser must have succeeded. TensorRT opens its
// builder resource library by bare name, so its directory must have been in LD_LIBRARY_PATH when the
// process started, or in the system's library path. The caller closes the builder.
func NewBuilder() (*Builder, error) {
	lifecycle.Lock()
	defer lifecycle.Unlock()
	if version.Load() == 0 || parserAPI.GetVersion == nil {
		return nil, ErrNotLoaded
	}
	a := try("createInferBuilder")
	o, err := a.object(api.CreateInferBuilder(logger(), version.Load()))
	if err != nil {
		return nil, err
	}
	return &Builder{o}, nil
}

// Close destroys the builder. It waits for a Build.
func (builder *Builder) Close() error {
	lifecycle.Lock()
	defer lifecycle.Unlock()
	if builder.object != nil {
		builder.object.destroy()
		builder.object = nil
	}
	return nil
}

// Build compiles an ONNX model. It can take minutes, times kernels on the device and disturbs everything
// else that runs there; meanwhile this process can neither make nor close other objects of this package.
func (builder *Builder) Build(model []byte, o BuildOptions) (*Built, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	lifecycle.Lock()
	defer lifecycle.Unlock()
	if builder.object == nil {
		return nil, fmt.Errorf("builder: %w", ErrClosed)
	}
	b := &build{builder: builder.object, m: methods[builderMethods](builder.object.impl), options: o}
	defer b.release()
	return b.run(model)
}

func (o BuildOptions) check() error {
	if o.OptimizationLevel < 0 || o.OptimizationLevel > 5 {
		return fmt.Errorf("tensorrt: optimisation level %d, expected 0 to 5", o.OptimizationLevel)
	}
	if b := o.Batch; b.Min < 1 || b.Opt < b.Min || b.Max < b.Opt {
		return fmt.Errorf("tensorrt: batch %d, %d, %d: expected 1 <= min <= opt <= max", b.Min, b.Opt, b.Max)
	}
	return nil
}

// build is one call of Build.
type build struct {
	builder *object
	m       *builderMethods
	options BuildOptions
	// free lists what was made: config, network and parser must go before the builder, the newest first.
	free []func()
}

func (b *build) release() {
	for _, f := range slices.Backward(b.free) {
		f()
	}
}

// own checks an address that a call returned and destroys the object at the end.
func (b *build) own(a attempt, addr uintptr) (*object, error) {
	o, err := a.object(addr)
	if err == nil {
		b.free = append(b.free, o.destroy)
	}
	return o, err
}

func (b *build) run(model []byte) (*Built, error) {
	object, err := b.own(try("createNetworkV2"), b.m.CreateNetworkV2(b.builder.impl, 0))
	if err != nil {
		return nil, err
	}
	n := network{object, methods[networkMethods](object.impl)}
	freeParser, err := parse(object, model)
	if err != nil {
		return nil, err
	}
	b.free = append(b.free, freeParser)
	config, err := b.own(try("createBuilderConfig"), b.m.CreateBuilderConfig(b.builder.impl))
	if err != nil {
		return nil, err
	}
	result := &Built{Layers: int(n.m.GetNbLayers(n.impl))}
	if result.Float32, err = b.configure(config, n); err != nil {
		return nil, err
	}
	cache, err := b.timingCache(config)
	if err != nil {
		return nil, err
	}
	cancelled := func() bool { return false }
	if b.options.Progress != nil {
		monitor := newMonitor(b.options.Progress)
		defer monitor.close()
		methods[configMethods](config.impl).SetProgressMonitor(config.impl, monitor.pointer())
		cancelled = monitor.cancelled.Load
	}
	result.Plan, err = hostMemory(try("buildSerializedNetwork"), func() uintptr {
		return b.m.BuildSerializedNetwork(b.builder.impl, object, config)
	})
	if cancelled() {
		err = errors.Join(ErrCancelled, err)
	}
	timing, failed := hostMemory(try("timing cache serialize"), func() uintptr {
		return methods[timingCacheMethods](cache.impl).Serialize(cache.impl)
	})
	if err != nil {
		return &Built{TimingCache: timing}, err
	}
	result.TimingCache = timing
	return result, failed
}

// configure sets what the options say and counts the layers kept in float32.
func (b *build) configure(config *object, n network) (float32Layers int, err error) {
	const fp16, obeyPrecision, workspacePool = 0, 9, 0
	o, c := b.options, methods[configMethods](config.impl)
	if o.FP16 {
		c.SetFlag(config.impl, fp16)
	}
	if o.FP16 && o.Float32 != nil {
		if float32Layers, err = n.keepFloat32(o.Float32); err != nil {
			return 0, err
		}
		if float32Layers > 0 {
			c.SetFlag(config.impl, obeyPrecision)
		}
	}
	if o.Workspace > 0 {
		c.SetMemoryPoolLimit(config.impl, workspacePool, o.Workspace)
	}
	c.SetBuilderOptimizationLevel(config.impl, int32(o.OptimizationLevel))
	c.SetMaxAuxStreams(config.impl, 0) // the program runs several streams itself
	if o.MaxTactics > 0 && c.SetMaxNbTactics != nil {
		c.SetMaxNbTactics(config.impl, int32(o.MaxTactics))
	}
	// The profile belongs to the builder.
	profile, err := try("createOptimizationProfile").object(b.m.CreateOptimizationProfile(b.builder.impl))
	if err != nil {
		return 0, err
	}
	needed, err := n.setShapes(profile, o.Batch)
	if err != nil {
		return 0, err
	}
	if a := try("addOptimizationProfile"); needed && c.AddOptimizationProfile(config.impl, profile) < 0 {
		return 0, a.failed()
	}
	return float32Layers, nil
}

// timingCache gives the build the earlier cache, or an empty one if that is refused.
func (b *build) timingCache(config *object) (*object, error) {
	const ignoreMismatch = false
	c := methods[configMethods](config.impl)
	create := func(blob []byte) (*object, error) {
		return b.own(try("createTimingCache"), c.CreateTimingCache(config.impl, unsafe.SliceData(blob), uint64(len(blob))))
	}
	if len(b.options.TimingCache) > 0 {
		if cache, err := create(b.options.TimingCache); err == nil && c.SetTimingCache(config.impl, cache, ignoreMismatch) {
			return cache, nil
		}
	}
	cache, err := create(nil)
	if err != nil {
		return nil, err
	}
	if a := try("setTimingCache"); !c.SetTimingCache(config.impl, cache, ignoreMismatch) {
		return nil, a.failed()
	}
	return cache, nil
}

// hostMemory copies the memory object that f returns and frees it.
func hostMemory(a attempt, f func() uintptr) ([]byte, error) {
	o, err := a.object(f())
	if err != nil {
		return nil, err
	}
	defer o.destroy()
	m := methods[memoryMethods](o.impl)
	data := unsafe.Slice((*byte)(m.Data(o.impl)), m.Size(o.impl))
	return bytes.Clone(data), nil
}
