package cli

import (
	"fmt"
	"log/slog"
	"time"

	"sightline/internal/device"
)

// loadMeter watches how busy the device is during a run. One goroutine uses it.
type loadMeter struct {
	device device.Loaded // nil: it does not know
	logger *slog.Logger

	next, nextLine time.Time
	n              int
	gpu, decoder   int // sums
	watts          float64
	most           device.Load
}

const (
	loadInterval = time.Second
	loadLines    = 10 * time.Second // between two lines in the log
)

func (m *loadMeter) begin(d device.Device, logger *slog.Logger) {
	m.device, _ = d.(device.Loaded)
	m.logger = logger
	m.next = time.Now().Add(loadInterval)
	m.nextLine = time.Now().Add(loadLines)
}

// sample reads the load if it is time. A device that cannot tell is not asked again.
func (m *loadMeter) sample(now time.Time) {
	if m.device == nil || now.Before(m.next) {
		return
	}
	m.next = now.Add(loadInterval)
	l, err := m.device.Load()
	if err != nil {
		m.logger.Debug("the device's load cannot be read", "error", err)
		m.device = nil
		return
	}
	m.n++
	m.gpu += l.GPU
	m.decoder += l.Decoder
	m.watts += l.Watts
	m.most = device.Load{
		GPU: max(m.most.GPU, l.GPU), Decoder: max(m.most.Decoder, l.Decoder), MemoryUsed: max(m.most.MemoryUsed, l.MemoryUsed),
		MemoryTotal: l.MemoryTotal, Celsius: max(m.most.Celsius, l.Celsius), Watts: max(m.most.Watts, l.Watts),
	}
	if !now.Before(m.nextLine) {
		m.nextLine = now.Add(loadLines)
		m.logger.Info("device load", "gpu_percent", l.GPU, "decoder_percent", l.Decoder, "memory_used", l.MemoryUsed,
			"memory_total", l.MemoryTotal, "sm_mhz", l.ClockSM, "video_mhz", l.ClockVideo, "watts", l.Watts, "celsius", l.Celsius)
	}
}

// String sums the run up; empty if nothing is known.
func (m *loadMeter) String() string {
	if m.n == 0 {
		return ""
	}
	n := float64(m.n)
	return fmt.Sprintf("GPU %.0f %% busy (most %d), NVDEC %.0f %% (most %d), memory %.1f of %.1f GB, %.0f W (most %.0f), %d C",
		float64(m.gpu)/n, m.most.GPU, float64(m.decoder)/n, m.most.Decoder, float64(m.most.MemoryUsed)/1e9, float64(m.most.MemoryTotal)/1e9,
		m.watts/n, m.most.Watts, m.most.Celsius)
}
