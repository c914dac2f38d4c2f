package fetch

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// mavenWorks is a mvn that puts $FAKE/redist.jar where Maven would.
const mavenWorks = `for word; do
  case "$word" in
    -Dmaven.repo.local=*) repo=${word#*=} ;;
    -Dartifact=*) artifact=${word#*=} ;;
  esac
done
[ "$artifact" = org.bytedeco:tensorrt:10.6-1.5.11:jar:linux-x86_64-redist ] || exit 1
dir=$repo/org/bytedeco/tensorrt/10.6-1.5.11
mkdir -p "$dir" && cp "$FAKE/redist.jar" "$dir/tensorrt-10.6-1.5.11-linux-x86_64-redist.jar"
`

// jar makes a small redistribution and the bundle that pins it.
func (m *machine) jar() bundle {
	m.t.Helper()
	b := tensorRT()
	var text bytes.Buffer
	z := zip.NewWriter(&text)
	for i := range b.members {
		content := strings.Repeat("library ", 10+i)
		b.members[i].size = int64(len(content))
		w, err := z.Create(b.members[i].member)
		if err == nil {
			_, err = w.Write([]byte(content))
		}
		if err != nil {
			m.t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		m.t.Fatal(err)
	}
	sum := sha256.Sum256(text.Bytes())
	b.sha256, b.size = hex.EncodeToString(sum[:]), int64(text.Len())
	if err := os.WriteFile(filepath.Join(m.dir, "redist.jar"), text.Bytes(), 0o666); err != nil {
		m.t.Fatal(err)
	}
	return b
}

func (m *machine) tensorRT(b bundle) (string, error) {
	f := newFetcher(Options{CacheDir: m.cache})
	f.goos, f.arch, f.bundle = "linux", "amd64", b
	return f.tensorRT(context.Background())
}

func TestTensorRTIsFetchedOnce(t *testing.T) {
	m := newMachine(t)
	t.Setenv(TensorRTVariable, "")
	m.script("mvn", mavenWorks)
	b := m.jar()
	for range 2 {
		dir, err := m.tensorRT(b)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range b.members {
			if info, err := os.Stat(filepath.Join(dir, p.file())); err != nil || info.Size() != p.size {
				t.Errorf("%s: %v", p.file(), err)
			}
		}
	}
	if n := len(m.calls()); n != 1 {
		t.Errorf("mvn was called %d times", n)
	}
	if left, _ := filepath.Glob(filepath.Join(m.cache, "*", scratchPattern)); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestTensorRTRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		mvn   string
		spoil func(m *machine, b *bundle)
		want  error
		says  string
	}{
		"no maven":   {"", nil, ErrNoMaven, "apt-get install maven"},
		"no network": {"echo cannot reach the repository >&2; exit 1\n", nil, ErrDownload, "run this command again"},
		"another jar": {mavenWorks, func(_ *machine, b *bundle) { b.sha256 = strings.Repeat("0", 64) }, nil,
			"is not the pinned file"},
		"a member missing": {mavenWorks, func(_ *machine, b *bundle) { b.members[1].member += ".1" }, nil, "no member"},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t)
			t.Setenv(TensorRTVariable, "")
			b := m.jar()
			if c.mvn != "" {
				m.script("mvn", c.mvn)
			}
			if c.spoil != nil {
				c.spoil(m, &b)
			}
			dir, err := m.tensorRT(b)
			if err == nil || c.want != nil && !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %q, %v", dir, err)
			}
			if b.complete(b.folder(m.cache)) {
				t.Error("something was put into the cache")
			}
		})
	}
}

func TestTensorRTOfOnesOwn(t *testing.T) {
	m := newMachine(t)
	dir := t.TempDir()
	t.Setenv(TensorRTVariable, dir)
	if _, err := m.tensorRT(tensorRT()); err == nil || !strings.Contains(err.Error(), TensorRTVariable) {
		t.Errorf("a folder without the library: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "libnvinfer.so.10"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if got, err := m.tensorRT(tensorRT()); err != nil || got != dir {
		t.Errorf("got %q, %v", got, err)
	}
}
