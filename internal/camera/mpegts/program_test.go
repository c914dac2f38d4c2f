package mpegts

import (
	"context"
	"encoding/binary"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"sightline/internal/camera/live"
)

// table is a packet with a section of a table: its number, then what is behind the section's head.
func table(pid int, number byte, body ...byte) []byte {
	p := []byte{syncByte, 0x40 | byte(pid>>8), byte(pid), 0x10, 0, number}
	p = binary.BigEndian.AppendUint16(p, 0xb000|uint16(5+len(body)+4))
	p = append(append(p, 0, 1, 0xc1, 0, 0), body...)
	p = append(p, 1, 2, 3, 4) // the checksum, which others check
	for len(p) < packet {
		p = append(p, 0xff)
	}
	return p
}

func TestProgramChanges(t *testing.T) {
	const h264, h265, audio = 0x1b, 0x24, 0x0f
	programs := func(pid byte) []byte { return table(0, 0, 0, 0, 0xe0, 16, 0, 1, 0xe0, pid) } // the network's, then one
	streams := func(list ...byte) []byte {
		body := []byte{0xe1, 0, 0xf0, 2, 9, 9} // clock's PID, two bytes of descriptors
		for i := 0; i < len(list); i += 2 {
			body = append(body, list[i], 0xe0|1, list[i+1], 0xf0, 1, 7)
		}
		return table(200, 2, body...)
	}
	const video = 0x101
	for name, c := range map[string]struct {
		packets [][]byte
		want    bool
	}{
		"the same again":          {[][]byte{programs(200), streams(h264, 1), streams(h264, 1)}, false},
		"another codec":           {[][]byte{programs(200), streams(audio, 2, h264, 1), streams(audio, 2, h265, 1)}, true},
		"another place":           {[][]byte{programs(200), streams(h264, 1), streams(audio, 2, h264, 3)}, true},
		"audio comes and goes":    {[][]byte{programs(200), streams(h264, 1), streams(h264, 1, audio, 2), streams(h264, 1)}, false},
		"no video for a while":    {[][]byte{programs(200), streams(h264, 1), streams(audio, 2), streams(h264, 1)}, false},
		"a table of another PID":  {[][]byte{programs(201), streams(h264, 1), streams(h265, 1)}, false},
		"before the list of them": {[][]byte{streams(h264, 1), programs(200), streams(h265, 1)}, false},
	} {
		var p program
		changed := false
		for _, one := range c.packets {
			changed = p.changed(one, video)
		}
		if changed != c.want {
			t.Errorf("%s: %t, want %t", name, changed, c.want)
		}
	}
}

func FuzzProgram(f *testing.F) {
	f.Add(table(0, 0, 0, 1, 0xe0, 200), table(200, 2, 0xe1, 0, 0xf0, 0, 0x1b, 0xe1, 1, 0xf0, 0))
	f.Fuzz(func(_ *testing.T, first, second []byte) {
		var p program
		for _, one := range [][]byte{first, second, first} {
			var whole [packet]byte
			copy(whole[:], one)
			p.changed(whole[:], 0x101)
		}
	})
}

// TestAnotherCodecOnOneConnection: the source ends, so that another decoder can be made.
func TestAnotherCodecOnOneConnection(t *testing.T) {
	var parts [2][]byte
	for i, encoder := range []string{"libx264", "libx265"} {
		var err error
		if parts[i], err = os.ReadFile(clip(t, encoder+".ts", "-c:v", encoder)); err != nil {
			t.Fatal(err)
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for raw := slices.Concat(parts[0], parts[1]); ; raw = parts[1] { // who connects again finds the second only
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Write(raw)
			_ = c.Close()
		}
	}()
	ctx, stop := context.WithTimeout(t.Context(), 10*time.Second)
	defer stop()
	s, err := Dial(ctx, "tcp://"+l.Addr().String(), quick)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	units := 0
	for {
		if _, err = s.Next(ctx); err != nil {
			break
		}
		units++
	}
	if ended := s.Stats().Ended; ended[live.Protocol] != 1 { // and not because nothing more came
		t.Errorf("the connection ended by %v", ended)
	}
	if units < 40 || !strings.Contains(err.Error(), "changed its codec from h264 to h265") {
		t.Errorf("%d units, then %v", units, err)
	}
}
