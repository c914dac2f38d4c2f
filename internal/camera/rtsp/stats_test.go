package rtsp

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bluenviron/gortsplib/v5/pkg/liberrors"

	"sightline/internal/camera/live"
	"sightline/internal/camera/rtsptest"
	"sightline/internal/leaktest"
)

func TestReasonsOfTheProtocol(t *testing.T) {
	for _, c := range []struct {
		err  error
		want live.Reason
	}{
		{liberrors.ErrClientBadStatusCode{Code: 401}, live.Unauthorized},
		{liberrors.ErrClientBadStatusCode{Code: 403}, live.Unauthorized},
		{liberrors.ErrClientBadStatusCode{Code: 404}, live.NotFound},
		{liberrors.ErrClientBadStatusCode{Code: 500}, ""},
		{liberrors.ErrClientTCPTimeout{}, live.TimedOut},
		{liberrors.ErrClientUDPTimeout{}, live.TimedOut},
		{fmt.Errorf("%w, found [MJPEG]", errNoVideo), live.NoVideo},
		{io.EOF, ""},
		{errors.New("expected 'RTSP/1.0', got [72 84 84 80]"), live.Protocol},
	} {
		err := sorted(fmt.Errorf("describe: %w", c.err))
		var failure *live.Failure
		if errors.As(err, &failure) != (c.want != "") || failure != nil && failure.Reason != c.want {
			t.Errorf("%v: %+v, want %q", c.err, failure, c.want)
		}
		if !errors.Is(err, c.err) {
			t.Errorf("%v is lost in %v", c.err, err)
		}
	}
}

// selfSigned is a certificate as cameras have it.
func selfSigned(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "camera"}, NotAfter: time.Now().Add(time.Hour)}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key}
}

// TestTLS: a certificate that nobody vouches for is refused with its reason, or accepted if that is wanted.
func TestTLS(t *testing.T) {
	leaktest.Check(t)
	format, units, err := rtsptest.Clip("../../../clips/plaza-west.mp4", 5)
	if err != nil {
		t.Fatal(err)
	}
	c, err := rtsptest.StartTLS(format, &tls.Config{Certificates: []tls.Certificate{selfSigned(t)}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if !strings.HasPrefix(c.Address(), "rtsps://") {
		t.Fatal(c.Address())
	}
	var log lockedBuffer
	o := quick
	o.Logger = slog.New(slog.NewTextHandler(&log, nil))
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	if _, err := Open(ctx, c.Address(), o); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(log.String(), "reason=certificate") {
		t.Errorf("%v, log:\n%s", err, log.String())
	}
	o.Insecure = true
	ctx, cancel = context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	playing, stop := context.WithCancel(ctx)
	defer stop()
	go send(playing, c, units[0].Data)
	s, err := Open(ctx, c.Address(), o)
	if err != nil {
		t.Fatalf("%v\n%s", err, log.String())
	}
	take(t, s, 3)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// send sends a key picture every 5 ms while somebody watches.
func send(ctx context.Context, c *rtsptest.Camera, unit []byte) {
	for n := 0; ctx.Err() == nil; n++ {
		if c.Watched() {
			_ = c.Send(unit, time.Duration(n)*40*time.Millisecond)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// TestManyReconnects: nothing is left of connections that ended. SIGHTLINE_RECONNECTS says how many.
func TestManyReconnects(t *testing.T) {
	leaktest.Check(t)
	many := 100
	if text := os.Getenv("SIGHTLINE_RECONNECTS"); text != "" {
		var err error
		if many, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	format, units, err := rtsptest.Clip("../../../clips/plaza-west.mp4", 1)
	if err != nil {
		t.Fatal(err)
	}
	c, err := rtsptest.Start(format)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	go send(ctx, c, units[0].Data)
	s, err := Open(ctx, c.Address(), Options{Transport: "tcp", Options: live.Options{MinPause: time.Millisecond, MaxPause: time.Millisecond}})
	if err != nil {
		t.Fatal(err)
	}
	take(t, s, 1)
	goroutines, descriptors := runtime.NumGoroutine(), openFiles()
	for last := time.Duration(-1); s.Stats().Connections < many; {
		c.Hang()
		u := take(t, s, 1)[0]
		if u.PTS <= last {
			t.Fatalf("time went from %v to %v", last, u.PTS)
		}
		last = u.PTS
	}
	const slack = 20 // a connection that is being made or ended
	if n := runtime.NumGoroutine(); n > goroutines+slack {
		t.Errorf("%d goroutines before, %d after", goroutines, n)
	}
	if n := openFiles(); n > descriptors+slack {
		t.Errorf("%d open files before, %d after", descriptors, n)
	}
	if stats := s.Stats(); len(stats.Ended) == 0 || stats.Connections < many {
		t.Errorf("%+v", stats)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func openFiles() int {
	list, _ := os.ReadDir("/proc/self/fd")
	return len(list)
}
