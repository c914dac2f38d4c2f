package mpegts

import (
	"bufio"
	"errors"
	"io"
)

// errNone: not one packet was found.
var errNone = errors.New("not a transport stream")

// Bits of a packet's fourth byte: it has an adaptation field, it has a payload.
const adaptation, payload = 0x20, 0x10

// pidOf is whose a packet is.
func pidOf(packet []byte) int { return int(packet[1]&0x1f)<<8 | int(packet[2]) }

// packets reads a transport stream packet by packet: what lies between packets is skipped, and gaps in the
// numbers of the video's packets are told.
type packets struct {
	r *bufio.Reader
	// lost is told how many packets are missing at least: the numbers have four bits. Before pid is set, nothing is.
	lost func(n int)
	pid  int
	// strict makes a program that changes an error.
	strict  bool
	program program

	packet   [packet]byte
	left     []byte // of the packet
	found    bool   // any packet
	inStep   bool   // the next packet is expected right here
	number   int    // of the video's last packet with a payload; -1 before any
	repeated bool
}

func newPackets(r io.Reader, lost func(n int)) *packets {
	const room = 1 << 17 // for a datagram of any size beside what is left of the one before
	return &packets{r: bufio.NewReaderSize(r, room), lost: lost, pid: -1, number: -1}
}

// Read implements io.Reader.
func (p *packets) Read(b []byte) (int, error) {
	if len(p.left) == 0 {
		if err := p.next(); err != nil {
			return 0, err
		}
		p.left = p.packet[:]
	}
	n := copy(b, p.left)
	p.left = p.left[n:]
	return n, nil
}

// next reads one packet. Out of step, it takes only one that another follows, or the stream's end.
func (p *packets) next() error {
	for {
		head, err := p.r.Peek(packet)
		if err != nil {
			if err == io.EOF && !p.found {
				return errNone
			}
			return err
		}
		if head[0] == syncByte {
			copy(p.packet[:], head) // now, since looking further moves what lies in the buffer
			if p.inStep || p.follows() {
				p.found, p.inStep = true, true
				_, err := p.r.Discard(packet)
				p.count()
				if p.strict && p.pid >= 0 && p.program.changed(p.packet[:], p.pid) {
					return errChanged
				}
				return err
			}
		}
		if p.inStep {
			p.inStep = false
			p.miss(1)
		}
		if _, err := p.r.Discard(1); err != nil {
			return err
		}
	}
}

// follows says that another packet, or nothing, comes after the next one.
func (p *packets) follows() bool {
	head, err := p.r.Peek(packet + 1)
	return err == io.EOF || err == nil && head[packet] == syncByte
}

// count looks at the number of a packet of the video.
func (p *packets) count() {
	h := &p.packet
	const damaged = 0x80
	if pidOf(h[:]) != p.pid || h[3]&payload == 0 {
		return
	}
	number := int(h[3] & 0x0f)
	announced := h[3]&adaptation != 0 && h[4] > 0 && h[5]&0x80 != 0
	gap := (number - p.number - 1) & 0x0f
	switch {
	case p.number < 0 || announced:
	case number == p.number && !p.repeated: // a packet may be sent twice
		p.repeated = true
		return
	case gap != 0:
		p.miss(gap)
	case h[1]&damaged != 0:
		p.miss(1)
	}
	p.number, p.repeated = number, false
}

func (p *packets) miss(n int) {
	if p.pid >= 0 {
		p.lost(n)
	}
}
