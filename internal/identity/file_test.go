package identity

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

// saved is a file of two identities with three tracks, vectors of four numbers.
func saved() (*header, []byte) {
	return &header{
		Model: "reid abc", Length: 4, Next: 7, Saved: at(100),
		Identities: []savedPerson{
			{Number: 3, Site: "plaza", Tracks: []savedTrack{{"west", 1, at(0), at(9), 12, founder, 0}, {"east", 4, at(1), at(8), 9, byGeometry, 0.9}}},
			{Number: 7, Tracks: []savedTrack{{"door", 1, at(2), at(5), 3, byAppearance, 0.81}}},
		},
	}, bytes.Repeat([]byte{0, 0x3c, 1, 2}, 6)
}

func TestFileComesBack(t *testing.T) {
	h, vectors := saved()
	raw, err := encode(h, vectors)
	if err != nil {
		t.Fatal(err)
	}
	got, read, err := decode(raw)
	if err != nil || !reflect.DeepEqual(got, h) || !bytes.Equal(read, vectors) {
		t.Errorf("got %+v, %d bytes, %v", got, len(read), err)
	}
}

func TestDamagedFiles(t *testing.T) {
	h, vectors := saved()
	whole, err := encode(h, vectors)
	if err != nil {
		t.Fatal(err)
	}
	changed := func(at int, b byte) []byte {
		out := bytes.Clone(whole)
		out[at] = b
		return out
	}
	broken := func(change func(h *header)) []byte {
		h, vectors := saved()
		change(h)
		raw, err := encode(h, vectors)
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	for name, c := range map[string]struct {
		raw  []byte
		want error
	}{
		"empty":                  {nil, ErrForeign},
		"something else":         {[]byte("PK\x03\x04 a zip file, by mistake, which is longer than a header"), ErrForeign},
		"cut":                    {whole[:len(whole)-1], ErrTorn},
		"cut in the header":      {whole[:60], ErrTorn},
		"cut at once":            {whole[:len(magic)], ErrTorn},
		"more behind it":         {append(bytes.Clone(whole), 0), ErrTorn},
		"another version":        {changed(len(magic), 2), ErrForeign},
		"a bit of a vector":      {changed(len(whole)-40, 0x77), ErrTorn},
		"a vector less":          {broken(func(h *header) { h.Identities[0].Tracks = h.Identities[0].Tracks[:1] }), ErrTorn},
		"no length":              {broken(func(h *header) { h.Length = 0 }), ErrTorn},
		"a number twice":         {broken(func(h *header) { h.Identities[1].Number = 3 }), ErrTorn},
		"a number not given yet": {broken(func(h *header) { h.Next = 6 }), ErrTorn},
		"number 0":               {broken(func(h *header) { h.Identities[1].Number = 0 }), ErrTorn},
		"an identity of nobody":  {broken(func(h *header) { h.Identities[1].Tracks = nil }), ErrTorn},
		"a track without views":  {broken(func(h *header) { h.Identities[0].Tracks[1].Views = 0 }), ErrTorn},
		"gone before it came":    {broken(func(h *header) { h.Identities[0].Tracks[1].Last = at(-5) }), ErrTorn},
		"a tie of no kind":       {broken(func(h *header) { h.Identities[0].Tracks[1].Tie = 9 }), ErrTorn},
	} {
		if got, _, err := decode(c.raw); !errors.Is(err, c.want) || got != nil {
			t.Errorf("%s: %+v, %v, want %v", name, got, err, c.want)
		}
	}
}

func TestReplaceKeepsTheOldFileWhereItFails(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "deeper", "state")
	for _, content := range []string{"old", "new"} {
		if err := replace(path, []byte(content)); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != content {
			t.Errorf("%q, %v", got, err)
		}
	}
	if err := replace(filepath.Join(path, "below a file"), []byte("x")); err == nil {
		t.Error("a file was written below a file")
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "deeper", "*")); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
}

func TestRestore(t *testing.T) {
	h, _ := saved()
	b, err := newBook(settings(Site{Name: "plaza", Cameras: []string{"west", "east"}}), func(e Event) { t.Errorf("event %+v", e) })
	if err != nil {
		t.Fatal(err)
	}
	// Identity 7 is of a site that is no more.
	if kept := b.restore(h); !reflect.DeepEqual(kept, []int{0, 1}) || len(b.persons) != 1 || b.persons[0].number != 3 || b.next != 7 {
		t.Errorf("kept %v: %d identities, next %d", kept, len(b.persons), b.next)
	}
	o := settings(Site{Name: "plaza", Cameras: []string{"west", "east"}})
	o.Gallery = 1
	if b, err = newBook(o, nil); err != nil {
		t.Fatal(err)
	}
	if kept := b.restore(h); !reflect.DeepEqual(kept, []int{0}) || b.rows[0].camera != "west" {
		t.Errorf("kept %v in a gallery of one, want the one seen last", kept)
	}
}

// FuzzDecode: whatever a file holds, it is read or refused; what is read can be restored and written again.
func FuzzDecode(f *testing.F) {
	h, vectors := saved()
	raw, err := encode(h, vectors)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Add(raw[:40])
	f.Add([]byte(magic))
	// Behind a sound checksum: what a mutation can hardly reach through decode.
	f.Add(raw[len(magic)+4 : len(raw)-32])
	f.Fuzz(func(t *testing.T, raw []byte) {
		read := func(h *header, vectors []byte, err error) {
			if err != nil {
				if !errors.Is(err, ErrTorn) && !errors.Is(err, ErrForeign) {
					t.Fatalf("error %v", err)
				}
				return
			}
			b, err := newBook(settings(Site{Name: "plaza"}), func(Event) {})
			if err != nil {
				t.Fatal(err)
			}
			for _, i := range b.restore(h) {
				_ = vectors[i*2*h.Length:][:2*h.Length]
			}
			again, err := encode(h, vectors)
			if err != nil {
				return // a year beyond 9999 is read by no way back
			}
			if _, _, err := decode(again); err != nil {
				t.Fatalf("written again it is %v", err)
			}
		}
		read(decode(raw))
		if len(raw) >= 4 {
			read(decodeBody(binary.LittleEndian.Uint32(raw), raw[4:]))
		}
	})
}
