package rtsp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/bluenviron/gortsplib/v5"
	"github.com/bluenviron/gortsplib/v5/pkg/description"
	"github.com/bluenviron/gortsplib/v5/pkg/format"
	"github.com/bluenviron/gortsplib/v5/pkg/format/rtph264"
	"github.com/bluenviron/gortsplib/v5/pkg/format/rtph265"
	"github.com/pion/rtp"

	"sightline/internal/media"
)

// connection is one session with the camera, from Describe to the first failure. Packets come on one
// goroutine of the client's.
type connection struct {
	source *Source
	client *gortsplib.Client
	media  *description.Media
	// decode puts packets together; more says that an error only means that there is more to come.
	decode func(*rtp.Packet) ([][]byte, error)
	more   []error
	known  chan<- media.Format
	rate   int

	sets     media.ParameterSets
	told     bool // the format has been told
	warned   bool // that it cannot be
	pictures atomic.Int64
	lost     atomic.Bool
}

// connect runs one session and returns how many pictures it brought, and why it ended.
func (s *Source) connect(ctx context.Context, known chan<- media.Format) (int64, error) {
	c := &connection{source: s, known: known, client: &gortsplib.Client{
		Scheme: s.url.Scheme, Host: s.url.Host, ReadTimeout: s.options.Silence, WriteTimeout: s.options.Silence,
	}}
	if s.options.Insecure {
		c.client.TLSConfig = &tls.Config{InsecureSkipVerify: true}
	}
	c.client.OnPacketsLost = func(n uint64) {
		c.lost.Store(true)
		s.change(func(c *Stats) { c.PacketsLost += n })
	}
	c.client.OnDecodeError = func(error) {} // counted as loss where it is one
	switch s.options.Transport {
	case "tcp":
		c.client.Protocol = pointer(gortsplib.ProtocolTCP)
	case "udp":
		c.client.Protocol = pointer(gortsplib.ProtocolUDP)
	}
	if err := c.client.Start(); err != nil {
		return 0, err
	}
	// The client's calls know no context: closing it ends them.
	unblock := context.AfterFunc(ctx, c.client.Close)
	defer unblock()
	defer c.client.Close()
	if err := c.play(); err != nil {
		return 0, err
	}
	transport := c.transport()
	s.change(func(c *Stats) { c.State, c.Transport = Playing, transport; c.Connections++ })
	s.options.Logger.Info("camera connected", "transport", transport)
	return c.watch(ctx)
}

func pointer[T any](v T) *T { return &v }

func (c *connection) transport() string {
	if t := c.client.Transport(); t != nil {
		return fmt.Sprint(t.Session.Protocol)
	}
	return "unknown"
}

// play asks for the first H.264 or H.265 stream and starts it.
func (c *connection) play() error {
	d, _, err := c.client.Describe(c.source.url)
	if err != nil {
		return fmt.Errorf("describe: %w", err)
	}
	f, err := c.choose(d)
	if err != nil {
		return err
	}
	if first := c.source.first; first != "" && first != c.sets.Codec {
		return fmt.Errorf("%w from %s to %s", errCodecChanged, first, c.sets.Codec)
	}
	c.source.first = c.sets.Codec
	c.rate = f.ClockRate()
	if _, err := c.client.Setup(d.BaseURL, c.media, 0, 0); err != nil {
		return fmt.Errorf("setup: %w", err)
	}
	c.client.OnPacketRTP(c.media, f, c.packet)
	c.source.waiting = true
	c.source.clock.connected()
	if _, err := c.client.Play(nil); err != nil {
		return fmt.Errorf("play: %w", err)
	}
	return nil
}

// choose finds the video stream and prepares for its codec.
func (c *connection) choose(d *description.Session) (format.Format, error) {
	var avc *format.H264
	if c.media = d.FindFormat(&avc); c.media != nil {
		decoder, err := avc.CreateDecoder()
		if err != nil {
			return nil, err
		}
		c.decode, c.more = decoder.Decode, []error{rtph264.ErrMorePacketsNeeded, rtph264.ErrNonStartingPacketAndNoPrevious}
		c.sets = media.ParameterSets{Codec: media.H264, SPS: avc.SPS, PPS: avc.PPS}
		return avc, nil
	}
	var hevc *format.H265
	if c.media = d.FindFormat(&hevc); c.media != nil {
		decoder, err := hevc.CreateDecoder()
		if err != nil {
			return nil, err
		}
		c.decode, c.more = decoder.Decode, []error{rtph265.ErrMorePacketsNeeded, rtph265.ErrNonStartingPacketAndNoPrevious}
		c.sets = media.ParameterSets{Codec: media.H265, VPS: hevc.VPS, SPS: hevc.SPS, PPS: hevc.PPS}
		return hevc, nil
	}
	var found []string
	for _, m := range d.Medias {
		for _, other := range m.Formats {
			found = append(found, other.Codec())
		}
	}
	return nil, fmt.Errorf("%w, found %v", errNoVideo, found)
}

// watch waits for the session's end, and ends it itself if no picture comes: a connection may stay alive
// and send nothing.
func (c *connection) watch(ctx context.Context) (int64, error) {
	ended := make(chan error, 1)
	go func() { ended <- c.client.Wait() }()
	tick := time.NewTicker(c.source.options.Silence)
	defer tick.Stop()
	for seen := int64(0); ; {
		select {
		case err := <-ended:
			if err == nil {
				err = errClosed
			}
			return c.pictures.Load(), err
		case <-tick.C:
			now := c.pictures.Load()
			if now == seen {
				c.client.Close()
				<-ended
				return now, fmt.Errorf("%w for %v", errSilent, c.source.options.Silence)
			}
			seen = now
		case <-ctx.Done():
			c.client.Close()
			<-ended
			return c.pictures.Load(), ctx.Err()
		}
	}
}

// packet takes one RTP packet.
func (c *connection) packet(p *rtp.Packet) {
	s := c.source
	if c.lost.Swap(false) {
		s.lost()
	}
	pts, hasPTS := c.client.PacketPTS(c.media, p)
	units, err := c.decode(p)
	if err != nil {
		if !slices.ContainsFunc(c.more, func(m error) bool { return errors.Is(err, m) }) {
			s.lost()
			s.drop(DroppedDamaged)
		}
		return
	}
	if !hasPTS {
		return // before the first sender report of a stream that needs one
	}
	what := media.Inspect(c.sets.Codec, units)
	c.sets.Learn(units...)
	if !what.Picture {
		return // parameter sets or SEI on their own
	}
	arrived := time.Now()
	u := media.AccessUnit{Key: what.Key, Arrived: arrived}
	u.PTS = s.clock.at(time.Duration(pts)*time.Second/time.Duration(c.rate), arrived)
	if captured, ok := c.client.PacketNTP(c.media, p); ok {
		u.Time = captured
	}
	if what.Key {
		if !c.tell() {
			return
		}
		if !what.Sets {
			units = slices.Concat(c.sets.List(), units)
		}
	}
	u.Data = media.AppendAnnexB(nil, units...)
	c.pictures.Add(1)
	s.deliver(u)
}

// tell reports the format at the first random access picture; false if nothing can be decoded, because
// parameter sets are missing or make no sense.
func (c *connection) tell() bool {
	if c.told {
		return true
	}
	f, err := c.sets.Format()
	if err != nil {
		if !c.warned {
			c.source.options.Logger.Warn("camera sends no usable parameter sets", "error", err)
		}
		c.warned = true
		return false
	}
	c.told = true
	select {
	case c.known <- f:
	default: // known since an earlier connection
	}
	return true
}
