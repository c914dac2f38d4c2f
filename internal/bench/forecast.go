package bench

import "math"

// Calibration is what a forecast is made from: what the machine does alone at its ceilings, and what is asked for.
type Calibration struct {
	// Rate is a camera's pictures a second; Looked those that are looked at.
	Rate   float64 `json:"rate"`
	Looked float64 `json:"looked"`
	// Decode is decoders that keep the hardware busy, Compute lanes that keep the device busy.
	Decode  Decoding  `json:"decode"`
	Compute Computing `json:"compute"`
	// FreeMB is the device memory that cameras may take, with the models loaded; 0 if it cannot be read.
	FreeMB float64 `json:"free_mb"`
	Cores  int     `json:"cores"`
}

// Resources that have ceilings.
const (
	DecodeResource    = "decode"
	ComputeResource   = "compute" // what models and kernels take
	MemoryResource    = "memory"
	ProcessorResource = "processor"
)

// Forecast says how many cameras a machine holds.
type Forecast struct {
	Ceilings []Ceiling `json:"ceilings"`
	// Cameras is the lowest ceiling, of Binds.
	Cameras int    `json:"cameras"`
	Binds   string `json:"binds"`
}

// Ceiling is what one resource holds.
type Ceiling struct {
	Resource string `json:"resource"`
	Cameras  int    `json:"cameras"`
	// Camera is what one camera takes of Whole, in Unit.
	Camera float64 `json:"camera"`
	Whole  float64 `json:"whole"`
	Unit   string  `json:"unit"`
}

// usable is the part of a ceiling that cameras are given: at the very ceiling what waits grows without end.
const usable = .95

// Forecast predicts. A resource of which nothing is known or used has no ceiling.
func (c Calibration) Forecast() (f Forecast) {
	context := max(c.Compute.Lane.Pool, c.Compute.Lane.GPU)
	decoder := max(c.Decode.Stream.Pool, c.Decode.Stream.GPU)
	for _, r := range []Ceiling{
		{Resource: DecodeResource, Camera: c.Rate, Whole: c.Decode.FPS, Unit: "pictures/s"},
		{Resource: ComputeResource, Camera: c.Looked, Whole: c.Compute.FPS, Unit: "pictures/s"},
		{Resource: MemoryResource, Camera: context + decoder, Whole: c.FreeMB, Unit: "MiB"},
		{Resource: ProcessorResource, Camera: (c.Rate*c.Decode.CPUMS + c.Looked*c.Compute.CPUMS) / 1000, Whole: float64(c.Cores), Unit: "cores"},
	} {
		if r.Camera <= 0 || r.Whole <= 0 {
			continue
		}
		r.Cameras = int(math.Floor(usable * r.Whole / r.Camera))
		if len(f.Ceilings) == 0 || r.Cameras < f.Cameras {
			f.Cameras, f.Binds = r.Cameras, r.Resource
		}
		f.Ceilings = append(f.Ceilings, r)
	}
	return f
}
