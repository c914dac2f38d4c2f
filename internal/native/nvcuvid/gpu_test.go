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
	err = c.Do(func() error {
		s, err := cuda.NewStream()
		if err != nil {
			return err
		}
		var d *Decoder
		var shown []int64
		drain := func() error {
			for p, ok := d.Next(); ok; p, ok = d.Next() {
				f, err := d.Map(p, s)
				if err != nil {
					return err
				}
				if err := d.Unmap(f); err != nil {
					return err
				}
				shown = append(shown, p.Timestamp)
			}
			return nil
		}
		d, err = NewDecoder(Config{Codec: codec, Extra: 2, Reset: drain, Status: true, LowDelay: true})
		if err != nil {
			return err
		}
		feed := func(units []media.AccessUnit, cut int) {
			for i, u := range units {
				data := u.Data
				if i == cut {
					data = data[:len(data)/2]
				}
				if err := errors.Join(d.Decode(data, int64(u.PTS)), drain()); err != nil {
					t.Fatalf("unit %d: %v", i, err)
				}
			}
			if err := errors.Join(d.Flush(), drain()); err != nil {
				t.Fatal(err)
			}
		}
		begin := time.Now()
		feed(units, -1)
		t.Logf("%d pictures in %v, %+v", len(shown), time.Since(begin), d.Stats())
		if len(shown) != len(units) {
			t.Errorf("%d pictures of %d units", len(shown), len(units))
		}
		for i := range shown[1:] {
			if shown[i+1] <= shown[i] {
				t.Errorf("picture %d at %d after %d", i+1, shown[i+1], shown[i])
			}
		}
		d.Discontinuity()
		feed(units, len(units)/2)
		t.Logf("after a damaged unit: %+v", d.Stats())
		if second := os.Getenv("SIGHTLINE_CLIP2"); second != "" {
			other, _ := readClip(t, second)
			before := d.Stats()
			feed(other, -1)
			feed(units, -1)
			after := d.Stats()
			t.Logf("after another size and back: %+v", after)
			if got := after.Mapped - before.Mapped; got != len(other)+len(units) || after.Created+after.Reconfigured < 2 {
				t.Errorf("%d pictures of %d", got, len(other)+len(units))
			}
		}
		return errors.Join(d.Close(), s.Synchronize(), s.Close())
	})
	if err := errors.Join(err, c.Close()); err != nil {
		t.Error(err)
	}
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
