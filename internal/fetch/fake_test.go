package fetch

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const (
	libraryText = "this is the library\n"
	ffmpegText  = "#!/bin/sh\necho ffmpeg version 0\n"
)

// machine is a PATH of its own with fake programs on it, a cache, and the wheels that a fake pip hands out.
type machine struct {
	t     *testing.T
	bin   string // the whole PATH
	dir   string // wheels, calls
	cache string
}

func newMachine(t *testing.T) *machine {
	t.Helper()
	m := &machine{t: t, bin: t.TempDir(), dir: t.TempDir(), cache: t.TempDir()}
	t.Setenv("PATH", m.bin)
	t.Setenv("FAKE", m.dir)
	t.Setenv(ONNXRuntimeVariable, "")
	t.Setenv(FFmpegVariable, "")
	return m
}

// script puts a program on the PATH. It notes its calls, one a line.
func (m *machine) script(name, body string) {
	m.t.Helper()
	text := "#!/bin/sh\nPATH=/usr/bin:/bin\necho " + name + ` "$@" >> "$FAKE/calls"` + "\n" + body
	if err := os.WriteFile(filepath.Join(m.bin, name), []byte(text), 0o755); err != nil {
		m.t.Fatal(err)
	}
}

// parse is the part of a fake pip that reads what it is asked.
const parse = `for word; do
  [ "$word" = --version ] && exit 0
  [ "$last" = --dest ] && dest=$word
  last=$word
done
`

// deliver is a pip that works: the wheel's name is the last word with its "==" made a "-".
const deliver = parse + `cp "$FAKE/$(echo "$last" | sed s/==/-/).whl" "$dest/" || exit 1
`

func (m *machine) calls() []string {
	m.t.Helper()
	text, err := os.ReadFile(filepath.Join(m.dir, "calls"))
	if err != nil && !os.IsNotExist(err) {
		m.t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
}

// downloads counts the calls that asked for a wheel.
func (m *machine) downloads() (n int) {
	for _, call := range m.calls() {
		if strings.Contains(call, " download ") {
			n++
		}
	}
	return n
}

// wheel writes a wheel for the fake pip and returns a pin of it.
func (m *machine) wheel(pkg string, data []byte, member string, size int) pin {
	m.t.Helper()
	if err := os.WriteFile(filepath.Join(m.dir, pkg+"-1.0.whl"), data, 0o644); err != nil {
		m.t.Fatal(err)
	}
	return pinOf(pkg, data, member, size)
}

func pinOf(pkg string, data []byte, member string, size int) pin {
	sum := sha256.Sum256(data)
	return pin{pkg: pkg, version: "1.0", platform: "manylinux_2_28_test", arch: "test", sha256: hex.EncodeToString(sum[:]),
		wheelSize: int64(len(data)), member: member, size: int64(size)}
}

type entry struct {
	name, text string
	mode       os.FileMode
}

func zipOf(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	for _, e := range entries {
		header := &zip.FileHeader{Name: e.name, Method: zip.Deflate}
		header.SetMode(e.mode | 0o644)
		out, err := w.CreateHeader(header)
		if err == nil {
			_, err = out.Write([]byte(e.text))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// fetcher returns a fetcher whose pins are good wheels that the machine's pip can bring.
func (m *machine) fetcher() *fetcher {
	m.t.Helper()
	library := m.wheel("lib", zipOf(m.t, entry{"other", "x", 0}, entry{"a/lib.so", libraryText, 0}), "a/lib.so", len(libraryText))
	program := m.wheel("prog", zipOf(m.t, entry{"b/ffmpeg", ffmpegText, 0}), "b/ffmpeg", len(ffmpegText))
	program.executable = true
	return m.fetcherOf(library, program)
}

func (m *machine) fetcherOf(library, program pin) *fetcher {
	f := newFetcher(Options{CacheDir: m.cache})
	f.goos, f.arch, f.root = "test", "test", false
	f.pins = map[string]pin{kindONNXRuntime + "/test/test": library, kindFFmpeg + "/test/test": program}
	f.retryPauses = f.retryPauses[:0]
	return f
}

// wantCache fails unless the cache holds exactly these files (locks aside).
func (m *machine) wantCache(want ...string) {
	m.t.Helper()
	var got []string
	err := filepath.WalkDir(m.cache, func(path string, e os.DirEntry, err error) error {
		if err == nil && e.Name() != "lock" && (!e.IsDir() || strings.HasPrefix(e.Name(), "fetch.")) {
			name, _ := filepath.Rel(m.cache, path)
			got = append(got, name)
		}
		return err
	})
	if err != nil {
		m.t.Fatal(err)
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		m.t.Errorf("the cache holds %q, want %q", got, want)
	}
}
