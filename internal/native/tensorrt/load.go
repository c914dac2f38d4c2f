package tensorrt

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"unsafe"

	"sightline/internal/native/cuda"
	"sightline/internal/native/dl"
)

// The versions this package has slot tables for. 11.0 moved them.
const (
	minVersion = 100100 // 10.1
	maxVersion = 109999
)

const runtimeLibrary = "libnvinfer.so.10"

// EnvFolder is the environment variable that names the folder of TensorRT's libraries.
const EnvFolder = "SIGHTLINE_TENSORRT"

var api struct {
	GetInferLibVersion func() int32                                       `dl:"getInferLibVersion"`
	CreateInferRuntime func(logger unsafe.Pointer, version int32) uintptr `dl:"createInferRuntime_INTERNAL"`
	CreateInferBuilder func(logger unsafe.Pointer, version int32) uintptr `dl:"createInferBuilder_INTERNAL"`
}

var parserAPI struct {
	CreateParser func(network *object, logger unsafe.Pointer, version int32) uintptr `dl:"createNvOnnxParser_INTERNAL"`
	GetVersion   func() int32                                                        `dl:"getNvOnnxParserVersion"`
}

// lifecycle serialises loading, creation and destruction of TensorRT objects, building and deserialisation,
// which are not safe to run at the same time in all versions.
var lifecycle sync.Mutex

// version is the loaded library's, such as 100600; 0 before Load. folder is where it was found, "" on the
// loader's path.
var (
	version atomic.Int32
	folder  atomic.Pointer[string]
)

// Options say where TensorRT is.
type Options struct {
	// Folder of the libraries. If it is given, no other place is tried. Else they are looked for in the
	// folder that EnvFolder names, on the loader's path, in Python's tensorrt_libs, in the usual folders of
	// distributions, and in Cache.
	Folder string
	// Cache is the folder into which the program itself fetches libraries; it may be empty.
	Cache string
	// Ready makes sure that CUDA works and is called before any library is opened; nil means cuda.Load.
	// Without a working driver TensorRT ends the process (10.6) or returns garbage (10.15).
	Ready func() error
}

// Load opens libnvinfer from dir, or from the places of Options if dir is "".
func Load(dir string) error { return Options{Folder: dir}.Load() }

// Load opens libnvinfer. The error names every path that was tried. It is cheap to call again, and once it
// has succeeded other options change nothing.
func (o Options) Load() error {
	lifecycle.Lock()
	defer lifecycle.Unlock()
	if version.Load() != 0 {
		return nil
	}
	ready := o.Ready
	if ready == nil {
		ready = cuda.Load
	}
	if err := ready(); err != nil {
		return err
	}
	lib, err := o.open(runtimeLibrary)
	if err != nil {
		return fmt.Errorf("no TensorRT 10: %w", err)
	}
	if err := lib.Bind(&api); err != nil {
		return err
	}
	v := api.GetInferLibVersion()
	if err := supported(v); err != nil {
		return fmt.Errorf("%s: %w", lib.Name(), err)
	}
	initLogger()
	dir := ""
	if name := lib.Name(); filepath.Base(name) != name {
		dir = filepath.Dir(name)
	}
	folder.Store(&dir)
	version.Store(v)
	return nil
}

// Folder is where the loaded library lies, or "" if the loader found it on its path. Empty before Load.
func Folder() string {
	if dir := folder.Load(); dir != nil {
		return *dir
	}
	return ""
}

// Find looks for TensorRT without opening it, which also works without a GPU. It returns the folder of
// the first libnvinfer, or false: the loader's path is not searched.
func (o Options) Find() (string, bool) {
	for _, folder := range o.folders() {
		if _, err := os.Stat(filepath.Join(folder, runtimeLibrary)); folder != "" && err == nil {
			return folder, true
		}
	}
	return "", false
}

// LoadParser opens the ONNX parser from dir; see Options.LoadParser.
func LoadParser(dir string) error { return Options{Folder: dir}.LoadParser() }

// LoadParser opens the ONNX parser, which only building needs.
func (o Options) LoadParser() error {
	lifecycle.Lock()
	defer lifecycle.Unlock()
	if parserAPI.GetVersion != nil {
		return nil
	}
	lib, err := o.open("libnvonnxparser.so.10")
	if err != nil {
		return fmt.Errorf("no TensorRT ONNX parser: %w", err)
	}
	return lib.Bind(&parserAPI)
}

// open loads a library from the first place that has it.
func (o Options) open(name string) (*dl.Library, error) {
	var paths []string
	for _, folder := range o.folders() {
		path := filepath.Join(folder, name)
		// A file is given to the loader only if it exists, so that the error of a broken one stands out.
		if _, err := os.Stat(path); err == nil || folder == "" || o.Folder != "" {
			lib, err := dl.Open(path)
			if err == nil {
				return lib, nil
			}
			paths = append(paths, path+": "+err.Error())
			continue
		}
		paths = append(paths, path+": no such file")
	}
	return nil, errors.New(strings.Join(paths, "; "))
}

// folders lists where to look, in order; "" stands for the loader's path.
func (o Options) folders() []string {
	if o.Folder != "" {
		return []string{o.Folder}
	}
	var list []string
	if folder := os.Getenv(EnvFolder); folder != "" {
		list = append(list, folder)
	}
	list = append(list, "")
	home, _ := os.UserHomeDir()
	for _, root := range []string{os.Getenv("VIRTUAL_ENV"), filepath.Join(home, ".local"), "/usr/local", "/usr"} {
		if !filepath.IsAbs(root) {
			continue
		}
		for _, packages := range []string{"lib/python3*/site-packages", "lib/python3*/dist-packages", "lib/python3/dist-packages"} {
			found, _ := filepath.Glob(filepath.Join(root, packages, "tensorrt_libs"))
			list = append(list, found...)
		}
	}
	list = append(list, "/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/local/tensorrt/lib", "/opt/tensorrt/lib")
	if o.Cache != "" {
		list = append(list, o.Cache)
	}
	return list
}

// supported says whether this package has tables for a version.
func supported(v int32) error {
	switch {
	case v > maxVersion:
		return fmt.Errorf("%w: this is TensorRT %s, whose interface differs; install 10.1 or a later 10.x beside it", ErrVersion, versionString(v))
	case v < minVersion:
		return fmt.Errorf("%w: this is TensorRT %s, 10.1 or a later 10.x is needed", ErrVersion, versionString(v))
	}
	return nil
}

// has tells whether the loaded library is at least of a version such as "10.4".
func has(since string) bool {
	major, minor, _ := strings.Cut(since, ".")
	a, err := strconv.Atoi(major)
	b, err2 := strconv.Atoi(minor)
	return err == nil && err2 == nil && int(version.Load()) >= a*10000+b*100
}

// Version is the version of the loaded library, such as "10.6.0"; "" before Load.
func Version() string {
	if v := version.Load(); v != 0 {
		return versionString(v)
	}
	return ""
}

func versionString(v int32) string {
	if v < 10000 { // before 10.0 the numbers were packed differently
		return fmt.Sprintf("%d.%d.%d", v/1000, v/100%10, v%100)
	}
	return fmt.Sprintf("%d.%d.%d", v/10000, v/100%100, v%100)
}
