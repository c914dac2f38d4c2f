package rtsp

import (
	"bytes"
	"context"
	"testing"
	"time"

	"sightline/internal/camera/rtsptest"
	"sightline/internal/leaktest"
	"sightline/internal/media"
)

// odd is a camera whose every picture, 40 ms apart by its clock, is a random access one.
type odd struct {
	t        *testing.T
	camera   *rtsptest.Camera
	small    media.AccessUnit
	large    media.AccessUnit
	smallSet []byte // the SPS
	largeSet []byte
}

func newOdd(t *testing.T) *odd {
	t.Helper()
	format, units, err := rtsptest.Clip("../../../clips/plaza-west.mp4", 1)
	if err != nil {
		t.Fatal(err)
	}
	other, more, err := rtsptest.Clip("../../../clips/plaza-1.mp4", 1)
	if err != nil {
		t.Fatal(err)
	}
	c, err := rtsptest.Start(format)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return &odd{t, c, units[0], more[0], format.ParameterSets[0], other.ParameterSets[0]}
}

// play opens a source, sends n units, 5 ms apart, by what and when say, and returns those that come out.
func (o *odd) play(n int, what func(i int) []byte, when func(i int) time.Duration) []media.AccessUnit {
	o.t.Helper()
	go func() {
		for !o.camera.Watched() {
			time.Sleep(time.Millisecond)
		}
		time.Sleep(50 * time.Millisecond)
		for i := range n {
			_ = o.camera.Send(what(i), when(i))
			time.Sleep(5 * time.Millisecond)
		}
	}()
	ctx, stop := context.WithTimeout(context.Background(), 10*time.Second)
	defer stop()
	s, err := Open(ctx, o.camera.Address(), quick)
	if err != nil {
		o.t.Fatal(err)
	}
	defer s.Close()
	return take(o.t, s, n)
}

// TestOddClocks: whatever the camera's clock does, ours goes on by what passes.
func TestOddClocks(t *testing.T) {
	leaktest.Check(t)
	steady := func(i int) time.Duration { return time.Duration(i) * 40 * time.Millisecond }
	for name, when := range map[string]func(i int) time.Duration{
		"steady": steady,
		"reset": func(i int) time.Duration {
			if i >= 20 {
				return steady(i - 20)
			}
			return time.Hour + steady(i)
		},
		"leap":               func(i int) time.Duration { return steady(i) + time.Duration(i/20)*time.Hour },
		"about to wrap":      func(i int) time.Duration { return 47721*time.Second + 458*time.Millisecond + steady(i) }, // 2^32 ticks
		"all the same times": func(i int) time.Duration { return time.Second },
	} {
		o := newOdd(t)
		units := o.play(40, func(int) []byte { return o.small.Data }, when)
		for i := 1; i < len(units); i++ {
			step := units[i].PTS - units[i-1].PTS
			if step < 0 || step > time.Second || name == "steady" && (step-40*time.Millisecond).Abs() > time.Millisecond {
				t.Errorf("%s: unit %d comes %v after the one before", name, i, step)
			}
		}
		if units[0].PTS != 0 {
			t.Errorf("%s: begins at %v", name, units[0].PTS)
		}
	}
}

// TestParameterSetsChange: each picture has the parameter sets that it was made with, whether the camera sends
// them with it or only when they change.
func TestParameterSetsChange(t *testing.T) {
	leaktest.Check(t)
	o := newOdd(t)
	bare := func(unit []byte) []byte { // the picture alone
		list := nals(unit)
		return media.AppendAnnexB(nil, list[len(list)-1])
	}
	units := o.play(40, func(i int) []byte {
		unit := o.small.Data
		if i/10%2 == 1 {
			unit = o.large.Data
		}
		if i%10 != 0 {
			return bare(unit)
		}
		return unit
	}, func(i int) time.Duration { return time.Duration(i) * 40 * time.Millisecond })
	for i, u := range units {
		want, other := o.smallSet, o.largeSet
		if i/10%2 == 1 {
			want, other = other, want
		}
		if !bytes.Contains(u.Data, want) || bytes.Contains(u.Data, other) {
			t.Errorf("unit %d has not the parameter sets of its picture", i)
		}
	}
}
