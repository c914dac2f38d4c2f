package bench

import (
	"context"
	"io"
	"slices"
	"testing"
	"time"

	"sightline/internal/camera"
	"sightline/internal/media"
	"sightline/internal/pipeline"
	"sightline/internal/result"
)

// metronome is a live camera of a thousand pictures a second.
type metronome struct {
	began time.Time
	sent  int
	end   int
}

func (m *metronome) Format() media.Format { return (&beat{}).Format() }
func (m *metronome) Close() error         { return nil }

func (m *metronome) Next(ctx context.Context) (media.AccessUnit, error) {
	if m.sent == m.end {
		return media.AccessUnit{}, io.EOF
	}
	if m.sent == 0 {
		m.began = time.Now()
	}
	m.sent++
	at := time.Duration(m.sent) * time.Millisecond
	time.Sleep(time.Until(m.began.Add(at)))
	return media.AccessUnit{PTS: at, Arrived: time.Now()}, ctx.Err()
}

// slow is a device at its limit: each result takes twice the time in which the next picture comes.
type slow struct{ latency []time.Duration }

func (s *slow) Write(f *result.Frame) error {
	l := f.Latency
	s.latency = append(s.latency, time.Duration((l.Decode+l.Queue+l.Total)*float64(time.Millisecond)))
	time.Sleep(2 * time.Millisecond)
	return nil
}

// TestLatencyDoesNotGrow: at twice the load that can be taken, the newest picture wins and the rest is dropped:
// the last results are as fresh as the first.
func TestLatencyDoesNotGrow(t *testing.T) {
	d, manager := emptyManager(t)
	const pictures = 4000
	w, sink := &stopwatch{}, &slow{}
	o := Empty{}.pipeline(d, manager, "gate", nil, nil)
	o.Lossless, o.Meter, o.Sinks = false, w, []pipeline.Sink{sink}
	o.Open = func(context.Context) (camera.Source, error) { return &metronome{end: pictures}, nil }
	if err := pipeline.Run(context.Background(), o); err != nil {
		t.Fatal(err)
	}
	n := len(sink.latency)
	if n < 100 || n > pictures*3/4 {
		t.Fatalf("%d results of %d pictures: the device was to be too slow, and not that slow", n, pictures)
	}
	quarter := func(i int) time.Duration {
		part := slices.Sorted(slices.Values(sink.latency[i*n/4 : (i+1)*n/4]))
		return part[len(part)/2]
	}
	first, last := quarter(0), quarter(3)
	t.Logf("%d results of %d pictures, latency %v in the first quarter, %v in the last", n, pictures, first, last)
	if last > 2*first+2*time.Millisecond {
		t.Errorf("latency grew from %v to %v", first, last)
	}
}
