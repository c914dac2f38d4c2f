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

// collector takes a decoder's pictures and notes their times.
type collector struct {
	pool  *device.Pool
	mutex sync.Mutex
	times []time.Duration
}

func (c *collector) Acquire(f device.PictureFormat) (*device.Picture, error) {
	b, err := c.pool.Alloc("check", "picture", device.OnDevice, f.Size())
	return &device.Picture{PictureFormat: f, Buffer: b}, err
}

func (c *collector) Deliver(p *device.Picture) {
	c.mutex.Lock()
	c.times = append(c.times, p.PTS)
	c.mutex.Unlock()
	_ = p.Buffer.Close()
}

func (c *collector) Release(p *device.Picture) { _ = p.Buffer.Close() }

// DecoderAccountsForEveryPicture: n access units of Clip give n pictures with their times, in order.
func DecoderAccountsForEveryPicture(h *Harness) (_ string, err error) {
	d, err := h.open(0)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	source, err := file.Open(h.Clip, file.Options{})
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	pictures := &collector{pool: d.Pool()}
	decoder, err := d.NewDecoder(device.DecoderOptions{Owner: "check", Format: source.Format(), Output: pictures})
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, decoder.Close()) }()
	began := time.Now()
	var want []time.Duration
	for {
		unit, err := source.Next(context.Background())
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = decoder.Decode(unit)
		}
		if err != nil {
			return "", err
		}
		want = append(want, unit.PTS)
	}
	if err := decoder.Flush(); err != nil {
		return "", err
	}
	slices.Sort(want)
	if !slices.Equal(pictures.times, want) {
		return "", fmt.Errorf("%d units gave %d pictures, or their times differ", len(want), len(pictures.times))
	}
	return fmt.Sprintf("%d units, %d pictures, %.0f a second", len(want), len(want), float64(len(want))/time.Since(began).Seconds()), nil
}
