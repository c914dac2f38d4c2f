package sink

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"sightline/internal/atomicfile"
	"sightline/internal/result"
)

func read(t *testing.T, path ...string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// sequence checks that text is whole lines of frames and returns their numbers.
func sequence(t *testing.T, text string) []uint64 {
	t.Helper()
	if text != "" && !strings.HasSuffix(text, "\n") {
		t.Fatalf("torn line at the end: %q", text)
	}
	var out []uint64
	for line := range strings.Lines(text) {
		var f result.Frame
		if err := json.Unmarshal([]byte(line), &f); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		out = append(out, f.Seq)
	}
	return out
}

func TestJSONL(t *testing.T) {
	for _, reid := range []bool{false, true} {
		dir := filepath.Join(t.TempDir(), "made", "for it")
		q, err := NewJSONL(JSONLOptions{Files: FileOptions{Dir: dir}, ReID: reid})
		if err != nil {
			t.Fatal(err)
		}
		for seq := range uint64(3) {
			for _, camera := range []string{"plaza", "../lobby/e%"} {
				err := q.Write(&result.Frame{Camera: camera, Seq: seq, Objects: []result.Object{{Class: "person", Track: 1, ReID: []byte{1, 2}}}})
				if err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := q.Close(); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"plaza.jsonl", "..%2Flobby%2Fe%25.jsonl"} {
			text := read(t, dir, name)
			if got := fmt.Sprint(sequence(t, text)); got != "[0 1 2]" {
				t.Errorf("%s: frames %v", name, got)
			}
			if strings.Contains(text, "reid") != reid {
				t.Errorf("reid asked for: %v, text %q", reid, text)
			}
		}
	}
	if _, err := NewJSONL(JSONLOptions{}); err == nil || !strings.Contains(err.Error(), "directory") {
		t.Errorf("no directory: %v", err)
	}
	if _, err := NewMOT(MOTOptions{Files: FileOptions{Dir: "/dev/null/x"}}); err == nil {
		t.Error("a directory that cannot be made is no error")
	}
}

func TestMOT(t *testing.T) {
	dir := t.TempDir()
	q, err := NewMOT(MOTOptions{Files: FileOptions{Dir: dir}})
	if err != nil {
		t.Fatal(err)
	}
	nan := float32(math.NaN())
	for _, f := range []result.Frame{
		{Camera: "a", Objects: []result.Object{
			{Track: 7, Class: "person", Score: 0.87654, Box: result.Box{10.5, 20, 40.25, 100}},
			{Track: 0, Class: "person", Score: 0.9, Box: result.Box{1, 2, 3, 4}},
			{Track: 8, Class: "dog", Score: 0.9, Box: result.Box{1, 2, 3, 4}},
			{Track: 9, Class: "person", Score: nan, Box: result.Box{1, 2, 3, 4}},
			{Track: 9, Class: "person", Score: 1, Box: result.Box{1, nan, 3, 4}},
		}},
		{Camera: "a", Seq: 4, Objects: []result.Object{{Track: 7, Class: "person", Score: 1, Box: result.Box{-1, 0, 1, 2}}}},
		{Camera: "a", Seq: 5, Objects: []result.Object{
			{Track: 7, Class: "person", Score: 1, Box: result.Box{-1, 0, 1, 2}, TrackBox: result.Box{0, 0, 2, 2.5}},
		}, Unseen: []result.Unseen{
			{Track: 10, Class: "person", TrackBox: result.Box{5, 5, 6, 7}},
			{Track: 11, Class: "dog", TrackBox: result.Box{5, 5, 6, 7}},
			{Track: 12, Class: "person", TrackBox: result.Box{nan, 5, 6, 7}},
		}},
		{Camera: "nobody"},
	} {
		if err := q.Write(&f); err != nil {
			t.Fatal(err)
		}
	}
	if err := q.Close(); err != nil {
		t.Fatal(err)
	}
	want := "1,7,10.50,20.00,29.75,80.00,0.8765,-1,-1,-1\n5,7,-1.00,0.00,2.00,2.00,1.0000,-1,-1,-1\n" +
		"6,7,0.00,0.00,2.00,2.50,1.0000,-1,-1,-1\n6,10,5.00,5.00,1.00,2.00,0.0000,-1,-1,-1\n"
	if got := read(t, dir, "a.txt"); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if got := read(t, dir, "nobody.txt"); got != "" {
		t.Errorf("a camera without people has %q, want an empty file", got)
	}
}

// Two detectors that both find people have tracks of their own; a file can have those of one.
func TestMOTOfOneDetector(t *testing.T) {
	dir := t.TempDir()
	q, err := NewMOT(MOTOptions{Files: FileOptions{Dir: dir}, Detector: "near"})
	if err != nil {
		t.Fatal(err)
	}
	box := result.Box{1, 2, 3, 4}
	f := result.Frame{Camera: "a", Objects: []result.Object{
		{Track: 1, Detector: "near", Class: "person", Score: 1, Box: box}, {Track: 2, Detector: "far", Class: "person", Score: 1, Box: box},
		{Track: 3, Class: "person", Score: 1, Box: box}, // of a camera with one detector
	}, Unseen: []result.Unseen{{Track: 4, Detector: "near", Class: "person", TrackBox: box}, {Track: 5, Detector: "far", Class: "person", TrackBox: box}}}
	if err := errors.Join(q.Write(&f), q.Close()); err != nil {
		t.Fatal(err)
	}
	want := "1,1,1.00,2.00,2.00,2.00,1.0000,-1,-1,-1\n1,3,1.00,2.00,2.00,2.00,1.0000,-1,-1,-1\n1,4,1.00,2.00,2.00,2.00,0.0000,-1,-1,-1\n"
	if got := read(t, dir, "a.txt"); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// runOf writes frames from..to-1 through a JSONL sink of its own.
func runOf(t *testing.T, o FileOptions, from, to uint64) {
	t.Helper()
	q, err := NewJSONL(JSONLOptions{Files: o, Queue: QueueOptions{Block: true}})
	if err != nil {
		t.Fatal(err)
	}
	write(t, q, "a", from, to)
	if err := q.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestContinueOrFresh(t *testing.T) {
	dir := t.TempDir()
	runOf(t, FileOptions{Dir: dir}, 0, 2)
	runOf(t, FileOptions{Dir: dir}, 2, 4)
	if got := fmt.Sprint(sequence(t, read(t, dir, "a.jsonl"))); got != "[0 1 2 3]" {
		t.Errorf("continued: %v", got)
	}
	runOf(t, FileOptions{Dir: dir, Fresh: true}, 9, 11)
	if got := fmt.Sprint(sequence(t, read(t, dir, "a.jsonl")), sequence(t, read(t, dir, "a.jsonl.1"))); got != "[9 10] [0 1 2 3]" {
		t.Errorf("fresh: %v", got)
	}
}

func TestRotation(t *testing.T) {
	dir := t.TempDir()
	line := len(jsonLines{}.Append(nil, &result.Frame{Camera: "a"}))
	runOf(t, FileOptions{Dir: dir, MaxBytes: int64(3*line + 1), Keep: 2}, 0, 10)
	for name, want := range map[string]string{"a.jsonl": "[9]", "a.jsonl.1": "[6 7 8]", "a.jsonl.2": "[3 4 5]"} {
		if got := fmt.Sprint(sequence(t, read(t, dir, name))); got != want {
			t.Errorf("%s: frames %v, want %v", name, got, want)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 3 {
		t.Errorf("%d files (%v), want 3", len(left), err)
	}
	// A line larger than the limit still has a file.
	runOf(t, FileOptions{Dir: dir, MaxBytes: 10, Keep: 1}, 20, 22)
	if got := fmt.Sprint(sequence(t, read(t, dir, "a.jsonl")), sequence(t, read(t, dir, "a.jsonl.1"))); got != "[21] [20]" {
		t.Errorf("large lines: %v", got)
	}
}

func TestTornLineOfACrashIsCutOff(t *testing.T) {
	whole := `{"camera":"a","seq":5}` + "\n"
	for name, c := range map[string]struct{ before, want string }{
		"torn":      {whole + `{"camera":"a","se`, "[5 0]"},
		"only torn": {`{"camera":"a","se`, "[0]"},
		"long torn": {whole + strings.Repeat("x", 200_000), "[5 0]"},
		"whole":     {whole, "[5 0]"},
		"empty":     {"", "[0]"},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "a.jsonl"), []byte(c.before), 0o666); err != nil {
			t.Fatal(err)
		}
		runOf(t, FileOptions{Dir: dir}, 0, 1)
		if got := fmt.Sprint(sequence(t, read(t, dir, "a.jsonl"))); got != c.want {
			t.Errorf("%s: frames %v, want %v", name, got, c.want)
		}
	}
}

// small is a file on a disk with so much room: as a real one does, it takes what fits and then fails.
type small struct {
	bytes.Buffer
	room     int
	stuck    bool // Truncate fails
	closings int
}

func (s *small) Write(p []byte) (int, error) {
	n := min(len(p), s.room-s.Len())
	s.Buffer.Write(p[:n])
	if n < len(p) {
		return n, syscall.ENOSPC
	}
	return n, nil
}

func (s *small) Truncate(size int64) error {
	if s.stuck {
		return syscall.EIO
	}
	s.Buffer.Truncate(int(size))
	return nil
}

func (s *small) Sync() error { return nil }

func (s *small) Close() error {
	s.closings++
	return nil
}

func TestFullDiskTakesBackUnfinishedLines(t *testing.T) {
	disk := &small{room: 25}
	l := &lines{file: disk}
	var got []error
	for range 4 {
		got = append(got, l.write([]byte("123456789\n")))
	}
	if got[0] != nil || got[1] != nil || !errors.Is(got[2], syscall.ENOSPC) || !errors.Is(got[3], syscall.ENOSPC) {
		t.Errorf("errors %v", got)
	}
	disk.room = 100
	if err := l.write([]byte("abc\n")); err != nil || disk.String() != "123456789\n123456789\nabc\n" {
		t.Errorf("with room again: %v, file %q", err, disk)
	}
	disk.room, disk.stuck = disk.Len()+3, true
	if err := l.write([]byte("abc\n")); !errors.Is(err, syscall.ENOSPC) || !errors.Is(err, syscall.EIO) || l.file != nil || disk.closings != 1 {
		t.Errorf("cannot take back: %v, file %v, closed %d times", err, l.file, disk.closings)
	}
}

func TestDevFull(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("this system has no /dev/full")
	}
	dir := t.TempDir()
	if err := os.Symlink("/dev/full", filepath.Join(dir, "a.jsonl")); err != nil {
		t.Fatal(err)
	}
	q, err := NewJSONL(JSONLOptions{Files: FileOptions{Dir: dir}, Queue: QueueOptions{Block: true}})
	if err != nil {
		t.Fatal(err)
	}
	write(t, q, "a", 0, 3)
	write(t, q, "b", 0, 3)
	if err := q.Close(); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("close: %v, want ENOSPC", err)
	}
	if s := q.Stats(); s != (Stats{Written: 3, Failed: 3}) {
		t.Errorf("%+v, want 3 written for the sound camera and 3 failed", s)
	}
	if got := fmt.Sprint(sequence(t, read(t, dir, "b.jsonl"))); got != "[0 1 2]" {
		t.Errorf("the other camera's file: %v", got)
	}
}

// broken takes so many bytes, then fails until it is mended.
type broken struct {
	bytes.Buffer
	room int
}

func (b *broken) Write(p []byte) (int, error) {
	n := min(len(p), b.room)
	b.room -= n
	b.Buffer.Write(p[:n])
	if n < len(p) {
		return n, io.ErrClosedPipe
	}
	return n, nil
}

func TestStdout(t *testing.T) {
	var out bytes.Buffer
	q := NewStdout(StdoutOptions{Writer: &out, Queue: QueueOptions{Block: true}})
	write(t, q, "a", 0, 50)
	if err := q.Close(); err != nil {
		t.Fatal(err)
	}
	if got := sequence(t, out.String()); len(got) != 50 || got[49] != 49 {
		t.Errorf("frames %v", got)
	}
}

func TestStdoutFinishesItsLine(t *testing.T) {
	b := &broken{room: 6}
	s := &stdout{w: b}
	for i, want := range []bool{true, false, false} {
		if err := s.Store("", []byte("abc\n")); (err == nil) != want {
			t.Errorf("line %d: %v", i, err)
		}
	}
	if err := s.Close(); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("close within a line: %v", err)
	}
	b.room = 100
	if err := s.Store("", []byte("xyz\n")); err != nil || b.String() != "abc\nabc\nxyz\n" {
		t.Errorf("%v, %q", err, b)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestFileNamesAreApart(t *testing.T) {
	seen := map[string]string{}
	for _, name := range []string{"a", "a/b", "a%2Fb", "..", "a\\b", "a\x00b", "ä", "front door", "a:b"} {
		f := fileName(name)
		if other, ok := seen[f]; ok || strings.ContainsAny(f, "/\\:\x00") {
			t.Errorf("%q has file name %q (also of %q)", name, f, other)
		}
		seen[f] = name
	}
}

func frameLine(seq uint64) []byte {
	return jsonLines{}.Append(nil, &result.Frame{Camera: "a", Seq: seq})
}

// TestOneProgramAFile: the second finds the file taken, leaves it as it is, and goes on when the first has ended.
func TestOneProgramAFile(t *testing.T) {
	dir := t.TempDir()
	open := func() *files {
		s, err := newFiles(FileOptions{Dir: dir, Fresh: true}, ".txt")
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	first, second := open(), open()
	if err := first.Store("a", []byte("1\n")); err != nil {
		t.Fatal(err)
	}
	if err := second.Store("a", []byte("2\n")); !errors.Is(err, atomicfile.ErrTaken) {
		t.Errorf("error %v", err)
	}
	if err := errors.Join(second.Store("b", []byte("2\n")), first.Store("a", []byte("3\n")), first.Close(), second.Store("a", []byte("4\n")), second.Close()); err != nil {
		t.Error(err)
	}
	for name, want := range map[string]string{"a.txt.1": "1\n3\n", "a.txt": "4\n", "b.txt": "2\n"} {
		if got, _ := os.ReadFile(filepath.Join(dir, name)); string(got) != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func TestAFolderThatCannotBeWritten(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := newFiles(FileOptions{Dir: filepath.Join(file, "out")}, ".txt"); err == nil || !strings.Contains(err.Error(), "the sink's directory: mkdir "+file) {
		t.Errorf("error %v", err)
	}
}
