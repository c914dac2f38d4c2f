package mpegts

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"sightline/internal/camera/live"
)

// Dial connects to a camera or encoder that sends a transport stream, and returns when its format is known:
//
//	udp://[host]:port       what arrives at this machine's port, plain or in RTP; a multicast group is joined,
//	                        on the interface that ?interface=NAME names
//	tcp://host:port         what a server sends to who connects
//	http://, https://       the body of the answer, with basic authentication
//
// A picture is known to be whole when the next one begins: results come a picture later than over RTSP.
// It is tried again for ever, as package live says. Only an address that makes no sense is an error at once.
func Dial(ctx context.Context, address string, o live.Options) (*live.Source, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return nil, errors.New("not an address of a transport stream: expected udp://[host]:port, tcp://host:port, http:// or https://, special characters in the password as %XX")
	}
	if (u.Scheme == "udp" || u.Scheme == "tcp") && u.Port() == "" {
		return nil, fmt.Errorf("%s: the address has no port", u.Scheme)
	}
	return live.Open(ctx, u, func(ctx context.Context, l *live.Link) error {
		return connect(ctx, u, l, o.Insecure)
	}, o)
}

// connect receives until the stream ends.
func connect(ctx context.Context, u *url.URL, l *live.Link, insecure bool) error {
	stream, err := dial(ctx, u, l.Silence(), insecure)
	if err != nil {
		return err
	}
	defer stream.Close()
	// A read knows no context: closing ends it.
	unblock := context.AfterFunc(ctx, func() { _ = stream.Close() })
	defer unblock()
	l.Playing(strings.ToUpper(u.Scheme))
	l.Expect()
	d, err := newDemuxer(stream, func(n int) {
		l.Lost(uint64(n))
		l.Broken()
	})
	if err != nil {
		return sorted(err)
	}
	d.early, d.packets.strict = l.Alive, true
	if err := l.Use(d.sets.Codec); err != nil {
		return err
	}
	for {
		t, err := d.next()
		if err != nil {
			return sorted(err)
		}
		if t.Discontinuity {
			l.Broken()
		}
		t.Arrived = time.Now()
		l.Unit(t.AccessUnit, &d.sets)
	}
}

// sorted gives errors of the stream their reasons.
func sorted(err error) error {
	switch {
	case errors.Is(err, errNoVideo):
		return &live.Failure{Reason: live.NoVideo, Err: err}
	case errors.Is(err, errNone):
		return &live.Failure{Reason: live.Protocol, Err: err}
	case errors.Is(err, io.EOF):
		return live.ErrClosed
	}
	return err
}

// dial opens the stream; patience is how long an answer may take.
func dial(ctx context.Context, u *url.URL, patience time.Duration, insecure bool) (io.ReadCloser, error) {
	switch u.Scheme {
	case "udp":
		return listen(ctx, u)
	case "tcp":
		d := net.Dialer{Timeout: patience}
		return d.DialContext(ctx, "tcp", u.Host)
	}
	return request(ctx, u, patience, insecure)
}

// body is an answer that closes its connection too.
type body struct {
	io.ReadCloser
	transport *http.Transport
}

func (b body) Close() error {
	defer b.transport.CloseIdleConnections()
	return b.ReadCloser.Close()
}

func request(ctx context.Context, u *url.URL, patience time.Duration, insecure bool) (io.ReadCloser, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, DialContext: (&net.Dialer{Timeout: patience}).DialContext, DisableKeepAlives: true,
		TLSHandshakeTimeout: patience, ResponseHeaderTimeout: patience, TLSClientConfig: &tls.Config{InsecureSkipVerify: insecure},
	}
	answer, err := (&http.Client{Transport: transport}).Do(r)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode == http.StatusOK {
		return body{answer.Body, transport}, nil
	}
	reason := live.Protocol
	switch answer.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden:
		reason = live.Unauthorized
	case http.StatusNotFound, http.StatusGone:
		reason = live.NotFound
	}
	return nil, errors.Join(&live.Failure{Reason: reason, Err: fmt.Errorf("the server answers %s", answer.Status)}, answer.Body.Close())
}
