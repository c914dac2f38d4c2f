// Package rtsptest is an RTSP camera for tests: it sends what the test says, well or badly.
package rtsptest

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"github.com/bluenviron/gortsplib/v5"
	"github.com/bluenviron/gortsplib/v5/pkg/base"
	"github.com/bluenviron/gortsplib/v5/pkg/description"
	"github.com/bluenviron/gortsplib/v5/pkg/format"
	"github.com/pion/rtp"

	"sightline/internal/camera/file"
	"sightline/internal/media"
)

// Camera is a server with one H.264 stream, on TCP only. Its methods may be called from any goroutine.
type Camera struct {
	address string // host and port
	scheme  string
	server  *gortsplib.Server
	stream  *gortsplib.ServerStream
	media   *description.Media

	mutex    sync.Mutex
	sessions map[*gortsplib.ServerSession]bool
	encode   func([][]byte) ([]*rtp.Packet, error)
}

// Start starts a camera that announces a format. The caller closes it.
func Start(f media.Format) (*Camera, error) { return StartTLS(f, nil) }

// StartTLS starts a camera that speaks RTSPS; nil means RTSP.
func StartTLS(f media.Format, secure *tls.Config) (*Camera, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	h264 := &format.H264{PayloadTyp: 96, PacketizationMode: 1, SPS: f.ParameterSets[0], PPS: f.ParameterSets[1]}
	encoder, err := h264.CreateEncoder()
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	c := &Camera{
		address: listener.Addr().String(), scheme: "rtsp", encode: encoder.Encode, sessions: map[*gortsplib.ServerSession]bool{},
		media: &description.Media{Type: description.MediaTypeVideo, Formats: []format.Format{h264}},
	}
	c.server = &gortsplib.Server{
		Handler: c, RTSPAddress: c.address, TLSConfig: secure,
		Listen: func(string, string) (net.Listener, error) { return listener, nil },
	}
	if secure != nil {
		c.scheme = "rtsps"
	}
	if err := c.server.Start(); err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	c.stream = &gortsplib.ServerStream{Server: c.server, Desc: &description.Session{Medias: []*description.Media{c.media}}}
	if err := c.stream.Initialize(); err != nil {
		c.server.Close()
		return nil, err
	}
	return c, nil
}

// Address is the camera's URL.
func (c *Camera) Address() string { return c.scheme + "://" + c.address + "/camera" }

// Close ends all sessions and the server.
func (c *Camera) Close() {
	c.stream.Close()
	c.server.Close()
}

// Hang closes the connections of everybody who watches, without a word.
func (c *Camera) Hang() {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	for s := range c.sessions {
		s.Close()
	}
}

// Watched says whether anybody plays the stream.
func (c *Camera) Watched() bool {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return len(c.sessions) > 0
}

// Send sends an access unit in Annex B form with the camera's time.
func (c *Camera) Send(unit []byte, at time.Duration) error {
	var units [][]byte
	for _, n := range bytes.Split(unit, []byte{0, 0, 0, 1}) {
		if len(n) > 0 {
			units = append(units, n)
		}
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	packets, err := c.encode(units)
	for _, p := range packets {
		p.Timestamp = uint32(uint64(at.Seconds() * 90_000))
		err = errors.Join(err, c.stream.WritePacketRTP(c.media, p))
	}
	return err
}

// SendPayload sends one packet with any payload, behind the last one.
func (c *Camera) SendPayload(payload []byte, number uint16, at time.Duration) error {
	return c.stream.WritePacketRTP(c.media, &rtp.Packet{
		Header:  rtp.Header{Version: 2, Marker: true, PayloadType: 96, SequenceNumber: number, Timestamp: uint32(uint64(at.Seconds() * 90_000)), SSRC: 1},
		Payload: payload,
	})
}

// OnDescribe, OnSetup, OnPlay and OnSessionClose are called by the server.
func (c *Camera) OnDescribe(*gortsplib.ServerHandlerOnDescribeCtx) (*base.Response, *gortsplib.ServerStream, error) {
	return &base.Response{StatusCode: base.StatusOK}, c.stream, nil
}

// OnSetup: see OnDescribe.
func (c *Camera) OnSetup(*gortsplib.ServerHandlerOnSetupCtx) (*base.Response, *gortsplib.ServerStream, error) {
	return &base.Response{StatusCode: base.StatusOK}, c.stream, nil
}

// OnPlay: see OnDescribe.
func (c *Camera) OnPlay(ctx *gortsplib.ServerHandlerOnPlayCtx) (*base.Response, error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.sessions[ctx.Session] = true
	return &base.Response{StatusCode: base.StatusOK}, nil
}

// OnSessionClose: see OnDescribe.
func (c *Camera) OnSessionClose(ctx *gortsplib.ServerHandlerOnSessionCloseCtx) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	delete(c.sessions, ctx.Session)
}

// Clip reads a recording: its format and at most n units.
func Clip(path string, n int) (f media.Format, units []media.AccessUnit, err error) {
	s, err := file.Open(path, file.Options{})
	if err != nil {
		return f, nil, err
	}
	for len(units) < n && err == nil {
		var u media.AccessUnit
		if u, err = s.Next(context.Background()); err == nil {
			units = append(units, u)
		}
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return s.Format(), units, errors.Join(err, s.Close())
}
