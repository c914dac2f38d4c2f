package contract

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
	"sync"
	"time"

	"sightline/internal/camera/file"
	"sightline/internal/device"
	"sightline/internal/golden"
)

// collector takes a decoder's pictures and notes their times and sizes, and what their pixels hash to.
type collector struct {
	device device.Device
	stream device.Stream
	mutex  sync.Mutex
	times  []time.Duration
	widths []int
	pixels hash.Hash
	err    error
}

func (c *collector) Wants(time.Duration) bool { return true }

func (c *collector) Deliver(p *device.Picture) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.times, c.widths = append(c.times, p.PTS), append(c.widths, p.Width)
	c.err = errors.Join(c.err, writePixels(c.pixels, c.device, c.stream, p), p.Release())
}

// decode sends whole files through one decoder, one after the other, and returns the times that must come
// out, and the widths.
func (h *Harness) decode(clips ...string) (c *collector, times []time.Duration, widths []int, err error) {
	d, err := h.open(0)
	if err != nil {
		return nil, nil, nil, err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	c = &collector{device: d, pixels: sha256.New()}
	if c.stream, err = d.NewStream("check"); err != nil {
		return nil, nil, nil, err
	}
	defer func() { err = errors.Join(err, c.stream.Close()) }()
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
	err = decoder.Flush()
	return c, times, widths, errors.Join(err, c.err)
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

// DecoderAccountsForEveryPicture: n access units give n pictures with their times, in order, and their pixels
// are to the bit those of another decoder.
func DecoderAccountsForEveryPicture(h *Harness) (string, error) {
	began := time.Now()
	got, want, _, err := h.decode(h.Clips[0])
	if err != nil {
		return "", err
	}
	if !slices.Equal(got.times, want) {
		return "", fmt.Errorf("%d units gave %d pictures, or their times differ", len(want), len(got.times))
	}
	figure := fmt.Sprintf("%d units, %d pictures, %.0f a second", len(want), len(want), float64(len(want))/time.Since(began).Seconds())
	clip, known, err := golden.FindClip(h.Clips[0])
	if err != nil || !known {
		return figure + ", pixels not known", err
	}
	if pixels := hex.EncodeToString(got.pixels.Sum(nil)); pixels != clip.NV12 {
		return "", fmt.Errorf("the pixels of %s hash to %s, ffmpeg's to %s", clip.Name, pixels, clip.NV12)
	}
	return figure + ", every pixel as ffmpeg's", nil
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
