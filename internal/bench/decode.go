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

// Decode measures decoders alone: each is fed from memory as fast as it takes, and every picture is opened and given back
// as a lane does.
type Decode struct {
	Device    device.Device
	Clip      *Clip
	Streams   []int
	Warm, For time.Duration
	// Rounds is how often each number of streams is measured while they run; 0 is once. The row is the round with the median FPS.
	Rounds int
	// LowDelay is device.DecoderOptions.LowDelay. With it a decoder gives each picture out before it takes the next
	// unit; without it, in streams that do not say that they never reorder, decoding runs ahead.
	LowDelay bool
	// Leave wants no picture: each is decoded and none opened, as with those above a camera's max_fps.
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
	// Rounds are the FPS of all rounds, of which this row is the one in the middle.
	Rounds []float64 `json:"rounds"`
	// CPUMS is the process's processor time for one picture (on the host without ffmpeg's), Cores what it used.
	CPUMS float64 `json:"cpu_ms"`
	Cores float64 `json:"cores"`
	// Stream is one decoder's memory.
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
			err = errors.Join(err, f.close())
		}
		running.Wait()
	}()
	for i := range row.Streams {
		f := &feeder{sink: counter{leave: b.Leave, failed: stop}}
		feeders = append(feeders, f)
		if err := f.open(b, fmt.Sprintf("stream-%d", i+1)); err != nil {
			return err
		}
		running.Go(func() {
			if err := f.feed(ctx, b.Clip, b.Clip.start(i, row.Streams)); err != nil {
				stop(err)
			}
		})
	}
	if err := sleepUntil(ctx, b.Warm, shownBy(feeders, make([]int64, len(feeders)))); err != nil {
		return err
	}
	rounds := make([]Decoding, max(1, b.Rounds))
	for i := range rounds {
		rounds[i] = *row
		if err := b.round(ctx, feeders, &rounds[i]); err != nil {
			return err
		}
	}
	var all []float64
	*row, all = middle(rounds, func(r Decoding) float64 { return r.FPS })
	row.Rounds, row.Stream = all, memory(b.Device).each(before, row.Streams)
	return nil
}

// shownBy says whether every feeder has shown more pictures than it had.
func shownBy(feeders []*feeder, counts []int64) func() bool {
	return func() bool {
		for i, f := range feeders {
			if f.sink.shown.Load() <= counts[i] {
				return false
			}
		}
		return true
	}
}

// round measures the feeders, which run, for one stretch of time.
func (b Decode) round(ctx context.Context, feeders []*feeder, row *Decoding) error {
	counts := make([]int64, len(feeders))
	s := begin(b.Device)
	for i, f := range feeders {
		counts[i] = f.sink.shown.Load()
	}
	if err := sleepUntil(ctx, b.For, shownBy(feeders, counts)); err != nil {
		_, _, _ = s.end()
		return err
	}
	for i, f := range feeders {
		counts[i] = f.sink.shown.Load() - counts[i]
	}
	wall, cpu, load := s.end()
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

func (f *feeder) open(b Decode, owner string) (err error) {
	if f.sink.stream, err = b.Device.NewStream(owner); err != nil {
		return err
	}
	f.decoder, err = b.Device.NewDecoder(device.DecoderOptions{Owner: owner, Format: b.Clip.format, Output: &f.sink, LowDelay: b.LowDelay})
	return err
}

func (f *feeder) close() error {
	var errs []error
	if f.decoder != nil {
		errs = append(errs, f.decoder.Close())
	}
	if f.sink.stream != nil {
		errs = append(errs, f.sink.stream.Close())
	}
	return errors.Join(errs...)
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

// counter is a sink that opens pictures, gives them back and counts them.
type counter struct {
	stream device.Stream
	leave  bool
	shown  atomic.Int64
	// failed is told what goes wrong.
	failed func(error)
}

func (c *counter) Wants(time.Duration) bool {
	if c.leave {
		c.shown.Add(1)
	}
	return !c.leave
}

func (c *counter) Deliver(p *device.Picture) {
	_, err := p.Open(c.stream)
	if err == nil {
		err = c.stream.Synchronize()
	}
	if err = errors.Join(err, p.Release()); err != nil {
		c.failed(err)
		return
	}
	c.shown.Add(1)
}
