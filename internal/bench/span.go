package bench

import (
	"time"

	"sightline/internal/device"
)

// Load is what the device's own meters told during a measurement. Samples is 0 where they cannot be read.
type Load struct {
	Samples int `json:"samples"`
	// GPU and Decoder are percent of the time busy, ClockSM and ClockVideo MHz, all means.
	GPU        float64 `json:"gpu_percent"`
	Decoder    float64 `json:"decoder_percent"`
	ClockSM    float64 `json:"clock_sm"`
	ClockVideo float64 `json:"clock_video"`
	Watts      float64 `json:"watts"`
	// MemoryMB is the most memory in use, of all the GPU's users.
	MemoryMB float64 `json:"memory_mb"`
}

// span is a stretch of time that is measured: what the process used in it and how busy the device was.
type span struct {
	began time.Time
	cpu   time.Duration
	stop  chan struct{}
	done  chan Load
}

// loadEvery is how often the device is asked: its meters average over about as long.
const loadEvery = 200 * time.Millisecond

func begin(d device.Device) *span {
	s := &span{stop: make(chan struct{}), done: make(chan Load, 1)}
	loaded, _ := d.(device.Loaded)
	go func() { s.done <- watchLoad(loaded, s.stop) }()
	s.cpu, s.began = CPUTime(), time.Now()
	return s
}

// end says what the time since begin took.
func (s *span) end() (wall, cpu time.Duration, l Load) {
	wall, cpu = time.Since(s.began), CPUTime()-s.cpu
	close(s.stop)
	return wall, cpu, <-s.done
}

func watchLoad(d device.Loaded, stop <-chan struct{}) (sum Load) {
	if d == nil {
		<-stop
		return sum
	}
	tick := time.NewTicker(loadEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			l, err := d.Load()
			sum.add(l, err)
		case <-stop:
			return sum.means()
		}
	}
}

// add takes a sample. One figure that a driver refuses to tell spoils the error, not the other figures.
func (l *Load) add(s device.Load, err error) {
	if err != nil && s.MemoryTotal == 0 {
		return
	}
	l.Samples++
	l.GPU += float64(s.GPU)
	l.Decoder += float64(s.Decoder)
	l.ClockSM += float64(s.ClockSM)
	l.ClockVideo += float64(s.ClockVideo)
	l.Watts += s.Watts
	l.MemoryMB = max(l.MemoryMB, float64(s.MemoryUsed)/mebibyte)
}

func (l Load) means() Load {
	n := float64(l.Samples)
	l.GPU, l.Decoder, l.Watts = ratio(l.GPU, n), ratio(l.Decoder, n), ratio(l.Watts, n)
	l.ClockSM, l.ClockVideo = ratio(l.ClockSM, n), ratio(l.ClockVideo, n)
	return l
}

// Memory is how much device memory is in use: what our pool has handed out, and what the GPU's management library
// counts, which includes what the libraries take for themselves, and every other process. MiB.
type Memory struct {
	Pool float64 `json:"pool_mb"`
	GPU  float64 `json:"gpu_mb"`
}

func memory(d device.Device) Memory {
	m := Memory{Pool: float64(d.Pool().Usage().Used) / mebibyte}
	if loaded, ok := d.(device.Loaded); ok {
		l, _ := loaded.Load() // 0 where it cannot be read
		m.GPU = float64(l.MemoryUsed) / mebibyte
	}
	return m
}

// each is the growth since before, for each of n.
func (m Memory) each(before Memory, n int) Memory {
	each := Memory{Pool: ratio(m.Pool-before.Pool, float64(n))}
	if m.GPU > 0 && before.GPU > 0 {
		each.GPU = ratio(m.GPU-before.GPU, float64(n))
	}
	return each
}

// FreeMemory is what can still be taken of the device's memory, in MiB: by the pool's limit, if there is one, and by
// the GPU's own count; 0 if neither can be read.
func FreeMemory(d device.Device) (free float64) {
	if u := d.Pool().Usage(); u.Limit > 0 {
		free = float64(u.Limit-u.Used) / mebibyte
	}
	if loaded, ok := d.(device.Loaded); ok {
		l, _ := loaded.Load() // 0 where it cannot be read
		if left := float64(l.MemoryTotal-l.MemoryUsed) / mebibyte; l.MemoryTotal > 0 && (free == 0 || left < free) {
			free = left
		}
	}
	return free
}
