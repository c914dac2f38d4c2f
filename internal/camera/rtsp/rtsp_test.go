package rtsp

import (
	"bytes"
	"cmp"
	"context"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"sightline/internal/camera/live"
	"sightline/internal/leaktest"
	"sightline/internal/media"
)

var quick = Options{Transport: "tcp", Options: live.Options{MinPause: 20 * time.Millisecond, MaxPause: 50 * time.Millisecond, Silence: 2 * time.Second}}

// open opens the source while the camera plays.
func (c *camera) open(o Options, units []media.AccessUnit) *live.Source {
	c.t.Helper()
	go func() {
		c.awaitPlayer()
		c.play(units, 3*time.Second)
	}()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	s, err := Open(ctx, c.url(), o)
	if err != nil {
		c.t.Fatal(err)
	}
	return s
}

func take(t *testing.T, s *live.Source, n int) (units []media.AccessUnit) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for range n {
		u, err := s.Next(ctx)
		if err != nil {
			t.Fatalf("after %d units: %v", len(units), err)
		}
		units = append(units, u)
	}
	return units
}

// What the camera sends comes out whole, in order, on a clock that starts at 0; parameter sets in the
// description or in the stream; over TCP, UDP, and whatever works.
func TestUnitsComeOutWhole(t *testing.T) {
	leaktest.Check(t)
	for name, how := range map[string]struct {
		inBand, udp, hevc bool
		transport         string
	}{
		"described": {transport: "tcp"}, "in band": {inBand: true, transport: "tcp"}, "udp": {udp: true, transport: "udp"},
		"auto, udp works": {udp: true}, "auto, udp refused": {}, "h265": {transport: "tcp", hevc: true},
		"h265 in band": {transport: "tcp", hevc: true, inBand: true},
	} {
		t.Run(name, func(t *testing.T) {
			c := &camera{t: t, address: freeAddress(t), udp: how.udp}
			if how.hevc {
				c.path = makeH265(t)
			}
			c.start(how.inBand)
			defer c.stop()
			want, sent := c.clip()
			o := quick
			o.Transport = how.transport
			s := c.open(o, sent)
			defer s.Close()
			if f := s.Format(); f.Width != want.Width || f.Height != want.Height || f.Codec != want.Codec {
				t.Errorf("format %+v, want %+v", f, want)
			}
			for i, u := range take(t, s, len(sent)) {
				if !bytes.Equal(u.Data, sent[i].Data) || u.Key != sent[i].Key {
					t.Fatalf("unit %d: %d bytes, key %v; sent %d, %v", i, len(u.Data), u.Key, len(sent[i].Data), sent[i].Key)
				}
				if off := u.PTS - time.Duration(i)*100*time.Millisecond; off.Abs() > time.Millisecond {
					t.Errorf("unit %d at %v", i, u.PTS)
				}
				if u.Arrived.IsZero() {
					t.Error("no time of arrival")
				}
			}
		})
	}
}

// makeH265 makes a clip with ffmpeg, where there is one that can.
func makeH265(t *testing.T) string {
	ffmpeg := cmp.Or(os.Getenv("SIGHTLINE_FFMPEG"), "ffmpeg")
	path := filepath.Join(t.TempDir(), "h265.mp4")
	out, err := exec.Command(ffmpeg, "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=10:duration=4", "-pix_fmt", "yuv420p",
		"-c:v", "libx265", "-x265-params", "log-level=error:bframes=0:keyint=20", path).CombinedOutput()
	if err != nil {
		t.Skipf("this ffmpeg cannot make the clip: %v: %s", err, out)
	}
	return path
}

// The camera goes away and comes back with another clock: the source goes on by itself, and so does time.
func TestReconnects(t *testing.T) {
	leaktest.Check(t)
	c := &camera{t: t, address: freeAddress(t)}
	c.start(false)
	_, sent := c.clip()
	s := c.open(quick, sent[:10])
	defer s.Close()
	before := take(t, s, 10)
	c.stop()
	c.start(false)
	defer c.stop()
	c.awaitPlayer()
	c.play(sent[:10], 90*time.Minute)
	after := take(t, s, 10)
	last := before[9].PTS
	if gap := after[0].PTS - last; gap <= 0 || gap > 10*time.Second {
		t.Errorf("the clock went from %v to %v", last, after[0].PTS)
	}
	if !before[0].Discontinuity || before[1].Discontinuity || !after[0].Discontinuity || after[1].Discontinuity {
		t.Error("a discontinuity is not where the connection began")
	}
	stats := s.Stats()
	if stats.Connections != 2 || stats.Ended[live.Closed] != 1 || stats.Units != 20 || stats.KeyUnits != 2 || stats.State != live.Playing {
		t.Errorf("stats %+v", stats)
	}
	if step := after[1].PTS - after[0].PTS; step != 100*time.Millisecond {
		t.Errorf("a step of %v after the break", step)
	}
}

// A camera that is not there at first, or refuses, is waited for; no message shows the password.
func TestAbsentAndRefusing(t *testing.T) {
	leaktest.Check(t)
	c := &camera{t: t, address: freeAddress(t), user: "admin", password: "s3cr@t"}
	var log lockedBuffer
	o := quick
	o.Logger = slog.New(slog.NewTextHandler(&log, nil))
	_, sent := c.clip()
	go func() {
		time.Sleep(150 * time.Millisecond) // some tries are refused by the machine
		c.password = "another"
		c.start(false)
		time.Sleep(200 * time.Millisecond) // some by the camera
		c.stop()
		c.password = "s3cr@t"
		c.start(false)
		c.awaitPlayer()
		c.play(sent, 0)
	}()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	s, err := Open(ctx, "rtsp://admin:s3cr%40t@"+c.address+"/cam", o)
	if err != nil {
		t.Fatalf("%v\n%s", err, log.String())
	}
	take(t, s, 5)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	c.stop()
	text := log.String()
	if strings.Contains(text, "s3cr") || !strings.Contains(text, "connection refused") || !strings.Contains(text, "401") {
		t.Errorf("log:\n%s", text)
	}
}

// A connection that is alive and sends nothing is given up.
func TestSilenceEndsTheConnection(t *testing.T) {
	leaktest.Check(t)
	c := &camera{t: t, address: freeAddress(t)}
	c.start(false)
	defer c.stop()
	var log lockedBuffer
	o := quick
	o.Silence, o.Logger = 200*time.Millisecond, slog.New(slog.NewTextHandler(&log, nil))
	_, sent := c.clip()
	s := c.open(o, sent[:5])
	defer s.Close()
	take(t, s, 5)
	c.awaitPlayer() // it has come again
	if !strings.Contains(log.String(), "no picture for 200ms") {
		t.Errorf("log:\n%s", log.String())
	}
}

// After a loss nothing passes before the next random access picture, and the drops are told.
func TestLossWaitsForAKeyPicture(t *testing.T) {
	leaktest.Check(t)
	c := &camera{t: t, address: freeAddress(t)}
	c.start(false)
	defer c.stop()
	_, sent := c.clip()
	var mutex sync.Mutex
	drops := map[string]int{}
	o := quick
	o.Dropped = func(cause string) { mutex.Lock(); drops[cause]++; mutex.Unlock() }
	units := append(append([]media.AccessUnit{}, sent[:10]...), sent[:5]...) // two groups of pictures
	go func() {
		c.awaitPlayer()
		c.play(units, 0, 4)
	}()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	s, err := Open(ctx, c.url(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	got := take(t, s, 4+5)
	for i, u := range got {
		want := i
		if i >= 4 {
			want = i - 4
		}
		if !bytes.Equal(u.Data, sent[want].Data) {
			t.Errorf("unit %d is not unit %d of the clip", i, want)
		}
	}
	mutex.Lock()
	defer mutex.Unlock()
	stats := s.Stats()
	if drops[live.DroppedLoss] == 0 || stats.Dropped[live.DroppedLoss] != uint64(drops[live.DroppedLoss]) || stats.PacketsLost == 0 {
		t.Errorf("drops %v, stats %+v", drops, stats)
	}
	if lost := got[4].Lost; lost != stats.PacketsLost || got[3].Lost != 0 || got[5].Lost != 0 {
		t.Errorf("the first unit after the loss tells of %d packets lost of %d", lost, stats.PacketsLost)
	}
	if !got[4].Discontinuity || got[3].Discontinuity || got[5].Discontinuity {
		t.Error("the discontinuity is not at the first unit after the loss")
	}
}

func TestAddresses(t *testing.T) {
	for _, a := range []string{"", "rtsp://", "http://h/x", "rtsp://u:p w@h/x", "\x00", "rtsp://u:hush%zz@h/1"} {
		if s, err := Open(t.Context(), a, quick); err == nil || strings.Contains(err.Error(), "hush") {
			t.Errorf("%q: %v, %v", a, s, err)
		}
	}
}

// With KeepDamaged all that is whole passes, and only a unit that lacks packets is missing.
func TestDamagedUnitsMayPass(t *testing.T) {
	leaktest.Check(t)
	c := &camera{t: t, address: freeAddress(t)}
	c.start(false)
	defer c.stop()
	_, sent := c.clip()
	o := quick
	o.KeepDamaged = true
	go func() {
		c.awaitPlayer()
		c.play(sent[:10], 0, 4)
	}()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	s, err := Open(ctx, c.url(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for i, u := range take(t, s, 9) {
		want := i
		if i >= 4 {
			want++
		}
		if !bytes.Equal(u.Data, sent[want].Data) {
			t.Errorf("unit %d is not unit %d of the clip", i, want)
		}
	}
}
