package live

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"maps"
	"net"
	"os"
	"sync"
	"syscall"

	"sightline/internal/media"
)

// State is what a source does at the moment.
type State string

// The states, in the order of a connection's life.
const (
	Connecting State = "connecting"
	Playing    State = "playing"
	// Waiting: between two tries.
	Waiting State = "waiting"
)

// Reason is why a connection ended, or did not come about.
type Reason string

// The reasons.
const (
	Refused      Reason = "refused"      // nobody listens there
	Unreachable  Reason = "unreachable"  // no such host, no way to it
	Unauthorized Reason = "unauthorized" // wrong or missing password
	NotFound     Reason = "not found"    // no such stream
	Certificate  Reason = "certificate"  // TLS: the camera's is not trusted
	NoVideo      Reason = "no video"     // no stream of a codec that is known
	TimedOut     Reason = "timed out"
	Silent       Reason = "silent" // connected, and no picture
	Closed       Reason = "closed" // by the camera
	Protocol     Reason = "protocol"
)

// Failure is an error of which the protocol knows the reason.
type Failure struct {
	Reason Reason
	Err    error
}

func (f *Failure) Error() string { return f.Err.Error() }
func (f *Failure) Unwrap() error { return f.Err }

var (
	errSilent = errors.New("no picture")
	// ErrClosed is the end of a connection that came to no harm.
	ErrClosed = errors.New("the camera closed the connection")
)

// reasonOf sorts the error that ended a connection.
func reasonOf(err error) Reason {
	var failure *Failure
	var unknown x509.UnknownAuthorityError
	var invalid *tls.CertificateVerificationError
	var timeout net.Error
	switch {
	case errors.As(err, &failure):
		return failure.Reason
	case errors.Is(err, errSilent):
		return Silent
	case errors.Is(err, ErrClosed):
		return Closed
	case errors.As(err, &invalid), errors.As(err, &unknown):
		return Certificate
	case errors.Is(err, syscall.ECONNREFUSED):
		return Refused
	case errors.As(err, new(*net.DNSError)), errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return Unreachable
	case errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return TimedOut
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, net.ErrClosed), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return Closed
	}
	return Protocol
}

// Stats are what a source has seen since it was opened.
type Stats struct {
	State State `json:"state"`
	// Reason is why the last connection ended; empty before any has.
	Reason Reason `json:"reason,omitempty"`
	// Transport is that of the newest connection, such as TCP or UDP.
	Transport string `json:"transport,omitempty"`
	// Connections played; Ended counts the ends of those and the tries that failed, by reason.
	Connections int            `json:"connections"`
	Ended       map[Reason]int `json:"ended,omitempty"`
	// Clock says that the camera tells the time of its pictures, and TimeError how far, in seconds, the newest
	// may be from the truth.
	Clock     bool    `json:"clock"`
	TimeError float64 `json:"time_error,omitempty"`
	// PacketsLost are gaps in the packets' numbers.
	PacketsLost uint64 `json:"packets_lost"`
	// Units were handed on, KeyUnits and Bytes of them; Dropped were not, by cause.
	Units    uint64            `json:"units"`
	KeyUnits uint64            `json:"key_units"`
	Bytes    uint64            `json:"bytes"`
	Dropped  map[string]uint64 `json:"dropped,omitempty"`
}

// counters guards a source's Stats.
type counters struct {
	mutex sync.Mutex
	stats Stats
	told  uint64 // of the packets lost, those that a unit has told of
}

func (c *counters) change(f func(s *Stats)) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	f(&c.stats)
}

// unit counts a unit that is handed on, and tells it the packets lost before it.
func (c *counters) unit(u *media.AccessUnit) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	u.Lost, c.told = c.stats.PacketsLost-c.told, c.stats.PacketsLost
	c.stats.Units++
	c.stats.Bytes += uint64(len(u.Data))
	c.stats.Clock, c.stats.TimeError = !u.Time.IsZero(), u.TimeError.Seconds()
	if u.Key {
		c.stats.KeyUnits++
	}
}

// ended notes the end of a connection or try.
func (c *counters) ended(r Reason) {
	c.change(func(s *Stats) {
		if s.Ended == nil {
			s.Ended = map[Reason]int{}
		}
		s.Ended[r]++
		s.State, s.Reason = Waiting, r
	})
}

func (c *counters) dropped(cause string) {
	c.change(func(s *Stats) {
		if s.Dropped == nil {
			s.Dropped = map[string]uint64{}
		}
		s.Dropped[cause]++
	})
}

// Stats returns a copy; any goroutine may ask, also after Close.
func (s *Source) Stats() Stats {
	s.counters.mutex.Lock()
	defer s.counters.mutex.Unlock()
	out := s.counters.stats
	out.Ended, out.Dropped = maps.Clone(out.Ended), maps.Clone(out.Dropped)
	return out
}
