// Package rtsp is the camera that speaks RTSP: H.264 and H.265 over TCP or UDP, with or without TLS. It reconnects
// for ever, on one timeline, until it is closed.
package rtsp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bluenviron/gortsplib/v5/pkg/base"

	"sightline/internal/media"
)

// Options are a camera's settings. Zero values take the defaults named.
type Options struct {
	// Transport is "tcp", "udp", or "" for UDP first and TCP where nothing comes.
	Transport string
	// Silence is how long a connection may bring no picture before it counts as dead: 10 s.
	Silence time.Duration
	// MinPause and MaxPause bound the wait between two tries: 1 s and 30 s.
	MinPause, MaxPause time.Duration
	// KeepDamaged lets units pass after a loss, from which a decoder makes guesses. Otherwise nothing passes
	// until the next random access picture.
	KeepDamaged bool
	// Insecure accepts any certificate of an rtsps camera: most have one that they signed themselves.
	Insecure bool
	// Dropped is told about units that never reach the decoder, with the cause; it may be nil.
	Dropped func(cause string)
	Logger  *slog.Logger
}

func (o Options) withDefaults() Options {
	set := func(d *time.Duration, value time.Duration) {
		if *d <= 0 {
			*d = value
		}
	}
	set(&o.Silence, 10*time.Second)
	set(&o.MinPause, time.Second)
	set(&o.MaxPause, 30*time.Second)
	if o.Dropped == nil {
		o.Dropped = func(string) {}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// Causes of drops, as the metrics name them.
const (
	// DroppedLoss: packets were lost, and the unit before the next random access picture is not whole.
	DroppedLoss = "packet loss"
	// DroppedDamaged: a unit's packets made no sense.
	DroppedDamaged = "damaged packets"
	// DroppedSlow: the decoder did not keep up, and the units up to the next random access picture went.
	DroppedSlow = "ingest queue full"
)

// queued is how many units may wait for the decoder, and queuedBytes how large they may be together (a single
// one may be larger): memory stays bounded whatever a camera sends.
const (
	queued      = 64
	queuedBytes = 16 << 20
)

// Source is one camera. It implements camera.Source.
type Source struct {
	options Options
	url     *base.URL
	secret  string // what no message may show
	format  media.Format
	units   chan media.AccessUnit
	// bytes are those of the units in the channel.
	bytes   atomic.Int64
	stop    context.CancelFunc
	stopped chan struct{}
	clock   timeline
	counters
	// waiting says that units are skipped until the next random access picture.
	waiting bool
	// first is the codec of the first connection; ended is why the source is over, set before stopped.
	first media.Codec
	ended error
	close sync.Once
}

// Open connects, and returns when the camera's format is known. A camera that is not there, or refuses, is
// tried again until ctx is done. Only an address that makes no sense is an error at once.
func Open(ctx context.Context, address string, o Options) (*Source, error) {
	u, err := base.ParseURL(address)
	if err != nil || u.Host == "" {
		return nil, errors.New("not an RTSP address: expected rtsp://[user:password@]host[:port]/path, special characters in the password as %XX")
	}
	s := &Source{options: o.withDefaults(), url: u, units: make(chan media.AccessUnit, queued), stopped: make(chan struct{}), waiting: true}
	if u.User != nil {
		s.secret, _ = u.User.Password()
	}
	life, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.stop = stop
	known := make(chan media.Format, 1)
	go s.run(life, known)
	select {
	case s.format = <-known:
		return s, nil
	case <-ctx.Done():
		return nil, errors.Join(ctx.Err(), s.Close())
	}
}

// Format implements camera.Source: the format of the first random access picture.
func (s *Source) Format() media.Format { return s.format }

// Next implements camera.Source. It ends by itself only if the camera comes back with another codec, which
// needs another decoder.
func (s *Source) Next(ctx context.Context) (media.AccessUnit, error) {
	select {
	case u := <-s.units:
		s.bytes.Add(-int64(len(u.Data)))
		return u, nil
	case <-ctx.Done():
		return media.AccessUnit{}, ctx.Err()
	case <-s.stopped:
		if s.ended != nil {
			return media.AccessUnit{}, s.ended
		}
		return media.AccessUnit{}, fmt.Errorf("camera: %w", net.ErrClosed)
	}
}

// Close implements camera.Source. It returns when the connection and its goroutines are gone.
func (s *Source) Close() error {
	s.close.Do(s.stop)
	<-s.stopped
	return nil
}

// run connects again and again.
func (s *Source) run(ctx context.Context, known chan<- media.Format) {
	defer close(s.stopped)
	pause := s.options.MinPause
	for ctx.Err() == nil {
		began := time.Now()
		s.change(func(c *Stats) { c.State = Connecting })
		pictures, err := s.connect(ctx, known)
		if ctx.Err() != nil {
			return
		}
		if errors.Is(err, errCodecChanged) {
			s.ended = err
			return
		}
		if pictures > 0 && time.Since(began) > s.options.MaxPause {
			pause = s.options.MinPause // it worked for a while: the next trouble is a new one
		}
		reason := reasonOf(err)
		s.counters.ended(reason)
		if reason == Unauthorized {
			pause = s.options.MaxPause // cameras lock out who tries often
		}
		// Many cameras behind one switch must not come back in step.
		wait := pause/2 + rand.N(pause)
		s.options.Logger.Warn("camera disconnected", "reason", reason, "error", s.clean(err), "pictures", pictures, "again_in", wait.Round(10*time.Millisecond))
		pause = min(2*pause, s.options.MaxPause)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
		}
	}
}

var errCodecChanged = errors.New("the camera has changed its codec")

// clean keeps the password out of a message, as it stands and as it is written in an address.
func (s *Source) clean(err error) string {
	text := err.Error()
	if s.secret != "" {
		text = strings.NewReplacer(s.secret, "***", url.QueryEscape(s.secret), "***", url.PathEscape(s.secret), "***").Replace(text)
	}
	return text
}

// deliver queues a unit without waiting for the decoder. What follows a unit that is missing cannot be
// decoded before the next random access picture.
func (s *Source) deliver(u media.AccessUnit) {
	if s.waiting && !u.Key {
		s.drop(DroppedLoss)
		return
	}
	size := int64(len(u.Data))
	if waits := s.bytes.Load(); waits > 0 && waits+size > queuedBytes || len(s.units) == cap(s.units) {
		s.waiting = true
		s.drop(DroppedSlow)
		return
	}
	u.Discontinuity, s.waiting = s.waiting, false
	s.bytes.Add(size)
	s.counters.unit(&u)
	s.units <- u // there is room, and nobody else sends
}

// lost is called after a loss.
func (s *Source) lost() {
	if !s.options.KeepDamaged {
		s.waiting = true
	}
}

func (s *Source) drop(cause string) {
	s.counters.dropped(cause)
	s.options.Dropped(cause)
}
