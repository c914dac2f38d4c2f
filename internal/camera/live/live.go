// Package live is what every camera on the network has in common, whatever it speaks: it is connected to again
// and again, on one timeline, until it is closed, and what the decoder does not take in time is dropped.
package live

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

	"sightline/internal/media"
)

// Options are a camera's settings. Zero values take the defaults named.
type Options struct {
	// Silence is how long a connection may bring no picture before it counts as dead: 10 s.
	Silence time.Duration
	// MinPause and MaxPause bound the wait between two tries: 1 s and 30 s.
	MinPause, MaxPause time.Duration
	// KeepDamaged lets units pass after a loss, from which a decoder makes guesses. Otherwise nothing passes
	// until the next random access picture.
	KeepDamaged bool
	// Insecure accepts any certificate: most cameras have one that they signed themselves.
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

// Connect makes one connection and stays until it fails, or ctx is done; it never returns nil. It reports to
// the link from one goroutine at a time.
type Connect func(ctx context.Context, l *Link) error

// Source is one camera. It implements camera.Source.
type Source struct {
	options Options
	connect Connect
	secret  string // what no message may show
	format  media.Format
	known   chan media.Format
	queue
	stop    context.CancelFunc
	stopped chan struct{}
	clock   timeline
	judged  truth
	counters
	// waiting says that units are skipped until the next random access picture.
	waiting bool
	// last is what the last of so many tries failed with, to be read once stopped.
	last  string
	tries int
	// first is the codec of the first connection; ended is why the source is over, set before stopped.
	first media.Codec
	ended error
	close sync.Once
}

// Open connects, and returns when the camera's format is known. A camera that is not there, or refuses, is
// tried again until ctx is done. The address is for its password only, which is kept out of every message.
func Open(ctx context.Context, address *url.URL, connect Connect, o Options) (*Source, error) {
	s := &Source{options: o.withDefaults(), connect: connect, queue: newQueue(), known: make(chan media.Format, 1), stopped: make(chan struct{}), waiting: true}
	if address.User != nil {
		s.secret, _ = address.User.Password()
	}
	life, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.stop = stop
	go s.run(life)
	select {
	case s.format = <-s.known:
		return s, nil
	case <-s.stopped:
		return nil, s.ended
	case <-ctx.Done():
		_ = s.Close()
		if s.last != "" {
			return nil, &Unreached{Tries: s.tries, Last: s.last, cause: ctx.Err()}
		}
		return nil, ctx.Err()
	}
}

// Unreached is Open's error when its context ended after tries that had failed.
type Unreached struct {
	Tries int
	// Last is what the last one failed with, without the password.
	Last  string
	cause error
}

func (e *Unreached) Error() string {
	if e.Tries == 1 {
		return "a try failed: " + e.Last
	}
	return fmt.Sprintf("%d tries failed, the last one: %s", e.Tries, e.Last)
}

func (e *Unreached) Unwrap() error { return e.cause }

// Format implements camera.Source: the format of the first random access picture.
func (s *Source) Format() media.Format { return s.format }

// Next implements camera.Source. It ends by itself only if the camera comes back with another codec, which
// needs another decoder.
func (s *Source) Next(ctx context.Context) (media.AccessUnit, error) {
	select {
	case u := <-s.units:
		s.taken(&u)
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
func (s *Source) run(ctx context.Context) {
	defer close(s.stopped)
	pause := s.options.MinPause
	for ctx.Err() == nil {
		began := time.Now()
		s.change(func(c *Stats) { c.State = Connecting })
		pictures, err := s.once(ctx)
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
		s.last, s.tries = s.clean(err), s.tries+1
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

// once runs one connection and returns how many pictures it brought, and why it ended. A connection may stay
// alive and send nothing: then it is ended here.
func (s *Source) once(ctx context.Context) (int64, error) {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	l := &Link{source: s}
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		tick := time.NewTicker(s.options.Silence)
		defer tick.Stop()
		for seen, told := int64(0), false; ; {
			select {
			case <-tick.C:
				now := l.alive.Load()
				if l.playing.Load() && now == seen {
					end(fmt.Errorf("%w for %v", errSilent, s.options.Silence))
				}
				if now > seen && l.pictures.Load() == 0 && !told {
					s.options.Logger.Warn("camera sends, but no picture yet that decoding can begin with")
					told = true
				}
				seen = now
			case <-ctx.Done():
				return
			}
		}
	}()
	err := s.connect(ctx, l)
	if cause := context.Cause(ctx); errors.Is(cause, errSilent) {
		err = cause
	}
	end(nil)
	<-watched
	return l.pictures.Load(), err
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

// Link is one connection's way to the source.
type Link struct {
	source   *Source
	playing  atomic.Bool
	pictures atomic.Int64
	alive    atomic.Int64 // signs of life
	told     bool         // the format has been told
	warned   bool         // that it cannot be
}

// Silence is how long to wait for an answer.
func (l *Link) Silence() time.Duration { return l.source.options.Silence }

// Use says which codec comes. Another one than before is an error that ends the source.
func (l *Link) Use(codec media.Codec) error {
	if first := l.source.first; first != "" && first != codec {
		return fmt.Errorf("%w from %s to %s", errCodecChanged, first, codec)
	}
	l.source.first = codec
	return nil
}

// Expect says that units may come from now on, on a clock of their own.
func (l *Link) Expect() {
	l.source.waiting = true
	l.source.clock.connected()
	l.source.judged = truth{}
}

// Playing says that the connection stands; the transport is for people to read.
func (l *Link) Playing(transport string) {
	l.source.change(func(c *Stats) { c.State, c.Transport = Playing, transport; c.Connections++ })
	l.source.options.Logger.Info("camera connected", "transport", transport)
	l.playing.Store(true)
}

// Alive says that something came, perhaps not of use yet. A connection without any is ended.
func (l *Link) Alive() { l.alive.Add(1) }

// Unit hands on a unit whose PTS is on the camera's clock, and whose parameter sets are those in force. It never
// waits for the decoder.
func (l *Link) Unit(u media.AccessUnit, sets *media.ParameterSets) {
	if u.Key && !l.tell(sets) {
		return
	}
	l.Alive()
	u.PTS = l.source.clock.at(u.PTS, u.Arrived)
	u.TimeError = l.source.judged.judge(u.Time, u.Arrived)
	l.pictures.Add(1)
	l.source.deliver(u)
}

// tell reports the format at the first random access picture; false if nothing can be decoded, because
// parameter sets are missing or make no sense.
func (l *Link) tell(sets *media.ParameterSets) bool {
	if l.told {
		return true
	}
	f, err := sets.Format()
	if err != nil {
		if !l.warned {
			l.source.options.Logger.Warn("camera sends no usable parameter sets", "error", err)
		}
		l.warned = true
		return false
	}
	l.told = true
	select {
	case l.source.known <- f:
	default: // known since an earlier connection
	}
	return true
}

// Lost counts packets that did not come.
func (l *Link) Lost(packets uint64) {
	l.source.change(func(c *Stats) { c.PacketsLost += packets })
}

// Broken says that something is missing or damaged between the units before and those to come.
func (l *Link) Broken() {
	if !l.source.options.KeepDamaged {
		l.source.waiting = true
	}
}

// Drop counts a unit that cannot be handed on.
func (l *Link) Drop(cause string) { l.source.drop(cause) }
