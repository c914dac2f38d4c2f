package nvml

import (
	"fmt"
	"sync"

	"sightline/internal/native/dl"
)

var api struct {
	Init              func() Result                                              `dl:"nvmlInit_v2"`
	Shutdown          func() Result                                              `dl:"nvmlShutdown"`
	ErrorString       func(r Result) *byte                                       `dl:"nvmlErrorString"`
	DriverVersion     func(text *byte, n uint32) Result                          `dl:"nvmlSystemGetDriverVersion"`
	Count             func(n *uint32) Result                                     `dl:"nvmlDeviceGetCount_v2"`
	HandleByIndex     func(index uint32, device *uintptr) Result                 `dl:"nvmlDeviceGetHandleByIndex_v2"`
	HandleByUUID      func(uuid string, device *uintptr) Result                  `dl:"nvmlDeviceGetHandleByUUID"`
	Name              func(device uintptr, text *byte, n uint32) Result          `dl:"nvmlDeviceGetName"`
	Utilization       func(device uintptr, u *utilization) Result                `dl:"nvmlDeviceGetUtilizationRates"`
	DecoderUse        func(device uintptr, percent, microseconds *uint32) Result `dl:"nvmlDeviceGetDecoderUtilization"`
	MemoryInfo        func(device uintptr, m *memory) Result                     `dl:"nvmlDeviceGetMemoryInfo"`
	ClockInfo         func(device uintptr, kind int32, megahertz *uint32) Result `dl:"nvmlDeviceGetClockInfo"`
	PowerUsage        func(device uintptr, milliwatts *uint32) Result            `dl:"nvmlDeviceGetPowerUsage"`
	TemperatureOfChip func(device uintptr, sensor int32, celsius *uint32) Result `dl:"nvmlDeviceGetTemperature"`
}

// paths are tried in this order: the loader's, a container's, and Windows' for Linux.
var paths = []string{"libnvidia-ml.so.1", "/usr/local/nvidia/lib64/libnvidia-ml.so.1", "/usr/lib/wsl/lib/libnvidia-ml.so.1"}

// load opens the first library of those names and initialises it.
func load(names ...string) error {
	lib, err := dl.Open(names...)
	if err != nil {
		return fmt.Errorf("no NVIDIA management library: %w", err)
	}
	if err := lib.Bind(&api); err != nil {
		return fmt.Errorf("NVIDIA driver too old: %w", err)
	}
	return check("nvmlInit", api.Init())
}

// Load opens the library, which comes with the driver. It is cheap to call again. Its error names every
// path that was tried.
var Load = sync.OnceValue(func() error { return load(paths...) })

// Shutdown ends the use of the library for the whole process: every Device is void, and Load does not
// bring it back. A process that just ends needs no Shutdown.
func Shutdown() error { return check("nvmlShutdown", api.Shutdown()) }

// DriverVersion is the display driver's version, such as "580.159.04".
func DriverVersion() (string, error) {
	return text("nvmlSystemGetDriverVersion", api.DriverVersion)
}

// text calls what writes a name into a buffer of ours.
func text(call string, fill func(text *byte, n uint32) Result) (string, error) {
	b := make([]byte, 128)
	if err := check(call, fill(&b[0], uint32(len(b)))); err != nil {
		return "", err
	}
	return dl.String(&b[0]), nil
}
