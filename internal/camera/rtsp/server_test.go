package rtsp

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
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
	"github.com/pion/rtp"

	"sightline/internal/camera/file"
	"sightline/internal/media"
)

// camera is an RTSP server that plays a clip to whoever is there.
type camera struct {
	t              *testing.T
	address        string
	user, password string
	udp            bool
	server         *gortsplib.Server
	stream         *gortsplib.ServerStream
	path           string // of the clip; "" is a plaza clip
	format         format.Format
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

// udpPair is an even free port and the one after it.
func udpPair(t *testing.T) (rtp, rtcp string) {
	for range 100 {
		first, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		port := first.LocalAddr().(*net.UDPAddr).Port
		second, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port + 1})
		first.Close()
		if err == nil {
			second.Close()
			if port%2 == 0 {
				return fmt.Sprintf("127.0.0.1:%d", port), fmt.Sprintf("127.0.0.1:%d", port+1)
			}
		}
	}
	t.Fatal("no two free ports")
	return "", ""
}

// start starts the server; inBand leaves the parameter sets out of the session description.
func (c *camera) start(inBand bool) {
	c.t.Helper()
	f, _ := c.clip()
	sets := f.ParameterSets
	if inBand {
		sets = make([][]byte, len(sets))
	}
	if f.Codec == media.H265 {
		c.format = &format.H265{PayloadTyp: 96, VPS: sets[0], SPS: sets[1], PPS: sets[2]}
	} else {
		c.format = &format.H264{PayloadTyp: 96, PacketizationMode: 1, SPS: sets[0], PPS: sets[1]}
	}
	c.media = &description.Media{Type: description.MediaTypeVideo, Formats: []format.Format{c.format}}
	c.players = make(chan struct{}, 16)
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.server = &gortsplib.Server{Handler: c, RTSPAddress: c.address}
	if c.udp {
		c.server.UDPRTPAddress, c.server.UDPRTCPAddress = udpPair(c.t)
	}
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

// clip is the format and the first 40 units of the camera's clip.
func (c *camera) clip() (media.Format, []media.AccessUnit) {
	t := c.t
	s, err := file.Open(cmp.Or(c.path, "../../../clips/plaza-west.mp4"), file.Options{})
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
	encode := c.encoder()
	for i, u := range units {
		packets, err := encode(nals(u.Data))
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

// encoder cuts access units into packets.
func (c *camera) encoder() func([][]byte) ([]*rtp.Packet, error) {
	c.t.Helper()
	if f, ok := c.format.(*format.H265); ok {
		e, err := f.CreateEncoder()
		if err != nil {
			c.t.Fatal(err)
		}
		return e.Encode
	}
	e, err := c.format.(*format.H264).CreateEncoder()
	if err != nil {
		c.t.Fatal(err)
	}
	return e.Encode
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
