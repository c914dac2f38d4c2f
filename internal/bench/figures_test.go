package bench

import (
	"context"
	"errors"
	"io"
	"math"
	"slices"
	"testing"
	"time"

	"sightline/internal/device"
	"sightline/internal/media"
	"sightline/internal/metrics"
)

func TestTimes(t *testing.T) {
	hundred := make([]float64, 100)
	for i := range hundred {
		hundred[i] = float64(100 - i)
	}
	for _, c := range []struct {
		ms   []float64
		want Times
	}{
		{nil, Times{}},
		{[]float64{4}, Times{Count: 1, Mean: 4, P50: 4, P95: 4, P99: 4, Max: 4}},
		{[]float64{3, 1}, Times{Count: 2, Mean: 2, P50: 1, P95: 3, P99: 3, Max: 3}},
		{hundred, Times{Count: 100, Mean: 50.5, P50: 50, P95: 95, P99: 99, Max: 100}},
	} {
		if got := NewTimes(c.ms); got != c.want {
			t.Errorf("%+v, want %+v", got, c.want)
		}
	}
}

func TestLoadIsTheMeanOfWhatCouldBeRead(t *testing.T) {
	var l Load
	failed := errors.New("no power sensor")
	l.add(device.Load{GPU: 20, Decoder: 90, MemoryUsed: 3 << 20, MemoryTotal: 9 << 20, ClockSM: 1000, Watts: 100}, nil)
	l.add(device.Load{GPU: 40, Decoder: 100, MemoryUsed: 2 << 20, MemoryTotal: 9 << 20, ClockSM: 2000}, failed)
	l.add(device.Load{}, failed)
	want := Load{Samples: 2, GPU: 30, Decoder: 95, ClockSM: 1500, Watts: 50, MemoryMB: 3}
	if got := l.means(); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got := (Load{}).means(); got != (Load{}) {
		t.Errorf("nothing read: %+v", got)
	}
}

func TestMemoryOfEach(t *testing.T) {
	for _, c := range []struct {
		before, after Memory
		n             int
		want          Memory
	}{
		{Memory{Pool: 1, GPU: 100}, Memory{Pool: 9, GPU: 180}, 4, Memory{Pool: 2, GPU: 20}},
		{Memory{Pool: 1}, Memory{Pool: 9, GPU: 180}, 4, Memory{Pool: 2}}, // one reading failed
		{Memory{}, Memory{}, 0, Memory{}},
	} {
		if got := c.after.each(c.before, c.n); got != c.want {
			t.Errorf("%+v to %+v: %+v, want %+v", c.before, c.after, got, c.want)
		}
	}
}

func TestFiguresOfARow(t *testing.T) {
	r := Inference{Items: 4}
	slow, fast := turns{times: []float64{9}, wall: 2 * time.Second}, turns{times: []float64{1, 1, 1}, wall: 2 * time.Second}
	r.choose([]turns{fast, {times: []float64{1, 3}, wall: 2 * time.Second, cpu: time.Second}, slow})
	if r.ItemsPerSecond != 4 || !slices.Equal(r.Rounds, []float64{6, 4, 2}) || r.CPUMS != 500 || r.Cores != .5 || r.Turn.P99 != 3 {
		t.Errorf("%+v", r)
	}
	r.choose([]turns{{}})
	if r.ItemsPerSecond != 0 || r.CPUMS != 0 {
		t.Errorf("nothing measured: %+v", r)
	}
	var d Decoding
	d.fill([]int64{100, 50}, time.Second, 300*time.Millisecond, Load{Decoder: 7})
	if d.FPS != 150 || d.SlowestFPS != 50 || d.CPUMS != 2 || d.Cores != .3 || d.Load.Decoder != 7 {
		t.Errorf("%+v", d)
	}
}

func TestMiddle(t *testing.T) {
	for _, c := range []struct {
		rounds []string
		want   string
	}{
		{[]string{"a"}, "a"}, {[]string{"ccc", "a", "bb"}, "bb"}, {[]string{"dddd", "a", "ccc", "bb"}, "bb"}, {[]string{"b", "a"}, "b"},
	} {
		got, all := middle(c.rounds, func(s string) float64 { return float64(len(s)) })
		if got != c.want || len(all) != len(c.rounds) || all[0] != float64(len(c.rounds[0])) {
			t.Errorf("%v: %s, %v", c.rounds, got, all)
		}
	}
}

func TestPowers(t *testing.T) {
	for _, c := range []struct{ buckets, want []int }{
		{[]int{1, 2, 3, 4, 5, 6}, []int{1, 2, 4, 6}}, {[]int{1}, []int{1}}, {[]int{1, 2, 4, 8}, []int{1, 2, 4, 8}}, {nil, nil},
	} {
		got := powers(c.buckets)
		if len(got) != len(c.want) {
			t.Fatalf("%v: %v", c.buckets, got)
		}
		for i := range got {
			if got[i] != c.want[i] {
				t.Errorf("%v: %v", c.buckets, got)
			}
		}
	}
}

// reel is a source of units with the given times in milliseconds, every third one a key.
type reel struct {
	times []int
	next  int
}

func (r *reel) Format() media.Format { return media.Format{Codec: media.H264, Width: 64, Height: 32} }
func (r *reel) Close() error         { return nil }

func (r *reel) Next(context.Context) (media.AccessUnit, error) {
	if r.next == len(r.times) {
		return media.AccessUnit{}, io.EOF
	}
	r.next++
	return media.AccessUnit{Data: []byte{byte(r.next)}, PTS: time.Duration(r.times[r.next-1]) * time.Millisecond, Key: r.next%3 == 1}, nil
}

func TestClipGoesOnForEver(t *testing.T) {
	// Two groups of three, each with its last two pictures decoded in the other order, at an uneven pace.
	c, err := ReadClip(context.Background(), &reel{times: []int{0, 210, 100, 300, 500, 405}}, 10)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []struct {
		start  int
		data   []byte
		number []int
	}{
		{0, []byte{1, 2, 3, 4, 5, 6, 1, 2, 3}, []int{0, 2, 1, 3, 5, 4, 6, 8, 7}},
		{3, []byte{4, 5, 6, 1, 2, 3, 4}, []int{0, 2, 1, 3, 5, 4, 6}},
	} {
		for n := range p.data {
			u := c.unit(p.start, n)
			if u.Data[0] != p.data[n] || c.number(u.PTS) != p.number[n] || u.PTS != time.Duration(p.number[n])*100*time.Millisecond {
				t.Errorf("start %d, unit %d: data %d at %v", p.start, n, u.Data[0], u.PTS)
			}
		}
	}
	if a, b, d := c.start(0, 2), c.start(1, 2), c.start(99, 100); a != 0 || b != 3 || d != 3 {
		t.Errorf("two players begin at %d and %d, the last of a hundred at %d", a, b, d)
	}
	own, err := ReadClip(context.Background(), &reel{times: []int{0, 40, 80}}, 0)
	if err != nil || own.interval != 40*time.Millisecond {
		t.Errorf("%v, %v", own, err)
	}
	for _, times := range [][]int{nil, {0}, {5, 5, 5}} {
		if _, err := ReadClip(context.Background(), &reel{times: times}, 0); err == nil {
			t.Errorf("no error for %v", times)
		}
	}
}

func TestLateStartSkipsToAKeyUnit(t *testing.T) {
	c, err := ReadClip(context.Background(), &reel{times: []int{0, 100, 200, 300, 400, 500}}, 10)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []struct{ sent, due, want int }{
		{0, 0, 0}, {0, mostDue, 0}, {0, mostDue + 1, 30}, {0, mostDue + 5, 33}, {5, mostDue + 5, 5}, {5, mostDue + 6, 36}, {7, -1, 7}, {40, 41, 40},
	} {
		l := &live{clip: c, start: 3, sent: p.sent}
		if l.skip(p.due); l.sent != p.want {
			t.Errorf("%d sent, %d due: goes on with %d, want %d", p.sent, p.due, l.sent, p.want)
		}
	}
	l := &live{clip: c, base: time.Unix(1000, 0)}
	if l.next(time.Unix(1100, 0)); l.sent != 999 {
		t.Errorf("before it is measured: %d", l.sent)
	}
	l = &live{clip: c, base: time.Unix(1000, 0)}
	l.measure(time.Unix(1001, 0), time.Unix(1002, 0))
	if at := l.next(time.Unix(1100, 0)); l.sent != 0 || !at.Equal(l.base) {
		t.Errorf("while it is measured: %d", l.sent)
	}
}

func TestDueBetween(t *testing.T) {
	base := time.Unix(1000, 0)
	at := func(ms int) time.Time { return base.Add(time.Duration(ms) * time.Millisecond) }
	for _, c := range []struct{ from, to, want int }{
		{0, 0, 0}, {0, 1, 1}, {0, 100, 1}, {0, 101, 2}, {1, 100, 0}, {50, 1050, 10}, {-500, 50, 1}, {-500, -400, 0},
	} {
		if got := dueBetween(base, 100*time.Millisecond, at(c.from), at(c.to)); got != c.want {
			t.Errorf("%d to %d: %d, want %d", c.from, c.to, got, c.want)
		}
	}
}

func TestSumOfCameras(t *testing.T) {
	from := time.Unix(1000, 0)
	watched := func(n int, ms float64) *live {
		l := &live{clip: &Clip{interval: 100 * time.Millisecond}, base: from}
		l.measure(from, from.Add(time.Second))
		for range n {
			l.seen = append(l.seen, sighting{ms, metrics.Latency{1, 2, 3, 4, 5, ms}, 2})
		}
		l.drops["newer"] = 10 - n
		return l
	}
	for _, c := range []struct {
		list    []*live
		share   float64
		slowest float64
		held    bool
	}{
		{[]*live{watched(10, 20), watched(10, 30)}, 1, 10, true},
		{[]*live{watched(10, 20), watched(9, 30)}, .95, 9, false},
		{[]*live{watched(10, 20), watched(10, 50)}, 1, 10, false},
		{[]*live{watched(0, 0)}, 0, 0, false},
	} {
		var r Watching
		r.sum(c.list, time.Second, time.Second)
		if math.Abs(r.Share-c.share) > 1e-9 || r.SlowestFPS != c.slowest || r.Held != c.held || r.Expected != 10*len(c.list) {
			t.Errorf("%+v, want share %g, slowest %g, held %t", r, c.share, c.slowest, c.held)
		}
		if r.Drops["newer"] != r.Expected-r.Delivered || r.Delivered > 0 && (r.People != 2 || r.Stages["queue"].P50 != 2) {
			t.Errorf("%+v", r)
		}
	}
}

func TestARowIsTheWorseRoundInTheMiddle(t *testing.T) {
	round := func(p95 float64, delivered int, held bool) Watching {
		return Watching{Latency: Times{P95: p95}, Delivered: delivered, Held: held}
	}
	for _, c := range []struct {
		rounds []Watching
		p95    float64
		held   bool
	}{
		{[]Watching{round(20, 9, true)}, 20, true},
		{[]Watching{round(30, 9, true), round(10, 9, true), round(20, 9, true)}, 20, true},
		{[]Watching{round(30, 9, true), round(20, 9, true)}, 30, true},
		{[]Watching{round(20, 9, true), round(60, 9, false), round(10, 9, true)}, 20, false},
		{[]Watching{round(20, 9, true), round(0, 0, false), round(0, 0, false)}, 0, false}, // nothing came in two of three
	} {
		got := chooseWatching(c.rounds)
		if got.Latency.P95 != c.p95 || got.Held != c.held || len(got.Rounds) != len(c.rounds) {
			t.Errorf("%+v: %+v", c.rounds, got)
		}
	}
}

func TestLanesWarmUpOnce(t *testing.T) {
	d, _ := standIn(t)
	l := lanes{device: d, work: []func() error{func() error { time.Sleep(time.Millisecond); return nil }}, warm: 200 * time.Millisecond, span: 10 * time.Millisecond, rounds: 3}
	began := time.Now()
	rounds, err := l.repeat(context.Background())
	if took := time.Since(began); err != nil || len(rounds) != 3 || took < 200*time.Millisecond || l.warm == 0 {
		t.Errorf("%v, %d rounds in %v", err, len(rounds), took)
	}
	for _, r := range rounds {
		if len(r.times) == 0 || r.wall < l.span {
			t.Errorf("%+v", r)
		}
	}
}

func TestMostHeld(t *testing.T) {
	for _, c := range []struct {
		rows []Watching
		want int
	}{
		{nil, 0}, {[]Watching{{Cameras: 5}}, 0},
		{[]Watching{{Cameras: 1, Held: true}, {Cameras: 30, Held: true}, {Cameras: 10, Held: true}, {Cameras: 50}}, 30},
	} {
		if got := MostHeld(c.rows); got != c.want {
			t.Errorf("%d, want %d", got, c.want)
		}
	}
}
