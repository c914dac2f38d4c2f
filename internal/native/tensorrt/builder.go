package tensorrt

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"unsafe"

	"sightline/internal/native/dl"
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
	Batch       Batch
	TimingCache []byte // from an earlier Built for the same GPU, driver and TensorRT; may be nil
}

// Built is the result of Build.
type Built struct {
	Plan        []byte
	TimingCache []byte
	Layers      int
}

// Builder builds plans. Making one loads TensorRT's kernel library, which takes 3.4 GB of memory and much
// CPU time, so it pays to build several models with the same one.
type Builder struct{ *object }

// NewBuilder makes a builder for the current device. LoadParser must have succeeded. TensorRT opens its
// builder resource library by bare name, so its directory must have been in LD_LIBRARY_PATH when the
// process started, or in the system's library path.
func NewBuilder() (*Builder, error) {
	lifecycle.Lock()
	defer lifecycle.Unlock()
	o, err := newObject(api.CreateInferBuilder(logger(), api.GetInferLibVersion()), "createInferBuilder")
	if err != nil {
		return nil, err
	}
	return &Builder{o}, nil
}

// Close destroys the builder.
func (builder *Builder) Close() { builder.destroy() }

// Build compiles an ONNX model. It can take minutes, times kernels on the device and disturbs everything
// else that runs there.
func (builder *Builder) Build(model []byte, o BuildOptions) (*Built, error) {
	// What is made here is freed by hand, the newest first: config, network and parser must go before
	// the builder.
	var free []func()
	defer func() {
		for _, f := range slices.Backward(free) {
			f()
		}
	}()
	own := func(addr uintptr, call string) (*object, error) {
		obj, err := newObject(addr, call)
		if err == nil {
			free = append(free, obj.destroy)
		}
		return obj, err
	}

	b := methods[builderMethods](builder.impl)
	network, err := own(b.CreateNetworkV2(builder.impl, 0), "createNetworkV2")
	if err != nil {
		return nil, err
	}
	n := methods[networkMethods](network.impl)
	freeParser, err := parse(network, model)
	if err != nil {
		return nil, err
	}
	free = append(free, freeParser) // not earlier: the network uses weights that the parser owns

	config, err := own(b.CreateBuilderConfig(builder.impl), "createBuilderConfig")
	if err != nil {
		return nil, err
	}
	c := methods[configMethods](config.impl)
	const fp16, workspacePool = 0, 0
	if o.FP16 {
		c.SetFlag(config.impl, fp16)
	}
	if o.Workspace > 0 {
		c.SetMemoryPoolLimit(config.impl, workspacePool, o.Workspace)
	}
	c.SetBuilderOptimizationLevel(config.impl, int32(o.OptimizationLevel))
	c.SetMaxAuxStreams(config.impl, 0) // the program runs several streams itself

	profile, err := newObject(b.CreateOptimizationProfile(builder.impl), "createOptimizationProfile") // owned by the builder
	if err != nil {
		return nil, err
	}
	needed, err := setShapes(network, profile, o.Batch)
	if err != nil {
		return nil, err
	}
	if needed && c.AddOptimizationProfile(config.impl, profile) < 0 {
		return nil, failed("addOptimizationProfile")
	}

	cache, err := own(c.CreateTimingCache(config.impl, unsafe.SliceData(o.TimingCache), uint64(len(o.TimingCache))), "createTimingCache")
	if err != nil {
		return nil, err
	}
	const ignoreMismatch = false
	if !c.SetTimingCache(config.impl, cache, ignoreMismatch) {
		return nil, failed("setTimingCache")
	}

	result := &Built{Layers: int(n.GetNbLayers(network.impl))}
	result.Plan, err = hostMemory(func() uintptr {
		lifecycle.Lock()
		defer lifecycle.Unlock()
		return b.BuildSerializedNetwork(builder.impl, network, config)
	}, "buildSerializedNetwork")
	if err != nil {
		return nil, err
	}
	result.TimingCache, err = hostMemory(func() uintptr {
		return methods[timingCacheMethods](cache.impl).Serialize(cache.impl)
	}, "timing cache serialize")
	return result, err
}

// parse fills the network from an ONNX model and returns the function that frees the parser.
func parse(network *object, model []byte) (func(), error) {
	addr := parserAPI.CreateParser(network, logger(), parserAPI.GetVersion())
	if addr < lowest {
		return nil, failed("createNvOnnxParser")
	}
	parser := (*impl)(dl.Pointer(addr))
	m := methods[parserMethods](parser)
	free := func() { m.DeletingDestructor(parser) }
	if m.Parse(parser, unsafe.SliceData(model), uint64(len(model)), 0) {
		return free, nil
	}
	var errs []error
	for i := range m.GetNbErrors(parser) {
		e := m.GetError(parser, i)
		em := methods[parserErrorMethods](e)
		errs = append(errs, fmt.Errorf("onnx: %s (node %q, %s)", em.Desc(e), em.NodeName(e), em.NodeOperator(e)))
	}
	free()
	return nil, errors.Join(append(errs, failed("parse"))...)
}

// setShapes fixes the open batch dimension of the inputs and tells whether the profile is needed.
func setShapes(network, profile *object, batch Batch) (needed bool, err error) {
	n := methods[networkMethods](network.impl)
	p := methods[profileMethods](profile.impl)
	for i := range n.GetNbInputs(network.impl) {
		input, err := newObject(n.GetInput(network.impl, i), "getInput")
		if err != nil {
			return false, err
		}
		t := methods[tensorMethods](input.impl)
		shape := t.GetDimensions(input.impl).shape()
		if len(shape) == 0 || shape[0] != -1 {
			continue
		}
		if batch.Min == batch.Max {
			shape[0] = batch.Max
			t.SetDimensions(input.impl, newDims(shape))
			continue
		}
		needed = true
		name := t.GetName(input.impl)
		for selector, size := range [...]int64{batch.Min, batch.Opt, batch.Max} { // in the order of OptProfileSelector
			shape[0] = size
			if !p.SetDimensions(profile.impl, name, int32(selector), newDims(shape)) {
				return false, failed("profile setDimensions " + name)
			}
		}
	}
	return needed, nil
}

// hostMemory copies the memory object that f returns and frees it.
func hostMemory(f func() uintptr, call string) ([]byte, error) {
	o, err := newObject(f(), call)
	if err != nil {
		return nil, err
	}
	defer o.destroy()
	m := methods[memoryMethods](o.impl)
	data := unsafe.Slice((*byte)(m.Data(o.impl)), m.Size(o.impl))
	return bytes.Clone(data), nil
}
