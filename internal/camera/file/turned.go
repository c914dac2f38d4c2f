package file

import (
	"encoding/binary"
	"io"
	"iter"
)

// turned is by how many degrees clockwise a track's pictures are to be turned to stand upright, as phones write it: 0, 90, 180 or 270.
// The library leaves a track header's matrix out. What cannot be read is 0: the library has had its say before.
func turned(r io.ReaderAt, size int64, track uint32) (degrees int) {
	for from, to := range boxes(r, 0, size, "moov") {
		for from, to := range boxes(r, from, to, "trak") {
			for from, to := range boxes(r, from, to, "tkhd") {
				body := make([]byte, 52+36)
				n, _ := r.ReadAt(body[:min(int64(len(body)), to-from)], from)
				if id, matrix := trackHeader(body[:n]); id == track && matrix != nil {
					return turn(matrix)
				}
			}
		}
	}
	return 0
}

// trackHeader is a header's track number and matrix; nil if it is cut off.
func trackHeader(body []byte) (id uint32, matrix []byte) {
	id32, at := 12, 40
	if len(body) > 0 && body[0] == 1 { // with times of 64 bits
		id32, at = 20, 52
	}
	if len(body) < at+36 {
		return 0, nil
	}
	return binary.BigEndian.Uint32(body[id32:]), body[at:]
}

// turn is the angle of a matrix {a b u c d v x y w}, of which a to d are 16.16 fixed-point numbers.
func turn(matrix []byte) int {
	a, b := int32(binary.BigEndian.Uint32(matrix)), int32(binary.BigEndian.Uint32(matrix[4:]))
	switch {
	case a == 0 && b > 0:
		return 90
	case a < 0 && b == 0:
		return 180
	case a == 0 && b < 0:
		return 270
	}
	return 0
}

// boxes are where the content of every box of a kind between from and to begins and ends.
func boxes(r io.ReaderAt, from, to int64, kind string) iter.Seq2[int64, int64] {
	return func(yield func(from, to int64) bool) {
		for at := from; at+8 <= to; {
			var head [16]byte
			n, _ := r.ReadAt(head[:], at)
			if n < 8 {
				return
			}
			length, body := int64(binary.BigEndian.Uint32(head[:])), at+8
			switch {
			case length == 0: // to the end
				length = to - at
			case length == 1 && n == 16:
				length, body = int64(binary.BigEndian.Uint64(head[8:])), at+16
			}
			if length < body-at || length > to-at || string(head[4:8]) == kind && !yield(body, at+length) {
				return
			}
			at += length
		}
	}
}
