package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"sightline/internal/device"
)

// Decode measures decoders alone: each is fed from memory as fast as it takes.
type Decode struct {
	Device    device.Device
	Clip      *Clip
	Streams   []int
	Warm, For time.Duration
	// LowDelay is device.DecoderOptions.LowDelay. With it a decoder gives each picture out before it takes the next
	// unit; without it, in streams that do not say that they never reorder, decoding runs ahead.
	LowDelay bool
	// Leave wants no picture: each is decoded and none taken out, as with those above a camera's max_fps.
	Leave bool
}

// Decoding is what a number of decoders did.
type Decoding struct {
	Clip    string `json:"clip"`
	Codec   string `json:"codec"`
	Width   int    `json:"width"`
	Height  int    `json:"height"`
	Streams int    `json:"streams"`
	// LowDelay and Leave are as asked for.
	LowDelay bool `json:"low_delay"`
	Leave    bool `json:"leave,omitempty"`
	// FPS is of all together, SlowestFPS of the one with the fewest pictures.
	FPS        float64 `json:"fps"`
	SlowestFPS float64 `json:"slowest_fps"`
	// CPUMS is the process's processor time for one picture (on the host without ffmpeg's), Cores what it used.
	CPUMS float64 `json:"cpu_ms"`
	Cores float64 `json:"cores"`
	// Stream is one decoder's memory, with the one picture it copies to.
	Stream Memory `json:"stream"`
	Load   Load   `json:"load"`
	Error  string `json:"error,omitempty"`
}

// Run measures every number of streams and hands each result to each. The first number that fails is told in its
// row and ends the run: more would fail too.
func (b Decode) Run(ctx context.Context, each func(Decoding)) error {
	for _, n := range b.Streams {
		f := b.Clip.format
		row := Decoding{Codec: string(f.Codec), Width: f.Width, Height: f.Height, Streams: n, LowDelay: b.LowDelay, Leave: b.Leave}
		err := b.measure(ctx, &row)
		if err == nil {
			each(row)
			continue
		}
		if fatal := final(ctx, b.Device); fatal != nil {
			return fatal
		}
		row.Error = err.Error()
		each(row)
		return nil
	}
	return nil
}

func (b Decode) measure(ctx context.Context, row *Decoding) (err error) {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	before := memory(b.Device)
	var feeders []*feeder
	var running sync.WaitGroup
	defer func() {
		stop(nil)
		for _, f := range feeders {
			err = errors.Join(err, f.decoder.Close())
		}
		running.Wait()
		for _, f := range feeders {
			err = errors.Join(err, f.sink.close())
		}
	}()
	for i := range row.Streams {
		f := &feeder{sink: counter{pool: b.Device.Pool(), owner: fmt.Sprintf("stream-%d", i+1), leave: b.Leave}}
		f.decoder, err = b.Device.NewDecoder(device.DecoderOptions{Owner: f.sink.owner, Format: b.Clip.format, Output: &f.sink, LowDelay: b.LowDelay})
		if err != nil {
			return err
		}
		feeders = append(feeders, f)
		running.Go(func() {
			if err := f.feed(ctx, b.Clip, b.Clip.start(i, row.Streams)); err != nil {
				stop(err)
			}
		})
	}
	counts := make([]int64, row.Streams)
	more := func() bool {
		for i, f := range feeders {
			if f.sink.shown.Load() <= counts[i] {
				return false
			}
		}
		return true
	}
	if err := sleepUntil(ctx, b.Warm, more); err != nil {
		return err
	}
	s := begin(b.Device)
	for i, f := range feeders {
		counts[i] = f.sink.shown.Load()
	}
	if err := sleepUntil(ctx, b.For, more); err != nil {
		_, _, _ = s.end()
		return err
	}
	for i, f := range feeders {
		counts[i] = f.sink.shown.Load() - counts[i]
	}
	wall, cpu, load := s.end()
	row.Stream = memory(b.Device).each(before, row.Streams)
	row.fill(counts, wall, cpu, load)
	return nil
}

func (r *Decoding) fill(counts []int64, wall, cpu time.Duration, load Load) {
	total := 0.0
	for _, n := range counts {
		total += float64(n)
	}
	r.FPS = ratio(total, wall.Seconds())
	r.SlowestFPS = ratio(float64(slices.Min(counts)), wall.Seconds())
	r.CPUMS = ratio(milliseconds(cpu), total)
	r.Cores = ratio(cpu.Seconds(), wall.Seconds())
	r.Load = load
}

// feeder is one decoder with what it is fed.
type feeder struct {
	decoder device.Decoder
	sink    counter
}

func (f *feeder) feed(ctx context.Context, c *Clip, start int) error {
	for n := 0; ctx.Err() == nil; n++ {
		if err := f.decoder.Decode(c.unit(start, n)); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
	}
	return nil
}

// counter is a sink that counts pictures and gives the decoder the same one again.
type counter struct {
	pool  *device.Pool
	owner string
	leave bool
	shown atomic.Int64

	mutex   sync.Mutex
	picture *device.Picture
}

func (c *counter) Wants(time.Duration) bool {
	if c.leave {
		c.shown.Add(1)
	}
	return !c.leave
}

func (c *counter) Acquire(f device.PictureFormat) (*device.Picture, error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.picture != nil && c.picture.PictureFormat == f {
		return c.picture, nil
	}
	if c.picture != nil {
		if err := c.picture.Close(); err != nil {
			return nil, err
		}
		c.picture = nil
	}
	b, err := c.pool.Alloc(c.owner, "decoded picture", device.OnDevice, f.Size())
	if err != nil {
		return nil, err
	}
	c.picture = &device.Picture{PictureFormat: f, Buffer: b}
	return c.picture, nil
}

func (c *counter) Deliver(*device.Picture) { c.shown.Add(1) }
func (c *counter) Release(*device.Picture) {}

func (c *counter) close() error {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.picture == nil {
		return nil
	}
	return c.picture.Close()
}
