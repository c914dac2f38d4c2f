package file

import (
	"bytes"
	"encoding/binary"
	"testing"
)

func box(kind string, content ...[]byte) []byte {
	body := bytes.Join(content, nil)
	return append(append(binary.BigEndian.AppendUint32(nil, uint32(8+len(body))), kind...), body...)
}

// header is a track header with the two numbers of the matrix that tell the angle.
func header(version byte, track uint32, a, b int32) []byte {
	body := make([]byte, 52+36+8)
	id, at := 12, 40
	if version == 1 {
		id, at = 20, 52
	}
	body[0] = version
	binary.BigEndian.PutUint32(body[id:], track)
	binary.BigEndian.PutUint32(body[at:], uint32(a))
	binary.BigEndian.PutUint32(body[at+4:], uint32(b))
	return box("tkhd", body[:at+36+8])
}

func TestTurned(t *testing.T) {
	const one = 1 << 16
	file := func(tracks ...[]byte) []byte {
		moov := box("mvhd", make([]byte, 100))
		for _, track := range tracks {
			moov = append(moov, box("trak", track, box("mdia"))...)
		}
		large := append(binary.BigEndian.AppendUint64([]byte{0, 0, 0, 1, 'm', 'd', 'a', 't'}, 16+5), "five!"...)
		return bytes.Join([][]byte{box("ftyp", []byte("isom")), large, box("moov", moov)}, nil)
	}
	for _, c := range []struct {
		text []byte
		want int
	}{
		{file(header(0, 7, one, 0)), 0},
		{file(header(0, 7, 0, one)), 90},
		{file(header(1, 7, -one, 0)), 180},
		{file(header(0, 3, -one, 0), header(1, 7, 0, -one)), 270},
		{file(header(0, 7, one/2, one/2)), 0}, // askew
		{file(header(0, 3, 0, one)), 0},       // another track
		{file(), 0},
		{nil, 0},
	} {
		for cut := range 3 {
			text := c.text[:max(0, len(c.text)-cut*40)]
			got := turned(bytes.NewReader(text), int64(len(text)), 7)
			if cut == 0 && got != c.want || cut > 0 && got != 0 {
				t.Errorf("%d bytes of %q: %d, want %d", len(text), c.text, got, c.want)
			}
		}
	}
}

func FuzzTurned(f *testing.F) {
	f.Add(bytes.Join([][]byte{box("ftyp", []byte("isom")), box("moov", box("trak", header(0, 7, 0, 1<<16)))}, nil))
	f.Fuzz(func(t *testing.T, text []byte) {
		if n := turned(bytes.NewReader(text), int64(len(text)), 7); n%90 != 0 || n < 0 || n > 270 {
			t.Errorf("%d degrees", n)
		}
	})
}
