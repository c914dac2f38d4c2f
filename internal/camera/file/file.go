// Package file is the camera that is a recording: MP4 files with H.264, H.265, VP9 or AV1, plain or fragmented, once or in
// a loop, in real time or as fast as they are taken.
package file

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"sightline/internal/media"
)

// Options say how a file is played.
type Options struct {
	// Loop starts again at the end; times go on.
	Loop bool
	// Realtime delivers each unit when it is due; otherwise as fast as Next is called.
	Realtime bool
}

// Source plays one file. It implements camera.Source.
type Source struct {
	path    string
	file    *os.File
	track   *track
	options Options

	closed context.Context
	close  context.CancelFunc

	next int
	// loop is how far the rounds before this one have moved the time.
	loop time.Duration
	// began is when the first unit was due (in real time).
	began time.Time
}

// maxUnit bounds the size of one access unit.
const maxUnit = 64 << 20

// Open reads the file's index; the pictures are read as they are asked for. Errors name the file.
func Open(path string, o Options) (*Source, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	t, err := readTrack(f)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), f.Close())
	}
	s := &Source{path: path, file: f, track: t, options: o}
	s.closed, s.close = context.WithCancel(context.Background())
	return s, nil
}

// Format implements camera.Source.
func (s *Source) Format() media.Format { return s.track.format }

// Turned is by how many degrees clockwise the file wants its pictures turned when they are shown: 0, 90, 180 or 270. It is not done
// here.
func (s *Source) Turned() int { return s.track.turned }

// Frames is the number of access units of one round.
func (s *Source) Frames() int { return len(s.track.samples) }

// Next implements camera.Source.
func (s *Source) Next(ctx context.Context) (media.AccessUnit, error) {
	if s.closed.Err() != nil {
		return media.AccessUnit{}, fmt.Errorf("%s: %w", s.path, os.ErrClosed)
	}
	if s.next == len(s.track.samples) {
		if !s.options.Loop {
			return media.AccessUnit{}, io.EOF
		}
		s.next = 0
		s.loop += s.track.duration
	}
	sample := s.track.samples[s.next]
	if err := s.wait(ctx, s.loop+sample.decode); err != nil {
		return media.AccessUnit{}, err
	}
	data, key, err := s.read(sample)
	if err != nil {
		return media.AccessUnit{}, fmt.Errorf("%s: access unit %d: %w", s.path, s.next, err)
	}
	s.next++
	return media.AccessUnit{Data: data, PTS: s.loop + sample.present, Arrived: time.Now(), Key: key}, nil
}

// wait sleeps until the unit with this decoding time is due. It counts from the first unit, so that
// sleeping a little too long does not add up.
func (s *Source) wait(ctx context.Context, due time.Duration) error {
	if !s.options.Realtime {
		return ctx.Err()
	}
	if s.began.IsZero() {
		s.began = time.Now().Add(-due)
	}
	timer := time.NewTimer(time.Until(s.began.Add(due)))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-s.closed.Done():
		return fmt.Errorf("%s: %w", s.path, os.ErrClosed)
	}
}

// read makes an access unit of a sample.
func (s *Source) read(p sample) (data []byte, key bool, err error) {
	raw := make([]byte, p.size)
	if _, err := s.file.ReadAt(raw, p.offset); err != nil {
		return nil, false, fmt.Errorf("read %d bytes at %d: %w", p.size, p.offset, err)
	}
	if data, key, err = unit(s.track.format, raw); err != nil {
		return nil, false, fmt.Errorf("damaged: %w", err)
	}
	return data, key, nil
}

// Close implements camera.Source.
func (s *Source) Close() error {
	s.close()
	return s.file.Close()
}
