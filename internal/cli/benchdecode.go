package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"sightline/internal/bench"
	"sightline/internal/device"
)

// decode measures decoders with every clip.
func (b *bencher) decode(ctx context.Context, d device.Device) error {
	clips, err := b.clips()
	if err != nil {
		return err
	}
	where := "each picture taken out"
	if b.o.leave {
		where = "pictures left in the decoder"
	}
	b.say("decoders alone, low delay %t, %s\n", b.o.lowDelay, where)
	b.say("%-20s %6s %9s %7s  %9s %6s %9s %8s %6s %8s %8s %7s %7s\n", "clip", "codec", "size", "streams", "fps", "+-", "slowest", "CPU ms", "cores",
		"MB pool", "MB GPU", "NVDEC %", "MHz")
	var errs []error
	for _, path := range clips {
		if ctx.Err() != nil || d.Cause() != nil {
			break
		}
		clip, err := readClip(ctx, path, 0)
		if err == nil {
			err = bench.Decode{
				Device: d, Clip: clip, Streams: orDefault(b.o.streams, 1), Warm: cmp.Or(b.o.warm, time.Second), For: cmp.Or(b.o.span, 1500*time.Millisecond),
				Rounds: b.o.rounds, LowDelay: b.o.lowDelay, Leave: b.o.leave,
			}.Run(ctx, func(r bench.Decoding) {
				r.Clip = filepath.Base(path)
				b.tellDecoding(r)
			})
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", path, err))
		}
	}
	b.say("\n")
	return errors.Join(errs...)
}

func (b *bencher) tellDecoding(r bench.Decoding) {
	b.report.Decode = append(b.report.Decode, r)
	b.save()
	size := fmt.Sprintf("%dx%d", r.Width, r.Height)
	if r.Error != "" {
		b.say("%-20s %6s %9s %7d  %s\n", r.Clip, r.Codec, size, r.Streams, oneLine(r.Error))
		return
	}
	b.say("%-20s %6s %9s %7d  %9.0f %6s %9.1f %8.3f %6.2f %8.1f %8.1f %7.0f %7.0f\n", r.Clip, r.Codec, size, r.Streams, r.FPS, spread(r.FPS, r.Rounds), r.SlowestFPS,
		r.CPUMS, r.Cores, r.Stream.Pool, r.Stream.GPU, r.Load.Decoder, r.Load.ClockVideo)
}

// clips are the recordings to be played: those asked for, or the configuration's first file.
func (b *bencher) clips() ([]string, error) {
	if len(b.o.clips) > 0 {
		return b.o.clips, nil
	}
	for i := range b.config.Cameras {
		if s := b.config.Cameras[i].Source; !s.Live() {
			return []string{s.Reveal()}, nil
		}
	}
	return nil, misuse("the configuration has no file to play: --clip names one")
}

// readClip reads a recording into memory.
func readClip(ctx context.Context, path string, fps float64) (_ *bench.Clip, err error) {
	source, err := openFile(path, false, false, nil)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	return bench.ReadClip(ctx, source, fps)
}
