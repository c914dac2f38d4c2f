package host

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"

	"sightline/internal/device"
	"sightline/internal/media"
)

// decoder is one ffmpeg process: access units in Matroska go in, NV12 pictures come out. The process
// writes a line about each picture to its standard error before the picture, which carries its PTS and
// size: so no count can ever shift the times of later pictures.
type decoder struct {
	options device.DecoderOptions
	process *exec.Cmd
	input   io.WriteCloser
	scratch []byte
	started bool

	// pictures announces what comes next on the process's standard output.
	pictures chan announced
	// done is closed when the process has gone and everything was delivered; err is set before.
	done chan struct{}
	err  error

	frames frames

	mutex   sync.Mutex
	pending []pending
	// log holds the last lines of the process that are not about pictures.
	log     []string
	flushed bool
	closed  bool
}

// pending is an access unit whose picture has not come out.
type pending struct {
	stamp     int64
	pts       time.Duration
	time      time.Time
	timeError time.Duration
	submitted time.Time
}

// announced is what the process says about its next picture.
type announced struct {
	stamp         int64
	width, height int
}

// maxPending bounds the units that are waited for: those of damaged pictures never come out.
const maxPending = 256

// stampOffset keeps timestamps positive for streams that start a little before zero.
const stampOffset = 1_000_000_000

// ffmpegSync is the option that makes ffmpeg pass pictures through as they are; its name changed in 5.1.
func ffmpegSync(path string) ([]string, error) {
	out, err := exec.Command(path, "-hide_banner", "-version").Output()
	if err != nil {
		return nil, fmt.Errorf("run %s -version: %w", path, err)
	}
	first, _, _ := strings.Cut(string(out), "\n")
	fields := strings.Fields(first)
	if len(fields) < 3 || fields[0] != "ffmpeg" {
		return nil, fmt.Errorf("%s is not ffmpeg: it says %q", path, first)
	}
	major, rest, _ := strings.Cut(strings.TrimLeft(fields[2], "n"), ".")
	minor, _, _ := strings.Cut(rest, ".")
	m, errMajor := strconv.Atoi(major)
	n, _ := strconv.Atoi(strings.FieldsFunc(minor+"-", func(r rune) bool { return r < '0' || r > '9' })[0])
	if errMajor == nil && (m < 5 || m == 5 && n < 1) {
		return []string{"-vsync", "passthrough"}, nil
	}
	return []string{"-fps_mode", "passthrough"}, nil
}

// newDecoder starts the process.
func newDecoder(path string, sync []string, pool *device.Pool, o device.DecoderOptions) (*decoder, error) {
	if matroskaCodecs[o.Format.Codec] == "" {
		return nil, fmt.Errorf("decoder for %s: codec %q: expected h264, h265, vp9 or av1", o.Owner, o.Format.Codec)
	}
	arguments := append([]string{"-hide_banner", "-nostats", "-nostdin", "-loglevel", "info", "-threads", "1",
		"-probesize", "32", "-analyzeduration", "0", "-f", "matroska", "-i", "pipe:0", "-map", "0:v:0", "-copyts"}, sync...)
	arguments = append(arguments, "-vf", "showinfo=checksum=0", "-pix_fmt", "nv12", "-noautoscale", "-f", "rawvideo", "-flush_packets", "1", "pipe:1")
	d := &decoder{options: o, process: exec.Command(path, arguments...), pictures: make(chan announced, 1024), done: make(chan struct{})}
	d.frames.init(pool, o.Owner)
	isolate(d.process)
	input, err := d.process.StdinPipe()
	if err != nil {
		return nil, err
	}
	output, err := d.process.StdoutPipe()
	if err != nil {
		return nil, err
	}
	messages, err := d.process.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := d.process.Start(); err != nil {
		return nil, fmt.Errorf("decoder for %s: start %s: %w", o.Owner, path, err)
	}
	d.input = input
	go d.readMessages(messages)
	go d.run(output)
	return d, nil
}

// Decode implements device.Decoder. It blocks while the process's input pipe is full.
func (d *decoder) Decode(au media.AccessUnit) error {
	d.mutex.Lock()
	if d.closed || d.flushed {
		d.mutex.Unlock()
		return fmt.Errorf("decode for %s: decoder: %w", d.options.Owner, device.ErrClosed)
	}
	stamp := au.PTS.Microseconds() + stampOffset
	if len(d.pending) == maxPending {
		d.pending = d.pending[:copy(d.pending, d.pending[1:])]
	}
	d.pending = append(d.pending, pending{stamp: stamp, pts: au.PTS, time: au.Time, timeError: au.TimeError, submitted: time.Now()})
	d.mutex.Unlock()

	d.scratch = d.scratch[:0]
	if !d.started {
		d.started = true
		d.scratch = append(d.scratch, matroskaHeader(d.options.Format)...)
	}
	d.scratch = appendUnit(d.scratch, time.Duration(stamp)*time.Microsecond, au.Key, len(au.Data))
	for _, b := range [2][]byte{d.scratch, au.Data} {
		if _, err := d.input.Write(b); err != nil {
			<-d.done
			return d.failure(err)
		}
	}
	return nil
}

// failure is why the process has gone.
func (d *decoder) failure(err error) error {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	if d.closed {
		return fmt.Errorf("decode for %s: decoder: %w", d.options.Owner, device.ErrClosed)
	}
	if d.err != nil {
		return d.err
	}
	return fmt.Errorf("decode for %s: %w", d.options.Owner, err)
}

// Flush implements device.Decoder.
func (d *decoder) Flush() error {
	d.mutex.Lock()
	if d.closed {
		d.mutex.Unlock()
		return fmt.Errorf("flush for %s: decoder: %w", d.options.Owner, device.ErrClosed)
	}
	d.flushed = true
	d.mutex.Unlock()
	_ = d.input.Close() // the process may have gone already; its end says why
	<-d.done
	return d.err
}

// Close implements device.Decoder.
func (d *decoder) Close() error {
	d.mutex.Lock()
	d.closed = true
	d.mutex.Unlock()
	_ = d.process.Process.Kill()
	_ = d.input.Close()
	freed := d.frames.close()
	<-d.done
	return freed
}

// readMessages sorts the process's messages into announcements and the log.
func (d *decoder) readMessages(r io.Reader) {
	defer close(d.pictures)
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		if a, ok := parseAnnouncement(lines.Bytes()); ok {
			d.pictures <- a
			continue
		}
		if bytes.Contains(lines.Bytes(), []byte("showinfo")) {
			continue
		}
		d.mutex.Lock()
		if len(d.log) == 8 {
			d.log = d.log[:copy(d.log, d.log[1:])]
		}
		d.log = append(d.log, lines.Text())
		d.mutex.Unlock()
	}
	_, _ = io.Copy(io.Discard, r) // after a line that is too long
}

// parseAnnouncement reads a line such as "[Parsed_showinfo_0 @ 0x1] n:   0 pts:  100 … s:768x576 …".
func parseAnnouncement(line []byte) (a announced, ok bool) {
	if !bytes.Contains(line, []byte("showinfo")) || !bytes.Contains(line, []byte("] n:")) {
		return a, false
	}
	size, found := field(line, " s:")
	if !found {
		return a, false
	}
	w, h, found := bytes.Cut(size, []byte("x"))
	if !found {
		return a, false
	}
	var errW, errH error
	a.width, errW = strconv.Atoi(string(w))
	a.height, errH = strconv.Atoi(string(h))
	if errW != nil || errH != nil || a.width < 1 || a.height < 1 || a.width > 1<<15 || a.height > 1<<15 {
		return a, false
	}
	a.stamp = -1
	if pts, found := field(line, " pts:"); found {
		if v, err := strconv.ParseInt(string(pts), 10, 64); err == nil {
			a.stamp = v
		}
	}
	return a, true
}

// field is the word after key, which may be padded with spaces.
func field(line []byte, key string) ([]byte, bool) {
	_, rest, found := bytes.Cut(line, []byte(key))
	if !found {
		return nil, false
	}
	rest = bytes.TrimLeft(rest, " ")
	if end := bytes.IndexByte(rest, ' '); end >= 0 {
		rest = rest[:end]
	}
	return rest, true
}

// run delivers pictures until the process ends.
func (d *decoder) run(output io.Reader) {
	defer close(d.done)
	var failed error
	var seq uint64
	for a := range d.pictures {
		if failed = d.deliver(output, a, seq); failed != nil {
			break
		}
		seq++
	}
	if failed != nil {
		_ = d.process.Process.Kill()
		for range d.pictures { // until the message reader has ended
		}
	}
	exit := d.process.Wait()
	d.mutex.Lock()
	defer d.mutex.Unlock()
	switch {
	case d.closed:
		d.err = fmt.Errorf("decoder for %s: %w", d.options.Owner, device.ErrClosed)
	case failed != nil && !errors.Is(failed, io.ErrUnexpectedEOF) && !errors.Is(failed, io.EOF):
		d.err = fmt.Errorf("decoder for %s: %w", d.options.Owner, failed)
	case exit != nil || !d.flushed:
		d.err = fmt.Errorf("decoder for %s: ffmpeg ended: %w: %s", d.options.Owner, errors.Join(exit, failed), strings.Join(d.log, " | "))
	}
}

func (d *decoder) deliver(output io.Reader, a announced, seq uint64) error {
	format := device.PictureFormat{Width: a.width, Height: a.height, Pitch: (a.width + 1) &^ 1,
		Matrix: d.options.Format.Matrix, FullRange: d.options.Format.FullRange}
	u := d.unit(a.stamp)
	if !d.options.Output.Wants(u.pts) {
		_, err := io.CopyN(io.Discard, output, int64(format.Width*format.Height)+format.Size()-int64(format.Pitch*format.Height))
		return err
	}
	p, err := d.frames.take(format)
	if err != nil {
		return err
	}
	if err := readPicture(output, bytesOf(p.picture.Buffer), format); err != nil {
		return errors.Join(err, p.Release())
	}
	p.picture.Seq, p.picture.PTS, p.picture.Time, p.picture.TimeError = seq, u.pts, u.time, u.timeError
	p.picture.Submitted, p.picture.Decoded = u.submitted, time.Now()
	d.options.Output.Deliver(&p.picture)
	return nil
}

// readPicture reads rows of exactly Width bytes of luma, then of Pitch bytes of chroma.
func readPicture(r io.Reader, to []byte, f device.PictureFormat) error {
	if f.Width == f.Pitch {
		_, err := io.ReadFull(r, to[:f.Size()])
		return err
	}
	for y := range f.Height {
		if _, err := io.ReadFull(r, to[y*f.Pitch:][:f.Width]); err != nil {
			return err
		}
	}
	_, err := io.ReadFull(r, to[f.Height*f.Pitch:f.Size()])
	return err
}

// unit takes the access unit of a picture off the list; pictures whose time is not known take the
// oldest.
func (d *decoder) unit(stamp int64) pending {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	for i, u := range d.pending {
		if u.stamp == stamp || stamp < 0 {
			d.pending = append(d.pending[:i], d.pending[i+1:]...)
			return u
		}
	}
	return pending{pts: time.Duration(stamp-stampOffset) * time.Microsecond, submitted: time.Now()}
}
