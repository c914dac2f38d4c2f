// Package rle is COCO's run-length encoding of binary pictures, character for character as
// pycocotools writes it: runs of a column-major picture, the first one of zeros; from the fourth run
// on each as the difference from the run two before; in groups of five bits, low ones first, of which
// the last carries the sign, as the characters from '0'.
//
// Bits are packed least significant first: pixel i, counted down the columns, is bit i%8 of byte i/8.
package rle

import (
	"encoding/binary"
	"fmt"
	"math/bits"
)

// Encoder collects runs. The zero value is ready; Reset makes it ready again.
type Encoder struct {
	dst    []byte
	run    int
	value  bool
	count  int    // runs written
	before [2]int // the last runs written, the older one first
}

// Reset starts a picture whose text is appended to dst.
func (e *Encoder) Reset(dst []byte) { *e = Encoder{dst: dst} }

// Add appends n pixels of one value.
func (e *Encoder) Add(value bool, n int) {
	if n <= 0 {
		return
	}
	if value != e.value {
		e.flush()
		e.value = value
	}
	e.run += n
}

func (e *Encoder) flush() {
	x := e.run
	if e.count > 2 {
		x -= e.before[0]
	}
	e.before[0], e.before[1] = e.before[1], e.run
	e.count++
	e.run = 0
	for more := true; more; {
		c := byte(x & 0x1f)
		x >>= 5
		more = x != 0
		if c&0x10 != 0 {
			more = x != -1
		}
		if more {
			c |= 0x20
		}
		e.dst = append(e.dst, c+'0')
	}
}

// Finish writes the last run and returns dst with the text. The encoder must be Reset before it is
// used again.
func (e *Encoder) Finish() []byte {
	e.flush()
	return e.dst
}

// AddBits appends the n pixels from bit start of packed on. It scans words, not bits.
func (e *Encoder) AddBits(packed []byte, start, n int) {
	for value := false; n > 0; value = !value {
		r := Run(packed, start, n, value)
		e.Add(value, r)
		start, n = start+r, n-r
	}
}

// Run is how many of the n bits from start on have the value before the first that has not.
func Run(packed []byte, start, n int, value bool) int {
	var flip uint64
	if value {
		flip = ^uint64(0)
	}
	for done := 0; done < n; {
		at := start + done
		w, shift := word(packed, at/8), at%8
		if other := (w ^ flip) >> shift; other != 0 {
			return min(done+bits.TrailingZeros64(other), n)
		}
		done += 64 - shift
	}
	return n
}

// word is eight bytes from i on; what lies beyond the end is 0.
func word(packed []byte, i int) uint64 {
	if i+8 <= len(packed) {
		return binary.LittleEndian.Uint64(packed[i:])
	}
	var tail [8]byte
	copy(tail[:], packed[i:])
	return binary.LittleEndian.Uint64(tail[:])
}

// Append appends the text of the first n bits of packed, which holds at least (n+7)/8 bytes.
func Append(dst, packed []byte, n int) []byte {
	var e Encoder
	e.Reset(dst)
	e.AddBits(packed, 0, n)
	return e.Finish()
}

// Encode is the text of the first n bits of packed, which holds at least (n+7)/8 bytes.
func Encode(packed []byte, n int) string { return string(Append(nil, packed, n)) }

// maxGroups is how many characters a run may have: 35 bits and sign are more than any picture has.
const maxGroups = 7

// Decode unpacks a text into n bits, ceil(n/8) bytes with zeros at the end. A text that is no
// encoding, or one of another number of pixels, is an error that says where.
func Decode(counts string, n int) ([]byte, error) {
	if n < 0 {
		return nil, fmt.Errorf("decoding run lengths: %d pixels", n)
	}
	packed := make([]byte, (n+7)/8)
	var before [2]int
	at, value := 0, false
	for i, run := 0, 0; i < len(counts); run++ {
		x, used, err := number(counts[i:])
		if err != nil {
			return nil, fmt.Errorf("decoding run lengths: character %d: %w", i, err)
		}
		if run > 2 {
			x += before[0]
		}
		if x < 0 || x > n-at {
			return nil, fmt.Errorf("decoding run lengths: character %d: run of %d pixels where %d of %d are left", i, x, n-at, n)
		}
		if value {
			fill(packed, at, x)
		}
		before[0], before[1] = before[1], x
		at, value, i = at+x, !value, i+used
	}
	if at != n {
		return nil, fmt.Errorf("decoding run lengths: %d pixels, want %d", at, n)
	}
	return packed, nil
}

// number reads one signed number and says how many characters it took.
func number(s string) (x, used int, err error) {
	for i := 0; i < len(s); i++ {
		if i == maxGroups {
			return 0, 0, fmt.Errorf("number of more than %d groups", maxGroups)
		}
		c := int(s[i]) - '0'
		if c < 0 || c > 0x3f {
			return 0, 0, fmt.Errorf("%q is not of the alphabet", s[i])
		}
		x |= (c & 0x1f) << (5 * i)
		if c&0x20 == 0 {
			if c&0x10 != 0 {
				x |= -1 << (5 * (i + 1))
			}
			return x, i + 1, nil
		}
	}
	return 0, 0, fmt.Errorf("text ends within a number")
}

// fill sets n bits from start on.
func fill(packed []byte, start, n int) {
	for n > 0 && start%8 != 0 {
		packed[start/8] |= 1 << (start % 8)
		start, n = start+1, n-1
	}
	for ; n >= 8; start, n = start+8, n-8 {
		packed[start/8] = 0xff
	}
	for ; n > 0; start, n = start+1, n-1 {
		packed[start/8] |= 1 << (start % 8)
	}
}
