package contract

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"sightline/internal/camera/file"
	"sightline/internal/device"
)

// collector takes a decoder's pictures and notes their times and sizes.
type collector struct {
	pool   *device.Pool
	mutex  sync.Mutex
	times  []time.Duration
	widths []int
}

func (c *collector) Acquire(f device.PictureFormat) (*device.Picture, error) {
	b, err := c.pool.Alloc("check", "picture", device.OnDevice, f.Size())
	return &device.Picture{PictureFormat: f, Buffer: b}, err
}

func (c *collector) Deliver(p *device.Picture) {
	c.mutex.Lock()
	c.times, c.widths = append(c.times, p.PTS), append(c.widths, p.Width)
	c.mutex.Unlock()
	_ = p.Buffer.Close()
}

func (c *collector) Release(p *device.Picture) { _ = p.Buffer.Close() }

// decode sends whole files through one decoder, one after the other, and returns the times that must come
// out, and the widths.
func (h *Harness) decode(clips ...string) (c *collector, times []time.Duration, widths []int, err error) {
	d, err := h.open(0)
	if err != nil {
		return nil, nil, nil, err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	c = &collector{pool: d.Pool()}
	var decoder device.Decoder
	defer func() {
		if decoder != nil {
			err = errors.Join(err, decoder.Close())
		}
	}()
	for _, clip := range clips {
		source, err := file.Open(clip, file.Options{})
		if err != nil {
			return nil, nil, nil, err
		}
		if decoder == nil {
			decoder, err = d.NewDecoder(device.DecoderOptions{Owner: "check", Format: source.Format(), Output: c})
		}
		var part []time.Duration
		if err == nil {
			part, err = feed(decoder, source, time.Duration(len(times))*time.Second)
		}
		if err = errors.Join(err, source.Close()); err != nil {
			return nil, nil, nil, err
		}
		times = append(times, part...)
		widths = append(widths, slices.Repeat([]int{source.Format().Width}, len(part))...)
	}
	return c, times, widths, decoder.Flush()
}

// feed decodes a file whose times are moved by after, and returns them in order.
func feed(decoder device.Decoder, source *file.Source, after time.Duration) (times []time.Duration, err error) {
	for {
		unit, err := source.Next(context.Background())
		if errors.Is(err, io.EOF) {
			slices.Sort(times)
			return times, nil
		}
		if err == nil {
			unit.PTS += after
			err = decoder.Decode(unit)
		}
		if err != nil {
			return nil, err
		}
		times = append(times, unit.PTS)
	}
}

// DecoderAccountsForEveryPicture: n access units give n pictures with their times, in order.
func DecoderAccountsForEveryPicture(h *Harness) (string, error) {
	began := time.Now()
	got, want, _, err := h.decode(h.Clips[0])
	if err != nil {
		return "", err
	}
	if !slices.Equal(got.times, want) {
		return "", fmt.Errorf("%d units gave %d pictures, or their times differ", len(want), len(got.times))
	}
	return fmt.Sprintf("%d units, %d pictures, %.0f a second", len(want), len(want), float64(len(want))/time.Since(began).Seconds()), nil
}

// DecoderFollowsTheSize: a stream that changes its size loses no picture, and each has its own size.
func DecoderFollowsTheSize(h *Harness) (string, error) {
	got, want, widths, err := h.decode(h.Clips[0], h.Clips[1], h.Clips[0])
	if err != nil {
		return "", err
	}
	if !slices.Equal(got.times, want) || !slices.Equal(got.widths, widths) {
		return "", fmt.Errorf("%d units gave %d pictures, or their times or sizes differ", len(want), len(got.times))
	}
	return fmt.Sprintf("%d pictures of %d and %d columns", len(want), slices.Min(widths), slices.Max(widths)), nil
}
