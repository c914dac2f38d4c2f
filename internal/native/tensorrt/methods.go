package tensorrt

import (
	"unsafe"

	"sightline/internal/native/cuda"
)

// The tables name methods as the C++ headers do; methods_test.go compares names and slots with a table
// made by a C++ compiler. All slots are the same from 10.1 to 10.16; what came later than 10.1 says since
// when, and is nil before. The first parameter is the implementation; parameters that C++ declares as references to interfaces take the public object.

type runtimeMethods struct {
	DeserializeCudaEngine func(this *impl, blob *byte, size uint64) uintptr `slot:"3"`
}

type engineMethods struct {
	CreateExecutionContext    func(this *impl, strategy int32) uintptr                    `slot:"5"`
	GetNbOptimizationProfiles func(this *impl) int32                                      `slot:"10"`
	GetTensorShape            func(this *impl, name string) dims                          `slot:"19"`
	GetTensorDataType         func(this *impl, name string) DataType                      `slot:"20"`
	GetTensorIOMode           func(this *impl, name string) int32                         `slot:"23"`
	GetProfileShape           func(this *impl, name string, profile, selector int32) dims `slot:"29"`
	GetNbIOTensors            func(this *impl) int32                                      `slot:"30"`
	GetIOTensorName           func(this *impl, index int32) string                        `slot:"31"`
	GetNbAuxStreams           func(this *impl) int32                                      `slot:"33"`
	GetDeviceMemorySizeV2     func(this *impl) int64                                      `slot:"52"`
	GetEngineStat             func(this *impl, stat int32) int64                          `slot:"57" since:"10.14"`
}

type contextMethods struct {
	SetInputShape     func(this *impl, name string, d *dims) bool   `slot:"21"`
	GetTensorShape    func(this *impl, name string) dims            `slot:"22"`
	SetTensorAddress  func(this *impl, name string, p uintptr) bool `slot:"24"`
	SetDeviceMemoryV2 func(this *impl, p uintptr, size int64)       `slot:"49"`
	EnqueueV3         func(this *impl, s cuda.Stream) bool          `slot:"37"`
}

type builderMethods struct {
	CreateBuilderConfig       func(this *impl) uintptr                          `slot:"7"`
	CreateNetworkV2           func(this *impl, flags uint32) uintptr            `slot:"8"`
	CreateOptimizationProfile func(this *impl) uintptr                          `slot:"9"`
	BuildSerializedNetwork    func(this *impl, network, config *object) uintptr `slot:"14"`
	SetMaxThreads             func(this *impl, n int32) bool                    `slot:"17"`
}

type configMethods struct {
	SetFlag                     func(this *impl, flag int32)                              `slot:"11"`
	AddOptimizationProfile      func(this *impl, profile *object) int32                   `slot:"25"`
	CreateTimingCache           func(this *impl, blob *byte, size uint64) uintptr         `slot:"40"`
	SetTimingCache              func(this *impl, cache *object, ignoreMismatch bool) bool `slot:"41"`
	SetMemoryPoolLimit          func(this *impl, pool int32, size uint64)                 `slot:"43"`
	SetBuilderOptimizationLevel func(this *impl, level int32)                             `slot:"47"`
	SetMaxAuxStreams            func(this *impl, n int32)                                 `slot:"54"`
	SetProgressMonitor          func(this *impl, monitor unsafe.Pointer)                  `slot:"56"`
	SetMaxNbTactics             func(this *impl, n int32)                                 `slot:"60" since:"10.4"`
}

type networkMethods struct {
	GetNbLayers func(this *impl) int32                `slot:"12"`
	GetLayer    func(this *impl, index int32) uintptr `slot:"13"`
	GetNbInputs func(this *impl) int32                `slot:"14"`
	GetInput    func(this *impl, index int32) uintptr `slot:"15"`
}

type layerMethods struct {
	GetName       func(this *impl) string                   `slot:"4"`
	GetNbOutputs  func(this *impl) int32                    `slot:"7"`
	SetPrecision  func(this *impl, t DataType)              `slot:"10"`
	GetOutputType func(this *impl, index int32) DataType    `slot:"15"`
	SetOutputType func(this *impl, index int32, t DataType) `slot:"14"`
}

type tensorMethods struct {
	GetName       func(this *impl) string   `slot:"3"`
	SetDimensions func(this *impl, d *dims) `slot:"4"`
	GetDimensions func(this *impl) dims     `slot:"5"`
}

type profileMethods struct {
	SetDimensions func(this *impl, name string, selector int32, d *dims) bool `slot:"2"`
	IsValid       func(this *impl) bool                                       `slot:"9"`
}

type memoryMethods struct {
	Data func(this *impl) unsafe.Pointer `slot:"2"`
	Size func(this *impl) uint64         `slot:"3"`
}

type timingCacheMethods struct {
	Serialize func(this *impl) uintptr `slot:"2"`
}

// The ONNX parser has virtual methods itself, and its deleting destructor is in slot 9.

type parserMethods struct {
	Parse              func(this *impl, model *byte, size uint64, path uintptr) bool `slot:"0"`
	SupportsOperator   func(this *impl, name string) bool                            `slot:"4"`
	GetNbErrors        func(this *impl) int32                                        `slot:"5"`
	GetError           func(this *impl, index int32) *impl                           `slot:"6"`
	DeletingDestructor func(this *impl)                                              `slot:"9"`
}

type parserErrorMethods struct {
	Desc         func(this *impl) string `slot:"1"`
	NodeName     func(this *impl) string `slot:"6"`
	NodeOperator func(this *impl) string `slot:"7"`
}
