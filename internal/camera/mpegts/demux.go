package mpegts

import (
	"errors"
	"fmt"
	"io"
	"time"

	ts "github.com/bluenviron/mediacommon/v2/pkg/formats/mpegts"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mpegts/codecs"

	"sightline/internal/media"
)

// clock is how many ticks a second the container's times count.
const clock = 90_000

// timed is an access unit with its time of decoding, both on the file's own clock.
type timed struct {
	media.AccessUnit
	decode time.Duration
}

// demuxer makes access units of a transport stream. What comes before the first random access picture, and
// pictures that are shown before that one, cannot be decoded and are left out.
type demuxer struct {
	packets *packets
	reader  *ts.Reader
	sets    media.ParameterSets
	units   []timed
	// started is set by the first random access picture with parameter sets, and first is its time; leading
	// lasts until the first picture that is shown after it.
	started, leading bool
	first            time.Duration
	// times unrolls the 33 bits of both times on one clock.
	times ts.TimeDecoder
	// early, if set, is called for each picture before that first one.
	early func()
	// broken says that data was damaged since the last unit.
	broken bool
}

var errNoVideo = errors.New("no H.264 or H.265 stream")

// newDemuxer reads as far as the program's description. A transport stream that has no video, or another
// codec, is an error that says what was found. lost is told of packets of the video that are missing.
func newDemuxer(r io.Reader, lost func(n int)) (d *demuxer, err error) {
	defer catch(&err)
	in := newPackets(r, lost)
	d = &demuxer{packets: in, reader: &ts.Reader{R: in}}
	if err := d.reader.Initialize(); err != nil {
		if errors.Is(err, errNone) {
			return nil, err
		}
		if errors.Is(err, io.EOF) {
			return nil, errors.New("no program in the transport stream")
		}
		return nil, fmt.Errorf("not a usable transport stream: %w", err)
	}
	d.reader.OnDecodeError(func(error) { d.broken = true })
	var found []string
	for _, track := range d.reader.Tracks() {
		switch track.Codec.(type) {
		case *codecs.H264:
			d.sets.Codec = media.H264
			d.reader.OnDataH264(track, d.take)
		case *codecs.H265:
			d.sets.Codec = media.H265
			d.reader.OnDataH265(track, d.take)
		default:
			found = append(found, fmt.Sprintf("%T", track.Codec)[len("*codecs."):])
			continue
		}
		in.pid = int(track.PID)
		return d, nil
	}
	return nil, fmt.Errorf("%w, found %v", errNoVideo, found)
}

// catch makes an error of a panic in the library, which damaged data can cause.
func catch(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("not a usable transport stream: %v", r)
	}
}

// next returns the next unit, or io.EOF.
func (d *demuxer) next() (u timed, err error) {
	defer catch(&err)
	for len(d.units) == 0 {
		if err := d.reader.Read(); err != nil {
			return timed{}, err
		}
	}
	u = d.units[0]
	d.units = d.units[:copy(d.units, d.units[1:])]
	return u, nil
}

// take gets one access unit from the reader, which does not touch its bytes again.
func (d *demuxer) take(pts, dts int64, units [][]byte) error {
	d.sets.Learn(units...)
	what := media.Inspect(d.sets.Codec, units)
	u := timed{decode: ticks(d.times.Decode(dts))}
	u.PTS, u.Key, u.Discontinuity = ticks(d.times.Decode(pts)), what.Key, d.broken
	switch {
	case !what.Picture:
		return nil
	case !d.started:
		if !what.Key || !d.sets.Complete() {
			if d.early != nil {
				d.early()
			}
			return nil
		}
		d.started, d.leading, d.first = true, true, u.PTS
	case d.leading && u.PTS < d.first:
		return nil
	default:
		d.leading = false
	}
	d.broken = false
	if what.Key && !what.Sets {
		u.Data = media.AppendAnnexB(u.Data, d.sets.List()...)
	}
	u.Data = media.AppendAnnexB(u.Data, units...)
	d.units = append(d.units, u)
	return nil
}

func ticks(n int64) time.Duration {
	return time.Duration(n/clock)*time.Second + time.Duration(n%clock)*time.Second/clock
}
