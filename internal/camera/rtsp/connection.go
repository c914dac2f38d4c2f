package rtsp

import (
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/bluenviron/gortsplib/v5"
	"github.com/bluenviron/gortsplib/v5/pkg/base"
	"github.com/bluenviron/gortsplib/v5/pkg/description"
	"github.com/bluenviron/gortsplib/v5/pkg/format"
	"github.com/bluenviron/gortsplib/v5/pkg/format/rtph264"
	"github.com/bluenviron/gortsplib/v5/pkg/format/rtph265"
	"github.com/pion/rtp"

	"sightline/internal/camera/live"
	"sightline/internal/media"
)

// connection is one session with the camera, from Describe to the first failure. Packets come on one
// goroutine of the client's.
type connection struct {
	link   *live.Link
	client *gortsplib.Client
	media  *description.Media
	// decode puts packets together; more says that an error only means that there is more to come.
	decode func(*rtp.Packet) ([][]byte, error)
	more   []error
	rate   int
	sets   media.ParameterSets
	lost   atomic.Bool // since the last packet
}

func (c *connection) transport() string {
	if t := c.client.Transport(); t != nil {
		return fmt.Sprint(t.Session.Protocol)
	}
	return "unknown"
}

// play asks for the first H.264 or H.265 stream and starts it.
func (c *connection) play(u *base.URL) error {
	d, _, err := c.client.Describe(u)
	if err != nil {
		return fmt.Errorf("describe: %w", err)
	}
	f, err := c.choose(d)
	if err != nil {
		return err
	}
	if err := c.link.Use(c.sets.Codec); err != nil {
		return err
	}
	c.rate = f.ClockRate()
	if _, err := c.client.Setup(d.BaseURL, c.media, 0, 0); err != nil {
		return fmt.Errorf("setup: %w", err)
	}
	c.client.OnPacketRTP(c.media, f, c.packet)
	c.link.Expect()
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

// packet takes one RTP packet.
func (c *connection) packet(p *rtp.Packet) {
	if c.lost.Swap(false) {
		c.link.Broken()
	}
	pts, hasPTS := c.client.PacketPTS(c.media, p)
	units, err := c.decode(p)
	if err != nil {
		if !slices.ContainsFunc(c.more, func(m error) bool { return errors.Is(err, m) }) {
			c.link.Broken()
			c.link.Drop(live.DroppedDamaged)
		}
		return
	}
	c.link.Alive()
	if !hasPTS {
		return // before the first sender report of a stream that needs one
	}
	what := media.Inspect(c.sets.Codec, units)
	c.sets.Learn(units...)
	if !what.Picture {
		return // parameter sets or SEI on their own
	}
	u := media.AccessUnit{Key: what.Key, Arrived: time.Now(), PTS: time.Duration(pts) * time.Second / time.Duration(c.rate)}
	if captured, ok := c.client.PacketNTP(c.media, p); ok {
		u.Time = captured
	}
	if what.Key && !what.Sets {
		units = slices.Concat(c.sets.List(), units)
	}
	u.Data = media.AppendAnnexB(nil, units...)
	c.link.Unit(u, &c.sets)
}
