// Package probe looks at a camera's stream for a while and says what it is like, and what that means for
// whoever watches it. No picture is decoded.
package probe

import (
	"context"
	"errors"
	"io"
	"math"
	"slices"
	"time"

	"sightline/internal/camera"
	"sightline/internal/media"
)

// Report is what was seen of a stream. Durations are seconds, unless their name says else.
type Report struct {
	Format      Format `json:"format"`
	Units       int    `json:"units"`
	KeyUnits    int    `json:"key_units"`
	BytesMean   int    `json:"bytes_mean"`
	BytesMax    int    `json:"bytes_max"`
	KeyBytesMax int    `json:"key_bytes_max"`
	// Seconds is how much of the stream was seen, by its own times.
	Seconds float64 `json:"seconds"`
	// Rate is pictures a second, Bitrate bits a second.
	Rate    float64 `json:"rate"`
	Bitrate float64 `json:"bitrate"`
	// GOP is the most pictures from one key picture to the next; 0 if there was no second one.
	GOP        int     `json:"gop"`
	GOPSeconds float64 `json:"gop_seconds"`
	// Reordered says that pictures come in another order than they are shown: B-frames. Depth is how many
	// a decoder had to hold back.
	Reordered bool `json:"reordered"`
	Depth     int  `json:"reorder_depth"`
	// LongestGap is between the times of two pictures that are shown one after the other.
	LongestGap float64 `json:"longest_gap"`
	// Jumps counts times that go back or leap by more than five seconds, Discontinuities losses and new
	// connections.
	Jumps           int `json:"jumps"`
	Discontinuities int `json:"discontinuities"`
	// Live streams only: how much later than the earliest units came, in milliseconds, half and 95 % of them.
	Live        bool    `json:"live"`
	JitterP50MS float64 `json:"jitter_p50_ms"`
	JitterP95MS float64 `json:"jitter_p95_ms"`
	// Drift is how much faster the camera's clock runs than ours, in parts a million.
	DriftPPM float64 `json:"drift_ppm"`
	// Clock says that the camera tells the wall-clock time of its pictures; Behind is how far that lies
	// behind ours at arrival, in seconds: latency and the difference of the clocks together.
	Clock  bool    `json:"clock"`
	Behind float64 `json:"behind"`
	// Notes say in words what follows from all this.
	Notes []string `json:"notes"`
}

// Format is the stream's format in words.
type Format struct {
	Codec      media.Codec `json:"codec"`
	Profile    string      `json:"profile,omitempty"`
	Level      string      `json:"level,omitempty"`
	Width      int         `json:"width"`
	Height     int         `json:"height"`
	BitDepth   int         `json:"bit_depth,omitempty"`
	Chroma     string      `json:"chroma,omitempty"`
	Interlaced bool        `json:"interlaced,omitempty"`
	// FrameRate is what the stream says of itself; 0 if nothing.
	FrameRate float64 `json:"frame_rate,omitempty"`
	Matrix    string  `json:"matrix"`
	FullRange bool    `json:"full_range"`
	// Reorder is media.Description's.
	Reorder int `json:"reorder"`
}

// Options say what to look at.
type Options struct {
	// For is how much of the stream to look at: by the clock of live streams, by its own times of others.
	For  time.Duration
	Live bool
}

// Measure takes units from a source until it has seen enough, the source ends, or ctx is done, which is no
// error once there was a picture.
func Measure(ctx context.Context, source camera.Source, o Options) (*Report, error) {
	description, err := media.Describe(source.Format())
	if err != nil {
		return nil, err
	}
	s := &sample{began: time.Now()}
	enough := ctx
	if o.Live {
		var stop context.CancelFunc
		enough, stop = context.WithTimeout(ctx, o.For)
		defer stop()
	}
	for {
		u, err := source.Next(enough)
		if err != nil {
			if ended := errors.Is(err, io.EOF) || enough.Err() != nil; ended && len(s.units) > 0 {
				break
			}
			return nil, err
		}
		s.add(u)
		if !o.Live && s.seen() >= o.For {
			break
		}
	}
	r := s.report(o.Live)
	f := source.Format()
	r.Format = Format{
		Codec: f.Codec, Width: f.Width, Height: f.Height, FrameRate: round(f.FrameRate, 3), Matrix: f.Matrix, FullRange: f.FullRange,
		Profile: description.Profile, Level: description.Level, BitDepth: description.BitDepth, Chroma: description.Chroma,
		Interlaced: description.Interlaced, Reorder: description.Reorder,
	}
	r.Notes = notes(r)
	return r, nil
}

// sample holds of every unit what the report needs.
type sample struct {
	began time.Time
	units []seen
}

type seen struct {
	pts           time.Duration
	arrived       time.Time
	captured      time.Time
	bytes         int
	key           bool
	discontinuity bool
}

func (s *sample) add(u media.AccessUnit) {
	s.units = append(s.units, seen{u.PTS, u.Arrived, u.Time, len(u.Data), u.Key, u.Discontinuity})
}

// seen is how much of the stream there is by its own times.
func (s *sample) seen() time.Duration {
	first, last := s.units[0].pts, s.units[0].pts
	for _, u := range s.units[max(0, len(s.units)-64):] {
		last = max(last, u.pts)
	}
	return last - first
}

const jump = 5 * time.Second

func (s *sample) report(live bool) *Report {
	r := &Report{Units: len(s.units), Live: live}
	total, since := 0, 0
	var keyAt time.Duration
	newest := s.units[0].pts
	for i, u := range s.units {
		total += u.bytes
		r.BytesMax = max(r.BytesMax, u.bytes)
		if u.key {
			r.KeyUnits++
			r.KeyBytesMax = max(r.KeyBytesMax, u.bytes)
			if r.KeyUnits > 1 && since > r.GOP {
				r.GOP, r.GOPSeconds = since, (u.pts - keyAt).Seconds()
			}
			since, keyAt = 0, u.pts
		}
		since++
		if u.discontinuity && i > 0 {
			r.Discontinuities++
		}
		switch {
		case (u.pts - newest).Abs() > jump:
			r.Jumps++
			newest = u.pts
		case u.pts < newest:
			r.Reordered = true
		}
		newest = max(newest, u.pts)
	}
	r.BytesMean = total / len(s.units)
	r.Depth = s.depth()
	s.times(r, total)
	if live {
		s.arrivals(r)
	}
	return r
}

// depth is the most pictures that came before one that is shown before them.
func (s *sample) depth() (most int) {
	const window = 20
	for i, u := range s.units {
		n := 0
		for _, before := range s.units[max(0, i-window):i] {
			if before.pts > u.pts && before.pts-u.pts < jump {
				n++
			}
		}
		most = max(most, n)
	}
	return most
}

// times fills what follows from the times in the order of showing.
func (s *sample) times(r *Report, bytes int) {
	times := make([]time.Duration, len(s.units))
	for i, u := range s.units {
		times[i] = u.pts
	}
	slices.Sort(times)
	times = times[:max(1, len(times)-r.Depth)] // the last ones lack pictures that come later and are shown before
	var steps []time.Duration
	for i := 1; i < len(times); i++ {
		if step := times[i] - times[i-1]; step < jump {
			steps = append(steps, step)
			r.LongestGap = max(r.LongestGap, round(step.Seconds(), 3))
		}
	}
	if len(steps) == 0 {
		return
	}
	var sum time.Duration
	for _, step := range steps {
		sum += step
	}
	if sum > 0 {
		mean := sum.Seconds() / float64(len(steps))
		r.Seconds = round(sum.Seconds()+mean, 3)
		r.Rate = round(1/mean, 3)
		r.Bitrate = math.Round(float64(bytes) * 8 / (mean * float64(len(s.units))))
	}
}

// arrivals compares the camera's clock with ours: a line through arrival over presentation is the drift, and
// what lies above the line's lowest point is jitter.
func (s *sample) arrivals(r *Report) {
	var x, y []float64
	for _, u := range s.units {
		x = append(x, u.pts.Seconds())
		y = append(y, u.arrived.Sub(s.units[0].arrived).Seconds())
		if !u.captured.IsZero() {
			r.Clock, r.Behind = true, round(u.arrived.Sub(u.captured).Seconds(), 3)
		}
	}
	slope := 1.
	const enough = 5 // seconds, below which jitter hides any drift
	if r.Seconds > enough {
		slope = regression(x, y)
		r.DriftPPM = math.Round((1/slope - 1) * 1e6)
	}
	late := make([]float64, len(x))
	for i := range x {
		late[i] = y[i] - slope*x[i]
	}
	least := slices.Min(late)
	slices.Sort(late)
	at := func(q float64) float64 { return round((late[int(q*float64(len(late)-1))]-least)*1000, 1) }
	r.JitterP50MS, r.JitterP95MS = at(.5), at(.95)
}

// regression is the slope of the line that fits best.
func regression(x, y []float64) float64 {
	var mx, my, xy, xx float64
	for i := range x {
		mx, my = mx+x[i]/float64(len(x)), my+y[i]/float64(len(x))
	}
	for i := range x {
		xy, xx = xy+(x[i]-mx)*(y[i]-my), xx+(x[i]-mx)*(x[i]-mx)
	}
	if xx == 0 || xy <= 0 {
		return 1
	}
	return xy / xx
}

func round(v float64, digits int) float64 {
	scale := math.Pow10(digits)
	return math.Round(v*scale) / scale
}
