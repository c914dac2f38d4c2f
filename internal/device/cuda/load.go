package cuda

import (
	"fmt"

	"sightline/internal/device"
	driver "sightline/internal/native/cuda"
	"sightline/internal/native/nvml"
)

// openTelemetry finds the GPU in the management library. It is no reason to stop if that is missing.
func (d *Device) openTelemetry(handle driver.Device) error {
	if err := nvml.Load(); err != nil {
		return err
	}
	uuid, err := handle.UUID()
	if err != nil {
		return err
	}
	found, err := nvml.Open(uuid)
	if err != nil {
		return err
	}
	d.telemetry = &found
	return nil
}

// Load implements device.Loaded.
func (d *Device) Load() (device.Load, error) {
	if d.telemetry == nil {
		return device.Load{}, fmt.Errorf("load of %s: %w", d.name, device.ErrUnavailable)
	}
	s, err := d.telemetry.Sample()
	return device.Load{
		GPU: s.GPU, Decoder: s.Decoder, MemoryUsed: s.MemoryUsed, MemoryTotal: s.MemoryTotal,
		ClockSM: s.ClockSM, ClockVideo: s.ClockVideo, Watts: s.Watts, Celsius: s.Celsius,
	}, err
}
