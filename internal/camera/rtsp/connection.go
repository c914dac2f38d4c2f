package rtsp

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/bluenviron/gortsplib/v5"
	"github.com/bluenviron/gortsplib/v5/pkg/description"
	"github.com/bluenviron/gortsplib/v5/pkg/format"
	"github.com/bluenviron/gortsplib/v5/pkg/format/rtph264"
	"github.com/pion/rtp"

	"sightline/internal/media"
)

// connection is one session with the camera, from Describe to the first failure. Packets come on one
// goroutine of the client's.
type connection struct {
	source  *Source
	client  *gortsplib.Client
	media   *description.Media
	decoder *rtph264.Decoder
	known   chan<- media.Format
	rate    int

	sps, pps []byte
	told     bool // the format has been told
	pictures atomic.Int64
	lost     atomic.Bool
}

// connect runs one session and returns how many pictures it brought, and why it ended.
func (s *Source) connect(ctx context.Context, known chan<- media.Format) (int64, error) {
	c := &connection{source: s, known: known, client: &gortsplib.Client{
		Scheme: s.url.Scheme, Host: s.url.Host, ReadTimeout: s.options.Silence, WriteTimeout: s.options.Silence,
	}}
	c.client.OnPacketsLost = func(uint64) { c.lost.Store(true) }
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
	s.options.Logger.Info("camera connected", "transport", c.transport())
	return c.watch(ctx)
}

func pointer[T any](v T) *T { return &v }

func (c *connection) transport() string {
	if t := c.client.Transport(); t != nil {
		return fmt.Sprint(t.Session.Protocol)
	}
	return "unknown"
}

// play asks for the H.264 stream and starts it.
func (c *connection) play() error {
	d, _, err := c.client.Describe(c.source.url)
	if err != nil {
		return fmt.Errorf("describe: %w", err)
	}
	var f *format.H264
	if c.media = d.FindFormat(&f); c.media == nil {
		var found []string
		for _, m := range d.Medias {
			for _, other := range m.Formats {
				found = append(found, other.Codec())
			}
		}
		return fmt.Errorf("no H.264 stream, found %v", found)
	}
	c.sps, c.pps, c.rate = f.SPS, f.PPS, f.ClockRate()
	if c.decoder, err = f.CreateDecoder(); err != nil {
		return err
	}
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
				err = errors.New("the camera closed the connection")
			}
			return c.pictures.Load(), err
		case <-tick.C:
			now := c.pictures.Load()
			if now == seen {
				c.client.Close()
				<-ended
				return now, fmt.Errorf("no picture for %v", c.source.options.Silence)
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
		s.waiting = true
	}
	pts, hasPTS := c.client.PacketPTS(c.media, p)
	units, err := c.decoder.Decode(p)
	if err != nil {
		if !errors.Is(err, rtph264.ErrMorePacketsNeeded) && !errors.Is(err, rtph264.ErrNonStartingPacketAndNoPrevious) {
			s.waiting = true
		}
		return
	}
	if !hasPTS {
		return // before the first sender report of a stream that needs one
	}
	what := media.InspectH264(units)
	c.learn(units)
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
		if c.sps == nil || c.pps == nil {
			return // nothing can be decoded without them
		}
		if !c.tell() {
			return
		}
		if !what.SPS || !what.PPS {
			u.Data = media.AppendAnnexB(u.Data, c.sps, c.pps)
		}
	}
	u.Data = media.AppendAnnexB(u.Data, units...)
	c.pictures.Add(1)
	s.deliver(u)
}

// learn keeps the newest parameter sets.
func (c *connection) learn(units [][]byte) {
	for _, n := range units {
		if len(n) == 0 {
			continue
		}
		switch n[0] & 0x1f {
		case 7:
			c.sps = n
		case 8:
			c.pps = n
		}
	}
}

// tell reports the format at the first random access picture; false if the parameter sets make no sense.
func (c *connection) tell() bool {
	if c.told {
		return true
	}
	f, err := media.H264Format(c.sps, c.pps)
	if err != nil {
		c.source.options.Logger.Warn("camera sends bad parameter sets", "error", err)
		return false
	}
	c.told = true
	select {
	case c.known <- f:
	default: // known since an earlier connection
	}
	return true
}
