package nvml

// utilization is nvmlUtilization_t, memory nvmlMemory_t.
type utilization struct{ GPU, Memory uint32 }
type memory struct{ Total, Free, Used uint64 }

// Sample is a GPU's load at one moment. What a GPU cannot tell is 0.
type Sample struct {
	// GPU, MemoryBus and Decoder are percent of the time busy, over the last sampling period.
	GPU, MemoryBus, Decoder int
	// MemoryUsed and MemoryTotal are bytes, of all processes.
	MemoryUsed, MemoryTotal int64
	// ClockSM and ClockVideo are MHz.
	ClockSM, ClockVideo int
	// Watts is the power of the whole board.
	Watts float64
	// Celsius is the chip's temperature.
	Celsius int
}

// Sample reads the load now; it takes well under a millisecond. The first figure that fails for another
// reason than NotSupported is the error, an *Error; the others are still filled in.
func (d Device) Sample() (s Sample, err error) {
	note := func(call string, r Result) {
		if r != NotSupported && err == nil {
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
