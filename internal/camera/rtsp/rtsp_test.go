package rtsp

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bluenviron/gortsplib/v5"
	"github.com/bluenviron/gortsplib/v5/pkg/base"
	"github.com/bluenviron/gortsplib/v5/pkg/description"
	"github.com/bluenviron/gortsplib/v5/pkg/format"
	"github.com/bluenviron/gortsplib/v5/pkg/liberrors"

	"sightline/internal/camera/file"
	"sightline/internal/leaktest"
	"sightline/internal/media"
)

// camera is an RTSP server that plays a clip to whoever is there.
type camera struct {
	t              *testing.T
	address        string
	user, password string
	server         *gortsplib.Server
	stream         *gortsplib.ServerStream
	format         *format.H264
	media          *description.Media
	mutex          sync.Mutex
	players        chan struct{}
}

func (c *camera) OnDescribe(ctx *gortsplib.ServerHandlerOnDescribeCtx) (*base.Response, *gortsplib.ServerStream, error) {
	if c.user != "" && !ctx.Conn.VerifyCredentials(ctx.Request, c.user, c.password) {
		return &base.Response{StatusCode: base.StatusUnauthorized}, nil, liberrors.ErrServerAuth{}
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return &base.Response{StatusCode: base.StatusOK}, c.stream, nil
}

func (c *camera) OnSetup(*gortsplib.ServerHandlerOnSetupCtx) (*base.Response, *gortsplib.ServerStream, error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return &base.Response{StatusCode: base.StatusOK}, c.stream, nil
}

func (c *camera) OnPlay(*gortsplib.ServerHandlerOnPlayCtx) (*base.Response, error) {
	c.players <- struct{}{}
	return &base.Response{StatusCode: base.StatusOK}, nil
}

// freeAddress is one that nobody listens on.
func freeAddress(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// start starts the server; inBand leaves the parameter sets out of the session description.
func (c *camera) start(inBand bool) {
	c.t.Helper()
	f, _ := clip(c.t)
	c.format = &format.H264{PayloadTyp: 96, PacketizationMode: 1}
	if !inBand {
		c.format.SPS, c.format.PPS = f.ParameterSets[0], f.ParameterSets[1]
	}
	c.media = &description.Media{Type: description.MediaTypeVideo, Formats: []format.Format{c.format}}
	c.players = make(chan struct{}, 16)
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.server = &gortsplib.Server{Handler: c, RTSPAddress: c.address}
	if err := c.server.Start(); err != nil {
		c.t.Fatal(err)
	}
	c.stream = &gortsplib.ServerStream{Server: c.server, Desc: &description.Session{Medias: []*description.Media{c.media}}}
	if err := c.stream.Initialize(); err != nil {
		c.t.Fatal(err)
	}
}

func (c *camera) stop() {
	c.stream.Close()
	c.server.Close()
}

// clip is the first 40 units of a plaza clip as NAL units.
func clip(t *testing.T) (media.Format, []media.AccessUnit) {
	s, err := file.Open("../../../clips/plaza-west.mp4", file.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var units []media.AccessUnit
	for len(units) < 40 {
		u, err := s.Next(context.Background())
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		units = append(units, u)
	}
	return s.Format(), units
}

// nals splits Annex B with four-byte start codes, as package media writes it.
func nals(data []byte) (list [][]byte) {
	for _, n := range bytes.Split(data, []byte{0, 0, 0, 1}) {
		if len(n) > 0 {
			list = append(list, n)
		}
	}
	return list
}

// play sends the units, every one a picture of 10 a second from the camera's time start on; lose leaves
// out the packets of these units.
func (c *camera) play(units []media.AccessUnit, start time.Duration, lose ...int) {
	c.t.Helper()
	encoder, err := c.format.CreateEncoder()
	if err != nil {
		c.t.Fatal(err)
	}
	for i, u := range units {
		packets, err := encoder.Encode(nals(u.Data))
		if err != nil {
			c.t.Fatal(err)
		}
		lost := false
		for _, l := range lose {
			lost = lost || l == i
		}
		for _, p := range packets {
			p.Timestamp = uint32((start + time.Duration(i)*100*time.Millisecond).Seconds() * 90000)
			if !lost {
				_ = c.stream.WritePacketRTPWithNTP(c.media, p, time.Now())
			}
		}
		time.Sleep(2 * time.Millisecond)
	}
}

func (c *camera) awaitPlayer() {
	c.t.Helper()
	select {
	case <-c.players:
		time.Sleep(50 * time.Millisecond) // the answer is on its way
	case <-time.After(10 * time.Second):
		c.t.Fatal("nobody came")
	}
}

func (c *camera) url() string {
	if c.user != "" {
		return fmt.Sprintf("rtsp://%s:%s@%s/cam", c.user, strings.ReplaceAll(c.password, "@", "%40"), c.address)
	}
	return "rtsp://" + c.address + "/cam"
}

var quick = Options{Transport: "tcp", MinPause: 20 * time.Millisecond, MaxPause: 50 * time.Millisecond, Silence: 2 * time.Second}

// open opens the source while the camera plays.
func (c *camera) open(o Options, units []media.AccessUnit) *Source {
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

func take(t *testing.T, s *Source, n int) (units []media.AccessUnit) {
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
// description or in the stream.
func TestUnitsComeOutWhole(t *testing.T) {
	leaktest.Check(t)
	for name, inBand := range map[string]bool{"described": false, "in band": true} {
		t.Run(name, func(t *testing.T) {
			c := &camera{t: t, address: freeAddress(t)}
			c.start(inBand)
			defer c.stop()
			want, sent := clip(t)
			s := c.open(quick, sent)
			defer s.Close()
			if f := s.Format(); f.Width != want.Width || f.Height != want.Height || f.Codec != media.H264 {
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

// The camera goes away and comes back with another clock: the source goes on by itself, and so does time.
func TestReconnects(t *testing.T) {
	leaktest.Check(t)
	c := &camera{t: t, address: freeAddress(t)}
	c.start(false)
	_, sent := clip(t)
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
	_, sent := clip(t)
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
	_, sent := clip(t)
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
	_, sent := clip(t)
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
	if drops[DroppedLoss] == 0 {
		t.Errorf("drops %v", drops)
	}
}

func TestAddresses(t *testing.T) {
	for _, a := range []string{"", "rtsp://", "http://h/x", "rtsp://u:p w@h/x", "\x00", "rtsp://u:hush%zz@h/1"} {
		if s, err := Open(t.Context(), a, quick); err == nil || strings.Contains(err.Error(), "hush") {
			t.Errorf("%q: %v, %v", a, s, err)
		}
	}
}

// lockedBuffer is a log that several goroutines write to.
type lockedBuffer struct {
	mutex sync.Mutex
	text  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.text.String()
}
