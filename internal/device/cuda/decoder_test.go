package cuda

import (
	"errors"
	"strings"
	"testing"
	"time"

	"sightline/internal/device"
	"sightline/internal/media"
)

// gallery is a sink that keeps what it needs to know of every picture.
type gallery struct {
	t      *testing.T
	device *Device
	shown  []seen
	// full makes Deliver wait until it is closed, and then give the picture back.
	full chan struct{}
	// kept, if it is not nil, takes pictures for the test to look at.
	kept chan *device.Picture
	// wants is Wants; nil wants every picture.
	wants func(pts time.Duration) bool
}

type seen struct {
	pts     time.Duration
	seq     uint64
	width   int
	damaged bool
	// luma and chroma are the value of every pixel, -1 if they differ.
	luma, chroma int
}

func (g *gallery) Wants(pts time.Duration) bool { return g.wants == nil || g.wants(pts) }

func (g *gallery) Deliver(p *device.Picture) {
	switch {
	case g.kept != nil:
		g.kept <- p
	case g.full != nil:
		<-g.full
		if err := p.Release(); err != nil {
			g.t.Error(err)
		}
	default:
		s, err := g.device.NewStream("gate")
		if err != nil {
			g.t.Error(err)
			return
		}
		if seen, err := g.look(s, p); err == nil {
			g.shown = append(g.shown, seen)
		} else if !errors.Is(err, device.ErrClosed) { // while it was on its way
			g.t.Error(err)
		}
		if err := errors.Join(s.Close(), p.Release()); err != nil {
			g.t.Error(err)
		}
	}
}

// look copies a picture out and says what is in it.
func (g *gallery) look(s device.Stream, p *device.Picture) (_ seen, err error) {
	host, err := g.device.Pool().Alloc("gate", "copy", device.Pinned, p.Size())
	if err != nil {
		return seen{}, err
	}
	defer func() { err = errors.Join(err, host.Close()) }()
	if err := errors.Join(s.CopyPicture(host, p), s.Synchronize()); err != nil {
		return seen{}, err
	}
	luma, chroma := host.Bytes()[:p.Pitch*p.Height], host.Bytes()[p.Pitch*p.Height:]
	return seen{p.PTS, p.Seq, p.Width, p.Damaged, uniform(luma, p.Pitch, p.Width), uniform(chroma, p.Pitch, (p.Width+1)&^1)}, nil
}

// uniform is the value that all bytes of an area have, or -1.
func uniform(rows []byte, pitch, width int) int {
	value := rows[0]
	for ; len(rows) >= pitch; rows = rows[pitch:] {
		for _, v := range rows[:width] {
			if v != value {
				return -1
			}
		}
	}
	return int(value)
}

// unit is an access unit of the stand-in's; see its source.
func unit(pts int, records string) media.AccessUnit {
	return media.AccessUnit{Data: []byte(records), PTS: time.Duration(pts), Key: records[0] == 'S'}
}

const (
	small = "S\x14\x0a\x08\x03" // 320x160, of which 152 lines are shown
	large = "S\x28\x14\x08\x03"
	whole = "P\x02"
)

func (g *gallery) decoder(t *testing.T, o device.DecoderOptions) device.Decoder {
	t.Helper()
	o.Owner, o.Output = "gate", g
	if o.Format.Codec == "" {
		o.Format = media.Format{Codec: media.H264, Width: 320, Height: 152, Matrix: "bt601"}
	}
	d, err := g.device.NewDecoder(o)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDecoder(t *testing.T) {
	for _, c := range []struct {
		name  string
		units []media.AccessUnit
		want  []seen
		wants func(pts time.Duration) bool
	}{
		{"in order", []media.AccessUnit{unit(1, small+whole), unit(2, whole), unit(3, whole)},
			[]seen{{pts: 1, width: 320, luma: 1, chroma: 1}, {pts: 2, seq: 1, width: 320, luma: 2, chroma: 2}, {pts: 3, seq: 2, width: 320, luma: 3, chroma: 3}}, nil},
		{"reordered", []media.AccessUnit{unit(1, small+whole), unit(3, "B\x02"), unit(2, whole)},
			[]seen{{pts: 1, width: 320, luma: 1, chroma: 1}, {pts: 2, seq: 1, width: 320, luma: 2, chroma: 2}, {pts: 3, seq: 2, width: 320, luma: 3, chroma: 3}}, nil},
		{"still in the hardware", []media.AccessUnit{unit(1, small+"P\x01"), unit(2, "P\x01")},
			[]seen{{pts: 1, width: 320, luma: 1, chroma: 1}, {pts: 2, seq: 1, width: 320, luma: 2, chroma: 2}}, nil},
		{"larger and smaller", []media.AccessUnit{unit(1, small+whole), unit(2, large+whole), unit(3, small+whole)},
			[]seen{{pts: 1, width: 320, luma: 1, chroma: 1}, {pts: 2, seq: 1, width: 640, luma: 2, chroma: 2}, {pts: 3, seq: 2, width: 320, luma: 3, chroma: 3}}, nil},
		{"held back at the end", []media.AccessUnit{unit(1, small+"B\x02")}, []seen{{pts: 1, width: 320, luma: 1, chroma: 1}}, nil},
		{"damaged until the next key picture", []media.AccessUnit{unit(1, small+whole), unit(2, "P\x09"), unit(3, whole), unit(4, small+whole)},
			[]seen{{pts: 1, width: 320, luma: 1, chroma: 1}, {pts: 2, seq: 1, width: 320, damaged: true, luma: 2, chroma: 2},
				{pts: 3, seq: 2, width: 320, damaged: true, luma: 3, chroma: 3}, {pts: 4, seq: 3, width: 320, luma: 4, chroma: 4}}, nil},
		{"damage in one that is not wanted", []media.AccessUnit{unit(1, small+whole), unit(2, "P\x09"), unit(3, whole), unit(4, small+whole)},
			[]seen{{pts: 1, width: 320, luma: 1, chroma: 1}, {pts: 3, seq: 2, width: 320, damaged: true, luma: 3, chroma: 3}},
			func(pts time.Duration) bool { return pts%2 == 1 }},
		{"nothing wanted of one size", []media.AccessUnit{unit(1, small+whole), unit(2, large+whole), unit(3, whole), unit(4, small+whole)},
			[]seen{{pts: 1, width: 320, luma: 1, chroma: 1}, {pts: 4, seq: 3, width: 320, luma: 4, chroma: 4}},
			func(pts time.Duration) bool { return pts%3 == 1 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := &gallery{t: t, device: openDevice(t, t.TempDir()), wants: c.wants}
			d := g.decoder(t, device.DecoderOptions{})
			for _, u := range c.units {
				if err := d.Decode(u); err != nil {
					t.Fatal(err)
				}
			}
			if err := d.Flush(); err != nil {
				t.Fatal(err)
			}
			if err := d.Decode(unit(9, whole)); !errors.Is(err, device.ErrClosed) {
				t.Errorf("decode after the flush: %v", err)
			}
			if err := errors.Join(d.Close(), d.Close()); err != nil {
				t.Error(err)
			}
			if len(g.shown) != len(c.want) {
				t.Fatalf("%d pictures, want %d: %+v", len(g.shown), len(c.want), g.shown)
			}
			for i, s := range g.shown {
				if s != c.want[i] {
					t.Errorf("picture %d is %+v, want %+v", i, s, c.want[i])
				}
			}
		})
	}
}

// TestMorePicturesThanSurfaces: pictures that come out of one unit in a burst are all delivered.
func TestMorePicturesThanSurfaces(t *testing.T) {
	g := &gallery{t: t, device: openDevice(t, t.TempDir())}
	d := g.decoder(t, device.DecoderOptions{})
	if err := d.Decode(unit(1, small+strings.Repeat(whole, 9))); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(d.Flush(), d.Close()); err != nil || len(g.shown) != 9 {
		t.Errorf("%d pictures of 9, %v", len(g.shown), err)
	}
}

func TestDiscontinuityReachesTheParser(t *testing.T) {
	g := &gallery{t: t, device: openDevice(t, t.TempDir())}
	d := g.decoder(t, device.DecoderOptions{LowDelay: true})
	libraries["nvcuvid"].Flags()
	u := unit(1, small+whole)
	err := d.Decode(u)
	const discontinuity = 4
	if flags := libraries["nvcuvid"].Flags(); err != nil || flags&discontinuity != 0 {
		t.Errorf("%v, flags %d", err, flags)
	}
	u.Discontinuity = true
	err = d.Decode(u)
	if flags := libraries["nvcuvid"].Flags(); err != nil || flags&discontinuity == 0 {
		t.Errorf("%v, flags %d", err, flags)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}

// TestDecodeRunsAhead: the next units are taken while a picture waits in the sink, up to queued pictures.
func TestDecodeRunsAhead(t *testing.T) {
	g := &gallery{t: t, device: openDevice(t, t.TempDir()), full: make(chan struct{})}
	d := g.decoder(t, device.DecoderOptions{})
	for i, records := range []string{small + whole, whole, whole} {
		if err := d.Decode(unit(i+1, records)); err != nil {
			t.Fatal(err)
		}
	}
	close(g.full)
	if err := errors.Join(d.Flush(), d.Close()); err != nil {
		t.Error(err)
	}
}

// TestCloseFreesADecoderThatWaits: Close makes a Decode return that waits for surfaces which wait in the sink.
func TestCloseFreesADecoderThatWaits(t *testing.T) {
	g := &gallery{t: t, device: openDevice(t, t.TempDir()), full: make(chan struct{})}
	d := g.decoder(t, device.DecoderOptions{})
	decoded, closed := make(chan error), make(chan error)
	go func() {
		err := d.Decode(unit(1, small+whole))
		for i := 2; err == nil; i++ {
			err = d.Decode(unit(i, whole))
		}
		decoded <- err
	}()
	go func() { closed <- d.Close() }()
	if err := <-decoded; !errors.Is(err, device.ErrClosed) {
		t.Errorf("decode: %v", err)
	}
	close(g.full)
	if err := <-closed; err != nil {
		t.Error(err)
	}
}

func TestDecoderRefusals(t *testing.T) {
	g := &gallery{t: t, device: openDevice(t, t.TempDir())}
	broken[t.Name()] = true // in the end
	for _, c := range []struct {
		format media.Format
		want   string
	}{
		{media.Format{Codec: "mjpeg"}, `codec "mjpeg": expected h264, h265, vp9 or av1`},
		{media.Format{Codec: media.AV1, Width: 320, Height: 152}, "stand-in 0 does not decode av1"},
		{media.Format{Codec: media.H264, Width: 4096, Height: 2160}, "decodes h264 up to 2048x2048, the stream is 4096x2160"},
	} {
		_, err := g.device.NewDecoder(device.DecoderOptions{Owner: "gate", Format: c.format, Output: g})
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "decoder for gate") {
			t.Errorf("got %v, want %q", err, c.want)
		}
	}
	libraries["nvcuvid"].Fail("cuvidCreateVideoParser", 2)
	_, err := g.device.NewDecoder(device.DecoderOptions{Owner: "gate", Format: media.Format{Codec: media.H264}, Output: g})
	if err == nil || g.device.Cause() != nil {
		t.Errorf("got %v, cause %v", err, g.device.Cause())
	}
	// The hardware's refusal of one stream is that stream's error; a broken GPU is everybody's.
	for _, c := range []struct {
		code int
		lost bool
	}{{2, false}, {719, true}} {
		d := g.decoder(t, device.DecoderOptions{})
		libraries["nvcuvid"].Fail("cuvidCreateDecoder", c.code)
		if err := d.Decode(unit(1, small+whole)); err == nil || errors.Is(err, device.ErrLost) != c.lost {
			t.Errorf("code %d: %v", c.code, err)
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}
}
