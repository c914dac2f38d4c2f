// Package mpegts is the camera that is an MPEG transport stream with H.264 or H.265: a recording, once or in a
// loop, in real time or as fast as it is taken, or a stream from the network. It has no index: pictures are found
// as the file is read.
package mpegts

import (
	"bufio"
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
	// Damaged, if not nil, is called by Next before it returns a unit that data is missing before, or made no sense.
	Damaged func()
}

// jump is how far a decoding time may be after the one before it until it counts as a new clock, as one before it does.
const jump = 5 * time.Second

// Source plays one file. It implements camera.Source.
type Source struct {
	path    string
	file    *os.File
	options Options
	format  media.Format
	demuxer *demuxer
	// ahead is the first unit of the file, which the format was read from.
	ahead *timed

	closed context.Context
	close  context.CancelFunc

	// offset puts the file's clock on ours, which starts at 0 with the first picture and never goes back over
	// loops and jumps. last and interval are decoding times on ours.
	started        bool
	fresh          bool
	offset         time.Duration
	last, interval time.Duration
	// began is when the first unit was due (in real time), first its decoding time.
	began time.Time
	first time.Duration
}

// The size of a packet, what it begins with, and the time stamp before each in recordings of discs and
// camcorders (M2TS).
const (
	packet    = 188
	syncByte  = 0x47
	timeStamp = 4
)

// HeadSize is how many bytes of a file's front Is looks at.
const HeadSize = 5 * packet

// Is tells a transport stream by the front of the file.
func Is(head []byte) bool { return isPlain(head) || isStamped(head) || isCut(head) }

func isPlain(head []byte) bool {
	return len(head) > packet && head[0] == syncByte && head[packet] == syncByte
}

func isStamped(head []byte) bool {
	return len(head) > packet+2*timeStamp && head[timeStamp] == syncByte && head[packet+2*timeStamp] == syncByte
}

// isCut says that it begins within a packet, as a piece of a longer recording does: four follow each other, which is no chance.
func isCut(head []byte) bool {
	for at := 1; at < packet && at+3*packet < len(head); at++ {
		if head[at] == syncByte && head[at+packet] == syncByte && head[at+2*packet] == syncByte && head[at+3*packet] == syncByte {
			return true
		}
	}
	return false
}

// unstamped leaves the time stamps of packets out.
type unstamped struct {
	r    *bufio.Reader
	left int // of the present packet
}

func (u *unstamped) Read(p []byte) (int, error) {
	if u.left == 0 {
		if _, err := u.r.Discard(timeStamp); err != nil {
			return 0, io.EOF
		}
		u.left = packet
	}
	n, err := u.r.Read(p[:min(len(p), u.left)])
	u.left -= n
	return n, err
}

// Open reads up to the first picture. Errors name the file.
func Open(path string, o Options) (*Source, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	s := &Source{path: path, file: f, options: o}
	s.closed, s.close = context.WithCancel(context.Background())
	if err := s.rewind(); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), f.Close())
	}
	return s, nil
}

// rewind starts at the front and reads the first unit and its format.
func (s *Source) rewind() error {
	if _, err := s.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	buffered := bufio.NewReaderSize(s.file, 1<<18)
	head, _ := buffered.Peek(HeadSize) // a shorter file can be one, too
	if !Is(head) {
		return errors.New("not a transport stream")
	}
	var r io.Reader = buffered
	if !isPlain(head) && isStamped(head) {
		r = &unstamped{r: buffered}
	}
	var err error
	if s.demuxer, err = newDemuxer(r, func(int) { s.demuxer.broken = true }); err != nil {
		return err
	}
	u, err := s.demuxer.next()
	if errors.Is(err, io.EOF) {
		return errors.New("no random access picture in the transport stream")
	}
	if err != nil {
		return err
	}
	s.ahead, s.fresh = &u, true
	if s.format.Codec == "" {
		s.format, err = s.demuxer.sets.Format()
	}
	return err
}

// Format implements camera.Source.
func (s *Source) Format() media.Format { return s.format }

// Next implements camera.Source.
func (s *Source) Next(ctx context.Context) (media.AccessUnit, error) {
	if s.closed.Err() != nil {
		return media.AccessUnit{}, fmt.Errorf("%s: %w", s.path, os.ErrClosed)
	}
	u, err := s.read()
	if errors.Is(err, io.EOF) && s.options.Loop {
		if err = s.rewind(); err == nil {
			u, err = s.read()
		}
	}
	switch {
	case errors.Is(err, io.EOF):
		return media.AccessUnit{}, io.EOF
	case s.closed.Err() != nil:
		return media.AccessUnit{}, fmt.Errorf("%s: %w", s.path, os.ErrClosed)
	case err != nil:
		return media.AccessUnit{}, fmt.Errorf("%s: %w", s.path, err)
	}
	s.place(&u)
	if err := s.wait(ctx, u.decode); err != nil {
		return media.AccessUnit{}, err
	}
	if u.Discontinuity && s.options.Damaged != nil {
		s.options.Damaged()
	}
	u.Arrived = time.Now()
	return u.AccessUnit, nil
}

func (s *Source) read() (timed, error) {
	if u := s.ahead; u != nil {
		s.ahead = nil
		return *u, nil
	}
	return s.demuxer.next()
}

// place puts a unit's times on our clock.
func (s *Source) place(u *timed) {
	switch at := u.decode + s.offset; {
	case !s.started:
		s.started, s.offset, s.first = true, -u.PTS, u.decode-u.PTS
		s.interval = 40 * time.Millisecond
	case s.fresh || at < s.last || at-s.last > jump:
		s.offset = s.last + s.interval - u.decode
	case at > s.last:
		s.interval = at - s.last
	}
	s.fresh = false
	u.PTS, u.decode = u.PTS+s.offset, u.decode+s.offset
	s.last = u.decode
}

// wait sleeps until the unit with this decoding time is due. It counts from the first unit, so that sleeping
// a little too long does not add up.
func (s *Source) wait(ctx context.Context, decode time.Duration) error {
	if !s.options.Realtime {
		return ctx.Err()
	}
	if s.began.IsZero() {
		s.began = time.Now()
	}
	timer := time.NewTimer(time.Until(s.began.Add(decode - s.first)))
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

// Close implements camera.Source.
func (s *Source) Close() error {
	s.close()
	return s.file.Close()
}
