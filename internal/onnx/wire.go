package onnx

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
)

// Limits keep a broken file from costing memory: weights are never read, and of names no more is kept.
const (
	longestText = 1 << 20
	mostHeld    = 64 << 20
	deepest     = 64
)

// stream reads protocol buffers once, from front to back, and jumps over what nobody wants.
type stream struct {
	r *bufio.Reader
	// seeker jumps; nil where skipping means reading (gzip).
	seeker io.Seeker
	// pos is how far the file has been read.
	pos int64
	// held counts the bytes of texts kept.
	held int
}

// field is one field of a message. What has a length is read by the callback or jumped over.
type field struct {
	number int
	wire   int
	// value is that of a varint or a fixed number.
	value uint64
	// end is where a field with a length ends.
	end int64
}

// Wire types of protocol buffers.
const (
	wireVarint = 0
	wireFixed8 = 1
	wireBytes  = 2
	wireFixed4 = 5
)

// message calls read for every field up to end. A whole file of unknown length ends at math.MaxInt64: there
// alone the end of the file is the end of the message.
func (s *stream) message(end int64, depth int, read func(field) error) error {
	if depth > deepest {
		return fmt.Errorf("messages lie more than %d deep at byte %d", deepest, s.pos)
	}
	for s.pos < end {
		start := s.pos
		tag, err := s.varint()
		if errors.Is(err, io.EOF) && end == math.MaxInt64 && s.pos == start {
			return nil
		}
		if err != nil {
			return s.broken(err)
		}
		f := field{number: int(tag >> 3), wire: int(tag & 7), end: s.pos}
		if f.number < 1 || tag>>3 > 1<<29-1 {
			return fmt.Errorf("field number %d at byte %d", tag>>3, start)
		}
		if err := s.open(&f, end); err != nil {
			return err
		}
		if err := read(f); err != nil {
			return err
		}
		if f.wire == wireBytes && s.pos > f.end || s.pos > end {
			return fmt.Errorf("field %d at byte %d does not end with its message", f.number, start)
		}
		if f.wire == wireBytes {
			if err := s.skip(f.end - s.pos); err != nil {
				return s.broken(err)
			}
		}
	}
	return nil
}

// open reads a field's number or length.
func (s *stream) open(f *field, end int64) (err error) {
	switch f.wire {
	case wireVarint:
		f.value, err = s.varint()
	case wireFixed8, wireFixed4:
		for i := 0; i < 8 && (f.wire == wireFixed8 || i < 4) && err == nil; i++ {
			var b byte
			b, err = s.byte()
			f.value |= uint64(b) << (8 * i)
		}
	case wireBytes:
		var length uint64
		if length, err = s.varint(); err == nil && length > uint64(end-s.pos) {
			return fmt.Errorf("field %d at byte %d is %d bytes long, its message ends after %d: the file is cut off or broken", f.number, s.pos, length, end-s.pos)
		}
		f.end = s.pos + int64(length)
	default:
		return fmt.Errorf("wire type %d at byte %d", f.wire, s.pos)
	}
	if err != nil {
		return s.broken(err)
	}
	return nil
}

// broken says where a file ends before its time.
func (s *stream) broken(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("the file is cut off after %d bytes: %w", s.pos, io.ErrUnexpectedEOF)
	}
	return err
}

func (s *stream) byte() (byte, error) {
	b, err := s.r.ReadByte()
	if err == nil {
		s.pos++
	}
	return b, err
}

func (s *stream) varint() (v uint64, err error) {
	for shift := 0; shift < 64; shift += 7 {
		b, err := s.byte()
		if err != nil {
			return 0, err
		}
		v |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return v, nil
		}
	}
	return 0, fmt.Errorf("a number of more than 64 bits at byte %d", s.pos)
}

// skip jumps over n bytes.
func (s *stream) skip(n int64) error {
	if ahead := int64(s.r.Buffered()); s.seeker != nil && n > ahead {
		if _, err := s.seeker.Seek(n-ahead, io.SeekCurrent); err != nil {
			return err
		}
		s.r.Reset(s.seeker.(io.Reader))
		s.pos += n
		return nil
	}
	for n > 0 {
		done, err := s.r.Discard(int(min(n, 1<<20)))
		s.pos += int64(done)
		n -= int64(done)
		if err != nil {
			return err
		}
	}
	return nil
}

// text reads a field as text that is kept.
func (s *stream) text(f field) (string, error) {
	n := f.end - s.pos
	if f.wire != wireBytes {
		return "", fmt.Errorf("field %d before byte %d is a number, expected text", f.number, s.pos)
	}
	if n > longestText {
		return "", fmt.Errorf("field %d at byte %d is a text of %d bytes, more than %d", f.number, s.pos, n, longestText)
	}
	if s.held += int(n); s.held > mostHeld {
		return "", fmt.Errorf("names and texts of more than %d bytes", mostHeld)
	}
	b := make([]byte, n)
	read, err := io.ReadFull(s.r, b)
	s.pos += int64(read)
	if err != nil {
		return "", s.broken(err)
	}
	return string(b), nil
}

// numbers reads a repeated integer, which may come packed or one at a time.
func (s *stream) numbers(f field, most int, list *[]int64) error {
	if f.wire == wireVarint {
		*list = append(*list, int64(f.value))
	} else {
		for s.pos < f.end {
			v, err := s.varint()
			if err != nil {
				return s.broken(err)
			}
			if len(*list) <= most {
				*list = append(*list, int64(v))
			}
		}
	}
	if len(*list) > most {
		return fmt.Errorf("more than %d dimensions at byte %d", most, s.pos)
	}
	return nil
}
