//go:build gpu

package nvcuvid

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"sightline/internal/camera/file"
	"sightline/internal/media"
	"sightline/internal/native/cuda"
)

const onGPU = true

// player maps and gives back every picture of a decoder.
type player struct {
	decoder *Decoder
	stream  cuda.Stream
	shown   []int64
}

func (p *player) drain() error {
	for picture, ok := p.decoder.Next(); ok; picture, ok = p.decoder.Next() {
		f, err := p.decoder.Map(picture, p.stream)
		if err != nil {
			return err
		}
		if err := p.decoder.Unmap(f); err != nil {
			return err
		}
		p.shown = append(p.shown, picture.Timestamp)
	}
	return nil
}

// feed plays units to their end; of the one numbered cut only the first half.
func (p *player) feed(t *testing.T, units []media.AccessUnit, cut int) {
	t.Helper()
	for i, u := range units {
		data := u.Data
		if i == cut {
			data = data[:len(data)/2]
		}
		if err := errors.Join(p.decoder.Decode(data, int64(u.PTS)), p.drain()); err != nil {
			t.Fatalf("unit %d: %v", i, err)
		}
	}
	if err := errors.Join(p.decoder.Flush(), p.drain()); err != nil {
		t.Fatal(err)
	}
}

// TestClipOnGPU decodes the MP4 file in SIGHTLINE_CLIP, maps every picture, cuts a unit in half and starts
// again at the front. With SIGHTLINE_CLIP2, a clip of another size follows in the same decoder.
func TestClipOnGPU(t *testing.T) {
	path := os.Getenv("SIGHTLINE_CLIP")
	if path == "" {
		t.Skip("SIGHTLINE_CLIP names no clip")
	}
	units, codec := readClip(t, path)
	if err := errors.Join(cuda.Load(), Load()); err != nil {
		t.Fatal(err)
	}
	handle, err := cuda.OpenDevice(0)
	if err != nil {
		t.Fatal(err)
	}
	c, err := cuda.NewContext(handle)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(c.Do(func() error { return playOnGPU(t, units, codec) }), c.Close()); err != nil {
		t.Error(err)
	}
}

func playOnGPU(t *testing.T, units []media.AccessUnit, codec Codec) error {
	s, err := cuda.NewStream()
	if err != nil {
		return err
	}
	p := &player{stream: s}
	d, err := NewDecoder(Config{Codec: codec, Extra: 2, Room: func(func() bool) error { return p.drain() }, LowDelay: true})
	if err != nil {
		return err
	}
	p.decoder = d
	begin := time.Now()
	p.feed(t, units, -1)
	t.Logf("%d pictures in %v, %+v", len(p.shown), time.Since(begin), d.Stats())
	if len(p.shown) != len(units) {
		t.Errorf("%d pictures of %d units", len(p.shown), len(units))
	}
	for i := 1; i < len(p.shown); i++ {
		if p.shown[i] <= p.shown[i-1] {
			t.Errorf("picture %d at %d after %d", i, p.shown[i], p.shown[i-1])
		}
	}
	d.Discontinuity()
	p.feed(t, units, len(units)/2)
	t.Logf("after a damaged unit: %+v", d.Stats())
	if second := os.Getenv("SIGHTLINE_CLIP2"); second != "" {
		other, _ := readClip(t, second)
		before := d.Stats()
		p.feed(t, other, -1)
		p.feed(t, units, -1)
		after := d.Stats()
		t.Logf("after another size and back: %+v", after)
		changes := after.Created + after.Reconfigured - before.Created - before.Reconfigured
		if got := after.Mapped - before.Mapped; got != len(other)+len(units) || changes < 2 {
			t.Errorf("%d pictures of %d, %d changes of format", got, len(other)+len(units), changes)
		}
	}
	return errors.Join(d.Close(), s.Synchronize(), s.Close())
}

func readClip(t *testing.T, path string) (units []media.AccessUnit, codec Codec) {
	t.Helper()
	f, err := file.Open(path, file.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for range f.Frames() {
		u, err := f.Next(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		units = append(units, u)
	}
	return units, map[media.Codec]Codec{media.H264: H264, media.H265: HEVC}[f.Format().Codec]
}
