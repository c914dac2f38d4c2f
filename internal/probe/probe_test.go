package probe

import (
	"context"
	"errors"
	"io"
	"math"
	"strings"
	"testing"
	"time"

	"sightline/internal/media"
)

// script is a source that delivers what it is told.
type script struct {
	units []media.AccessUnit
	err   error
}

func (s *script) Format() media.Format {
	return media.Format{Codec: media.VP9, Width: 640, Height: 360, Matrix: "bt601", FrameRate: 25}
}

func (s *script) Next(context.Context) (media.AccessUnit, error) {
	if len(s.units) == 0 {
		return media.AccessUnit{}, s.err
	}
	u := s.units[0]
	s.units = s.units[1:]
	return u, nil
}

func (s *script) Close() error { return nil }

// stream makes n units of 25 pictures a second with a key picture every gop.
func stream(n, gop int, change func(i int, u *media.AccessUnit)) []media.AccessUnit {
	began := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	list := make([]media.AccessUnit, n)
	for i := range list {
		at := time.Duration(i) * 40 * time.Millisecond
		u := &list[i]
		*u = media.AccessUnit{Data: make([]byte, 1000), PTS: at, Arrived: began.Add(at), Key: i%gop == 0}
		if u.Key {
			u.Data = make([]byte, 6000)
		}
		if change != nil {
			change(i, u)
		}
	}
	return list
}

func measure(t *testing.T, units []media.AccessUnit, live bool) *Report {
	t.Helper()
	r, err := Measure(context.Background(), &script{units, io.EOF}, Options{For: time.Hour, Live: live})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestPlainStream(t *testing.T) {
	r := measure(t, stream(250, 50, nil), true)
	if r.Units != 250 || r.KeyUnits != 5 || r.GOP != 50 || r.GOPSeconds != 2 || r.Rate != 25 || r.Seconds != 10 || r.LongestGap != .04 {
		t.Errorf("%+v", r)
	}
	if r.Bitrate != (245*1000+5*6000)*8/10 || r.BytesMean != 1100 || r.BytesMax != 6000 || r.KeyBytesMax != 6000 {
		t.Errorf("%+v", r)
	}
	if r.Reordered || r.Jumps != 0 || r.Discontinuities != 0 || r.JitterP95MS != 0 || r.DriftPPM != 0 || r.Clock {
		t.Errorf("%+v", r)
	}
}

func TestTrouble(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(i int, u *media.AccessUnit)
		right  func(r *Report) bool
		note   string
	}{
		{"b-frames", func(i int, u *media.AccessUnit) {
			if i%3 == 1 { // shown after the next two
				u.PTS += 80 * time.Millisecond
			} else if i%3 != 0 || i > 0 {
				u.PTS -= 40 * time.Millisecond * time.Duration(min(i%3, 1))
			}
		}, func(r *Report) bool { return r.Reordered && r.Depth == 1 }, "B-frames"},
		{"gap", func(i int, u *media.AccessUnit) {
			if i >= 100 {
				u.PTS += 800 * time.Millisecond
			}
		}, func(r *Report) bool { return r.LongestGap == .84 }, "longest gap between two pictures was 0.84 s"},
		{"jump", func(i int, u *media.AccessUnit) {
			if i >= 100 {
				u.PTS += time.Hour
			}
		}, func(r *Report) bool { return r.Jumps == 1 && r.Seconds < 11 }, "clock jumped 1 times"},
		{"reset", func(i int, u *media.AccessUnit) {
			if i >= 200 {
				u.PTS -= 8 * time.Second
			}
		}, func(r *Report) bool { return r.Jumps == 1 }, "clock jumped"},
		{"loss", func(i int, u *media.AccessUnit) { u.Discontinuity = i == 0 || i == 70 },
			func(r *Report) bool { return r.Discontinuities == 1 }, "1 losses or new connections"},
		{"jitter", func(i int, u *media.AccessUnit) {
			if i%10 == 0 {
				u.Arrived = u.Arrived.Add(300 * time.Millisecond)
			}
		}, func(r *Report) bool { return r.JitterP50MS < 30 && r.JitterP95MS > 280 && r.JitterP95MS < 320 }, "pictures come up to"},
		{"drift", func(i int, u *media.AccessUnit) {
			u.Arrived = u.Arrived.Add(-time.Duration(i) * 40 * time.Millisecond / 10_000)
		}, func(r *Report) bool { return math.Abs(r.DriftPPM-100) < 2 && r.JitterP95MS < 1 }, ""},
		{"clock", func(i int, u *media.AccessUnit) { u.Time = u.Arrived.Add(-90 * time.Second) },
			func(r *Report) bool { return r.Clock && r.Behind == 90 }, "clock is off by about 90 s"},
		{"no key", func(i int, u *media.AccessUnit) { u.Key = false }, func(r *Report) bool { return r.KeyUnits == 0 }, "no key picture"},
		{"far keys", func(i int, u *media.AccessUnit) { u.Key = i == 0 || i == 240 },
			func(r *Report) bool { return r.GOP == 240 }, "a key picture only every 10 s"},
	} {
		r := measure(t, stream(250, 50, c.change), true)
		if !c.right(r) || !strings.Contains(strings.Join(r.Notes, "\n"), c.note) {
			t.Errorf("%s: %+v", c.name, r)
		}
	}
}

func TestEnds(t *testing.T) {
	broken := errors.New("broken")
	if _, err := Measure(context.Background(), &script{nil, io.EOF}, Options{For: time.Second}); !errors.Is(err, io.EOF) {
		t.Errorf("no picture: %v", err)
	}
	if _, err := Measure(context.Background(), &script{stream(5, 5, nil), broken}, Options{For: time.Hour}); !errors.Is(err, broken) {
		t.Errorf("broken source: %v", err)
	}
	r, err := Measure(context.Background(), &script{stream(500, 50, nil), io.EOF}, Options{For: 2 * time.Second})
	if err != nil || r.Units != 51 {
		t.Errorf("%v, %+v", err, r)
	}
	one := measure(t, stream(1, 1, nil), true)
	if one.Units != 1 || one.Rate != 0 || one.Seconds != 0 {
		t.Errorf("%+v", one)
	}
}
