// Package tensorrt drives NVIDIA TensorRT 10.x from Go without cgo: runtime, builder and ONNX parser.
//
// TensorRT is a C++ library, but its stable surface are the vtables behind the public classes. Each
// method table in methods.go names the slots this package calls; object.go explains the calls.
//
// Functions that make, use or close TensorRT objects must run inside [cuda.Context.Do].
package tensorrt

import (
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"unsafe"

	"sightline/internal/native/cuda"
	"sightline/internal/native/dl"
)

// The versions this package has slot tables for. 11.0 moved them.
const (
	minVersion = 100100 // 10.1
	maxVersion = 109999
)

var api struct {
	GetInferLibVersion func() int32                                       `dl:"getInferLibVersion"`
	CreateInferRuntime func(logger unsafe.Pointer, version int32) uintptr `dl:"createInferRuntime_INTERNAL"`
	CreateInferBuilder func(logger unsafe.Pointer, version int32) uintptr `dl:"createInferBuilder_INTERNAL"`
}

var parserAPI struct {
	CreateParser func(network *object, logger unsafe.Pointer, version int32) uintptr `dl:"createNvOnnxParser_INTERNAL"`
	GetVersion   func() int32                                                        `dl:"getNvOnnxParserVersion"`
}

// lifecycle serialises creation and destruction of TensorRT objects, building and deserialisation,
// which are not safe to run at the same time in all versions.
var lifecycle sync.Mutex

// Load opens libnvinfer from dir, or from the system's library path if dir is "".
func Load(dir string) error {
	// Without a working driver TensorRT aborts the process (10.6) or returns garbage (10.15).
	if err := cuda.Load(); err != nil {
		return err
	}
	lib, err := dl.Open(filepath.Join(dir, "libnvinfer.so.10"))
	if err != nil {
		return fmt.Errorf("no TensorRT 10: %w", err)
	}
	if err := lib.Bind(&api); err != nil {
		return err
	}
	if v := api.GetInferLibVersion(); v < minVersion || v > maxVersion {
		return fmt.Errorf("TensorRT %s is not supported, need 10.1 or a later 10.x", versionString(v))
	}
	initLogger()
	return nil
}

// LoadParser opens the ONNX parser from dir. Only building needs it.
func LoadParser(dir string) error {
	lib, err := dl.Open(filepath.Join(dir, "libnvonnxparser.so.10"))
	if err != nil {
		return fmt.Errorf("no TensorRT ONNX parser: %w", err)
	}
	return lib.Bind(&parserAPI)
}

// Version is the version of the loaded library, such as "10.6.0".
func Version() string { return versionString(api.GetInferLibVersion()) }

func versionString(v int32) string {
	if v < 10000 { // before 10.0 the numbers were packed differently
		return fmt.Sprintf("%d.%d.%d", v/1000, v/100%10, v%100)
	}
	return fmt.Sprintf("%d.%d.%d", v/10000, v/100%100, v%100)
}

// failed makes the error of a call that TensorRT refused, with what it logged about it.
func failed(call string) error {
	recent.Lock()
	defer recent.Unlock()
	if len(recent.errors) == 0 {
		return fmt.Errorf("tensorrt: %s failed", call)
	}
	text := strings.Join(recent.errors, "; ")
	recent.errors = nil
	return fmt.Errorf("tensorrt: %s: %s", call, text)
}
