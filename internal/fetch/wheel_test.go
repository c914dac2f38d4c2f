package fetch

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestExtract(t *testing.T) {
	good := zipOf(t, entry{"a/lib.so", libraryText, 0}, entry{"../../evil", "x", 0})
	flipped := bytes.Clone(zipOf(t, entry{"a/lib.so", libraryText, 0}))
	flipped[40] ^= 0xff // in the compressed bytes
	for _, c := range []struct {
		name, member, want string
		data               []byte
		size               int
	}{
		{"good", "a/lib.so", "", good, len(libraryText)},
		{"name that climbs", "../../evil", "", good, 1},
		{"missing", "a/other", "no member a/other", good, 1},
		{"larger than pinned", "a/lib.so", "20 bytes, want 19", good, len(libraryText) - 1},
		{"smaller than pinned", "a/lib.so", "20 bytes, want 21", good, len(libraryText) + 1},
		{"twice", "a", "two members", zipOf(t, entry{"a", "x", 0}, entry{"a", "y", 0}), 1},
		{"link", "a", "not a file", zipOf(t, entry{"a", "/etc/passwd", os.ModeSymlink}), 11},
		{"truncated", "a/lib.so", "zip", good[:len(good)-9], len(libraryText)},
		{"no zip", "a/lib.so", "zip", []byte("hello"), 5},
		{"spoilt", "a/lib.so", "e", flipped, len(libraryText)},
		{"lying about its size", "a/lib.so", "e", lie(t), 5},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "x")
			if err := os.Mkdir(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			err := extract(bytes.NewReader(c.data), int64(len(c.data)), pinOf("lib", c.data, c.member, c.size), filepath.Join(dir, "out"))
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("error %v, want %q", err, c.want)
			}
			if outside, _ := filepath.Glob(filepath.Join(dir, "..", "*")); len(outside) != 1 {
				t.Errorf("files outside: %q", outside)
			}
		})
	}
}

// lie returns a zip whose directory says that the member has 5 bytes while its stream holds 1 MB.
func lie(t *testing.T) []byte {
	data := zipOf(t, entry{"a/lib.so", strings.Repeat("0", 1<<20), 0})
	at := bytes.LastIndex(data, []byte("PK\x01\x02")) + 24
	copy(data[at:], []byte{5, 0, 0, 0})
	return data
}

func TestExtractNeverWritesMoreThanPinned(t *testing.T) {
	data, out := lie(t), filepath.Join(t.TempDir(), "out")
	if err := extract(bytes.NewReader(data), int64(len(data)), pinOf("lib", data, "a/lib.so", 5), out); err == nil {
		t.Fatal("no error")
	}
	if info, err := os.Stat(out); err != nil || info.Size() > 6 {
		t.Errorf("%v, %v", info, err)
	}
}

func FuzzExtract(f *testing.F) {
	f.Add(zipOf(f, entry{"a/lib.so", libraryText, 0}))
	f.Add([]byte("PK\x05\x06"))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, data []byte) {
		out := filepath.Join(dir, "out")
		_ = os.Remove(out)
		err := extract(bytes.NewReader(data), int64(len(data)), pinOf("lib", data, "a/lib.so", len(libraryText)), out)
		info, missing := os.Stat(out)
		if err == nil && (missing != nil || info.Size() != int64(len(libraryText))) {
			t.Errorf("no error, but %v, %v", info, missing)
		}
		if missing == nil && info.Size() > int64(len(libraryText))+1 {
			t.Errorf("%d bytes written", info.Size())
		}
	})
}
