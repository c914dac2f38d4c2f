// Package nvml reads a GPU's load through the NVIDIA management library, without cgo.
package nvml

import (
	"fmt"
	"sync"

	"sightline/internal/native/dl"
)

// Result is an nvmlReturn_t.
type Result int32

// notSupported is what a GPU says of a figure that it does not have.
const notSupported Result = 3

var api struct {
	Init              func() Result                                              `dl:"nvmlInit_v2"`
	ErrorString       func(r Result) *byte                                       `dl:"nvmlErrorString"`
	HandleByUUID      func(uuid string, device *uintptr) Result                  `dl:"nvmlDeviceGetHandleByUUID"`
	Utilization       func(device uintptr, u *utilization) Result                `dl:"nvmlDeviceGetUtilizationRates"`
	DecoderUse        func(device uintptr, percent, microseconds *uint32) Result `dl:"nvmlDeviceGetDecoderUtilization"`
	MemoryInfo        func(device uintptr, m *memory) Result                     `dl:"nvmlDeviceGetMemoryInfo"`
	ClockInfo         func(device uintptr, kind int32, megahertz *uint32) Result `dl:"nvmlDeviceGetClockInfo"`
	PowerUsage        func(device uintptr, milliwatts *uint32) Result            `dl:"nvmlDeviceGetPowerUsage"`
	TemperatureOfChip func(device uintptr, sensor int32, celsius *uint32) Result `dl:"nvmlDeviceGetTemperature"`
}

// utilization is nvmlUtilization_t, memory nvmlMemory_t.
type utilization struct{ GPU, Memory uint32 }
type memory struct{ Total, Free, Used uint64 }

// Error is a failed call.
type Error struct {
	Call   string
	Result Result
}

func (e *Error) Error() string {
	return fmt.Sprintf("%s: %s (%d)", e.Call, dl.String(api.ErrorString(e.Result)), int32(e.Result))
}

func check(call string, r Result) error {
	if r == 0 {
		return nil
	}
	return &Error{call, r}
}

// load opens the library of that name and initialises it.
func load(name string) error {
	lib, err := dl.Open(name)
	if err != nil {
		return fmt.Errorf("no NVIDIA management library: %w", err)
	}
	if err := lib.Bind(&api); err != nil {
		return err
	}
	return check("nvmlInit", api.Init())
}

// Load opens the library, which comes with the driver. It is cheap to call again.
var Load = sync.OnceValue(func() error { return load("libnvidia-ml.so.1") })

// Device is one GPU. Its methods may be called from any goroutine.
type Device struct{ handle uintptr }

// Open finds a GPU by its UUID, "GPU-…" with lower-case hex digits. Load must have succeeded.
func Open(uuid string) (Device, error) {
	var d Device
	err := check("nvmlDeviceGetHandleByUUID "+uuid, api.HandleByUUID(uuid, &d.handle))
	return d, err
}

// Sample is a GPU's load at one moment. What a GPU cannot tell is 0.
type Sample struct {
	// GPU, MemoryBus and Decoder are percent of the time busy, over the last sampling period.
	GPU, MemoryBus, Decoder int
	// MemoryUsed and MemoryTotal are bytes, of all processes.
	MemoryUsed, MemoryTotal int64
	// ClockSM and ClockVideo are MHz.
	ClockSM, ClockVideo int
	Watts               float64
	// Celsius is the chip's temperature.
	Celsius int
}

// Sample reads the load now; it takes well under a millisecond.
func (d Device) Sample() (s Sample, err error) {
	note := func(call string, r Result) {
		if r != notSupported && err == nil {
			err = check(call, r)
		}
	}
	var u utilization
	note("nvmlDeviceGetUtilizationRates", api.Utilization(d.handle, &u))
	var decoder, period uint32
	note("nvmlDeviceGetDecoderUtilization", api.DecoderUse(d.handle, &decoder, &period))
	var m memory
	note("nvmlDeviceGetMemoryInfo", api.MemoryInfo(d.handle, &m))
	const clockSM, clockVideo, chip = 1, 3, 0
	var sm, video, power, celsius uint32
	note("nvmlDeviceGetClockInfo", api.ClockInfo(d.handle, clockSM, &sm))
	note("nvmlDeviceGetClockInfo", api.ClockInfo(d.handle, clockVideo, &video))
	note("nvmlDeviceGetPowerUsage", api.PowerUsage(d.handle, &power))
	note("nvmlDeviceGetTemperature", api.TemperatureOfChip(d.handle, chip, &celsius))
	return Sample{
		GPU: int(u.GPU), MemoryBus: int(u.Memory), Decoder: int(decoder), MemoryUsed: int64(m.Used), MemoryTotal: int64(m.Total),
		ClockSM: int(sm), ClockVideo: int(video), Watts: float64(power) / 1000, Celsius: int(celsius),
	}, err
}
