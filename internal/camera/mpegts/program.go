package mpegts

import (
	"encoding/binary"
	"errors"
)

// errChanged: a sender that began anew, perhaps with another codec, on the same connection.
var errChanged = errors.New("the transport stream's program has changed")

// program watches what the tables of a transport stream say of its video.
type program struct {
	table int // PID of the program's table, 0 while not known
	kind  byte
}

// Stream types of video.
const h264Stream, h265Stream = 0x1b, 0x24

// changed looks at a packet, and says that the video of this PID is now another one, or somewhere else.
func (p *program) changed(packet []byte, video int) bool {
	pid := pidOf(packet)
	if pid != 0 && pid != p.table || packet[1]&0x40 == 0 {
		return false
	}
	section := sectionOf(packet)
	if pid == 0 {
		p.list(section)
		return false
	}
	if len(section) < 12 || section[0] != 2 {
		return false
	}
	skip := 12 + int(binary.BigEndian.Uint16(section[10:])&0xfff)
	elsewhere := false
	for skip+5 <= len(section) {
		e := section[skip:]
		kind, at := e[0], int(binary.BigEndian.Uint16(e[1:])&0x1fff)
		switch {
		case at == video && p.kind == 0:
			p.kind = kind
			return false
		case at == video:
			return kind != p.kind
		case kind == h264Stream || kind == h265Stream:
			elsewhere = true
		}
		skip += 5 + int(binary.BigEndian.Uint16(e[3:])&0xfff)
	}
	return elsewhere
}

// list takes the first program from the list of programs: 4 bytes each, a number, of which 0 is the network's, and a PID.
func (p *program) list(section []byte) {
	if len(section) < 8 || section[0] != 0 {
		return
	}
	for list := section[8:]; len(list) >= 4; list = list[4:] {
		if binary.BigEndian.Uint16(list) != 0 {
			p.table = int(binary.BigEndian.Uint16(list[2:]) & 0x1fff)
			return
		}
	}
}

// sectionOf is the table section that begins in a packet, without its checksum; nil if it does not end there.
func sectionOf(packet []byte) []byte {
	at := 4
	if packet[3]&payload == 0 {
		return nil
	}
	if packet[3]&adaptation != 0 {
		at += 1 + int(packet[4])
	}
	if at >= len(packet) {
		return nil
	}
	at += 1 + int(packet[at])
	if at+3 > len(packet) {
		return nil
	}
	end := at + 3 + int(binary.BigEndian.Uint16(packet[at+1:])&0xfff) - 4
	if end > len(packet) || end < at+8 {
		return nil
	}
	return packet[at:end]
}
