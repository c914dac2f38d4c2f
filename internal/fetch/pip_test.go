package fetch

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sightline/internal/leaktest"
)

func TestWaysToPip(t *testing.T) {
	const broken = "exit 1"
	for _, c := range []struct {
		name    string
		scripts map[string]string
		want    string // how the call begins that brings the wheel
	}{
		{"pip3", map[string]string{"pip3": deliver, "python3": deliver, "uv": deliver}, "pip3 download "},
		{"python3", map[string]string{"python3": deliver, "uv": deliver}, "python3 -m pip download "},
		{"broken pip3", map[string]string{"pip3": broken, "python3": deliver}, "python3 -m pip download "},
		{"python3 without pip", map[string]string{"python3": broken, "uv": deliver}, "uv tool run pip download "},
		{"uv", map[string]string{"uv": deliver}, "uv tool run pip download "},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMachine(t)
			for name, body := range c.scripts {
				m.script(name, body)
			}
			if _, err := m.fetcher().onnxRuntime(t.Context()); err != nil {
				t.Fatal(err)
			}
			if calls := m.calls(); !strings.HasPrefix(calls[len(calls)-1], c.want) {
				t.Errorf("calls: %q", calls)
			}
		})
	}
}

func TestNoPip(t *testing.T) {
	install := `if [ "$1" = install ]; then
  { echo '#!/bin/sh'; echo 'PATH=/usr/bin:/bin'; echo 'echo pip3 "$@" >> "$FAKE/calls"'; cat "$FAKE/pip"; } > "$FAKE_BIN/pip3"
  chmod +x "$FAKE_BIN/pip3"
fi
`
	for _, c := range []struct {
		name, apt string
		root      bool
		want      string // in the error; "": it works
	}{
		{"no apt", "", true, "install Python 3 with pip, or uv"},
		{"not root", install, false, "sudo sh -c 'apt-get update && apt-get install --yes python3-pip'"},
		{"root", install, true, ""},
		{"root, update fails", "[ $1 = update ] && exit 1\n" + install, true, ""},
		{"root, apt fails", "echo E: no such package; exit 100", true, "apt-get install --yes python3-pip` by hand"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMachine(t)
			t.Setenv("FAKE_BIN", m.bin)
			if err := os.WriteFile(filepath.Join(m.dir, "pip"), []byte(deliver), 0o644); err != nil {
				t.Fatal(err)
			}
			if c.apt != "" {
				m.script("apt-get", c.apt)
			}
			f := m.fetcher()
			f.root = c.root
			_, err := f.onnxRuntime(t.Context())
			if c.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if !errors.Is(err, ErrNoPip) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
			if !c.root && strings.Contains(strings.Join(m.calls(), "\n"), "apt-get") {
				t.Error("apt-get was called by one who is not root")
			}
			m.wantCache()
		})
	}
}

func TestDownloadFails(t *testing.T) {
	const network = `echo "WARNING: Retrying after NewConnectionError(host='index.example', port=443): Failed to resolve 'index.example'"
echo "ERROR: see https://user:secret@index.example/simple/lib/"
`
	for _, c := range []struct {
		name, body string
		tries      int
		want       []string
		works      bool
	}{
		{"network", parse + network + "exit 1", 3, []string{"check the network", "run this command again", "3 time(s) with pip3"}, false},
		{"network mends", parse + `n=$(grep -c download "$FAKE/calls"); [ $n -lt 3 ] && { ` + network + "exit 1; }\n" + deliver, 3, nil, true},
		{"no such version", parse + "echo ERROR: No matching distribution found; exit 1", 1, []string{"No matching distribution"}, false},
		{"brings nothing", parse + "exit 0", 1, []string{"0 wheels"}, false},
		{"brings two", deliver + `touch "$dest/other.whl"`, 1, []string{"2 wheels"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMachine(t)
			m.script("pip3", c.body)
			f := m.fetcher()
			f.retryPauses = []time.Duration{0, 0}
			_, err := f.onnxRuntime(t.Context())
			if n := m.downloads(); n != c.tries {
				t.Errorf("%d tries, want %d", n, c.tries)
			}
			if c.works {
				if err != nil {
					t.Error(err)
				}
				return
			}
			m.wantCache()
			if !errors.Is(err, ErrDownload) {
				t.Fatalf("error: %v", err)
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("no %q in: %v", want, err)
				}
			}
			for _, secret := range []string{"index.example", "secret"} {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("%q in: %v", secret, err)
				}
			}
		})
	}
}

// hold is a pip that has written half a wheel and waits for the file "hold" to go.
const hold = parse + `echo half > "$TMPDIR/half"
echo half > "$dest/lib-1.0.whl"
touch "$FAKE/waiting"
while [ -e "$FAKE/hold" ]; do sleep 0.02; done
cp "$FAKE/lib-1.0.whl" "$dest/"
`

func (m *machine) touch(name string) {
	m.t.Helper()
	if err := os.WriteFile(filepath.Join(m.dir, name), nil, 0o644); err != nil {
		m.t.Fatal(err)
	}
}

// await returns when the file is there.
func (m *machine) await(name string) {
	m.t.Helper()
	for m.t.Context().Err() == nil {
		if _, err := os.Stat(filepath.Join(m.dir, name)); err == nil {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func TestCancelEndsPip(t *testing.T) {
	leaktest.Check(t)
	m := newMachine(t)
	m.script("pip3", hold)
	m.touch("hold")
	f := m.fetcher()
	ctx, cancel := context.WithCancel(t.Context())
	first := make(chan error)
	go func() {
		_, err := f.onnxRuntime(ctx)
		first <- err
	}()
	m.await("waiting")
	waiting, stop := context.WithCancel(t.Context())
	second := make(chan error)
	go func() {
		_, err := f.onnxRuntime(waiting) // waits for the lock
		second <- err
	}()
	stop()
	if err := <-second; !errors.Is(err, context.Canceled) {
		t.Errorf("the one that waited: %v", err)
	}
	cancel()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Errorf("the one that fetched: %v", err)
	}
	m.wantCache()
}

// TestHelperFetch is a process of its own for the tests below.
func TestHelperFetch(t *testing.T) {
	cache := os.Getenv("FETCH_HELPER")
	if cache == "" {
		t.Skip("only as a child of other tests")
	}
	m := &machine{t: t, dir: os.Getenv("FAKE"), cache: cache}
	data, err := os.ReadFile(filepath.Join(m.dir, "lib-1.0.whl"))
	if err != nil {
		t.Fatal(err)
	}
	path, err := m.fetcherOf(pinOf("lib", data, "a/lib.so", len(libraryText)), pin{}).onnxRuntime(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != libraryText {
		t.Fatalf("%q, %v", text, err)
	}
}

func (m *machine) helper() *exec.Cmd {
	cmd := exec.Command(os.Args[0], "-test.run=^TestHelperFetch$")
	cmd.Env = append(os.Environ(), "FETCH_HELPER="+m.cache)
	return cmd
}

func TestKilledInTheMiddle(t *testing.T) {
	leaktest.Check(t)
	m := newMachine(t)
	m.script("pip3", hold)
	f := m.fetcher()
	m.touch("hold")
	helper := m.helper()
	if err := helper.Start(); err != nil {
		t.Fatal(err)
	}
	m.await("waiting")
	if err := helper.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = helper.Wait() // it was killed: its state is no news
	library := filepath.Join(m.cache, "lib-1.0-test", "lib.so")
	if _, err := os.Stat(library); !os.IsNotExist(err) {
		t.Errorf("there is a library: %v", err)
	}
	if err := os.Remove(filepath.Join(m.dir, "hold")); err != nil {
		t.Fatal(err)
	}
	m.script("pip3", deliver)
	if path, err := f.onnxRuntime(t.Context()); err != nil || path != library {
		t.Errorf("%q, %v", path, err)
	}
	m.wantCache("lib-1.0-test/lib.so")
}

func TestManyAtOnce(t *testing.T) {
	leaktest.Check(t)
	m := newMachine(t)
	m.script("pip3", hold)
	f := m.fetcher()
	m.touch("hold")
	const processes, goroutines = 2, 4
	errs := make(chan error, processes+goroutines)
	for range processes {
		go func() {
			out, err := m.helper().CombinedOutput()
			if err != nil {
				err = errors.Join(err, errors.New(string(out)))
			}
			errs <- err
		}()
	}
	for range goroutines {
		go func() {
			_, err := f.onnxRuntime(t.Context())
			errs <- err
		}()
	}
	m.await("waiting")
	if err := os.Remove(filepath.Join(m.dir, "hold")); err != nil {
		t.Fatal(err)
	}
	for range processes + goroutines {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if n := m.downloads(); n != 1 {
		t.Errorf("%d downloads, want 1", n)
	}
	m.wantCache("lib-1.0-test/lib.so")
}

func FuzzWithoutHosts(f *testing.F) {
	f.Add("see https://user:secret@index.example/simple (host='index.example')")
	f.Fuzz(func(t *testing.T, text string) {
		clean := lastWords(text)
		if hosts[0].MatchString(clean) {
			t.Errorf("an address is left in %q", clean)
		}
	})
}
