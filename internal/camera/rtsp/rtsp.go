// Package rtsp is the camera that speaks RTSP: H.264 and H.265 over TCP or UDP, with or without TLS.
package rtsp

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/url"

	"github.com/bluenviron/gortsplib/v5"
	"github.com/bluenviron/gortsplib/v5/pkg/base"

	"sightline/internal/camera/live"
)

// Options are a camera's settings.
type Options struct {
	live.Options
	// Transport is "tcp", "udp", or "" for UDP first and TCP where nothing comes.
	Transport string
}

// Open connects, and returns when the camera's format is known. A camera that is not there, or refuses, is
// tried again until ctx is done. Only an address that makes no sense is an error at once.
func Open(ctx context.Context, address string, o Options) (*live.Source, error) {
	u, err := base.ParseURL(address)
	if err != nil || u.Host == "" {
		return nil, errors.New("not an RTSP address: expected rtsp://[user:password@]host[:port]/path, special characters in the password as %XX")
	}
	return live.Open(ctx, (*url.URL)(u), func(ctx context.Context, l *live.Link) error {
		return connect(ctx, u, l, o)
	}, o.Options)
}

// connect runs one session and returns why it ended.
func connect(ctx context.Context, u *base.URL, l *live.Link, o Options) error {
	c := &connection{link: l, client: &gortsplib.Client{
		Scheme: u.Scheme, Host: u.Host, ReadTimeout: l.Silence(), WriteTimeout: l.Silence(), DialContext: dial,
	}}
	if o.Insecure {
		c.client.TLSConfig = &tls.Config{InsecureSkipVerify: true}
	}
	c.client.OnPacketsLost = func(n uint64) {
		c.lost.Store(true)
		l.Lost(n)
	}
	c.client.OnDecodeError = func(error) {} // counted as loss where it is one
	switch o.Transport {
	case "tcp":
		c.client.Protocol = pointer(gortsplib.ProtocolTCP)
	case "udp":
		c.client.Protocol = pointer(gortsplib.ProtocolUDP)
	}
	if err := c.client.Start(); err != nil {
		return err
	}
	// The client's calls know no context: closing it ends them.
	unblock := context.AfterFunc(ctx, c.client.Close)
	defer unblock()
	defer c.client.Close()
	if err := c.play(u); err != nil {
		return sorted(err)
	}
	l.Playing(c.transport())
	if err := c.client.Wait(); err != nil {
		return sorted(err)
	}
	return live.ErrClosed
}

// dial connects with a buffer that holds a picture: the client's own takes three packets at a time.
func dial(ctx context.Context, network, address string) (net.Conn, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &buffered{c, bufio.NewReaderSize(c, 1<<16)}, nil
}

// buffered is a connection that is read by the buffer.
type buffered struct {
	net.Conn
	r *bufio.Reader
}

func (b *buffered) Read(p []byte) (int, error) { return b.r.Read(p) }

func pointer[T any](v T) *T { return &v }
