package cuda

import (
	"errors"
	"os"
	"strings"
	"testing"
	"unsafe"
)

func TestLayoutOfCopy2D(t *testing.T) {
	var c copy2D
	for _, f := range []struct {
		name      string
		got, want uintptr
	}{
		{"size", unsafe.Sizeof(c), 128},
		{"srcMemoryType", unsafe.Offsetof(c.SrcType), 16},
		{"srcDevice", unsafe.Offsetof(c.SrcDevice), 32},
		{"srcPitch", unsafe.Offsetof(c.SrcPitch), 48},
		{"dstMemoryType", unsafe.Offsetof(c.DstType), 72},
		{"dstHost", unsafe.Offsetof(c.DstHost), 80},
		{"dstPitch", unsafe.Offsetof(c.DstPitch), 104},
		{"WidthInBytes", unsafe.Offsetof(c.Width), 112},
		{"Height", unsafe.Offsetof(c.Height), 120},
	} {
		if f.got != f.want {
			t.Errorf("%s is %d, want %d", f.name, f.got, f.want)
		}
	}
}

func TestConnectionsAreTheUsers(t *testing.T) {
	t.Setenv(connections, "4") // and put back afterwards
	if err := askConnections(); err != nil || os.Getenv(connections) != "4" {
		t.Errorf("%v, %s asked for", err, os.Getenv(connections))
	}
	os.Unsetenv(connections)
	if err := askConnections(); err != nil || os.Getenv(connections) != "32" {
		t.Errorf("%v, %q asked for", err, os.Getenv(connections))
	}
}

func TestLost(t *testing.T) {
	dead := []Result{4, 46, 214, 220, 226, 700, 702, 709, 710, 714, 715, 716, 717, 718, 719, 999}
	alive := []Result{0, 1, 2, 3, 100, 201, 218, 400, 401, 500, 600, 701, 704, 705, 708, 711, 712, 713, 720, 800, 900, 901, 904, 905, 907, 908}
	for _, r := range dead {
		if e := (&Error{Call: "x", Result: r}); !e.Sticky() {
			t.Errorf("%d is sticky", r)
		}
	}
	for _, r := range alive {
		if r.Lost() {
			t.Errorf("%d is not sticky", r)
		}
	}
}

func TestMissingLibrariesAreNamed(t *testing.T) {
	err := load("libmissing-a.so.9", "/nowhere/libmissing-b.so.9")
	if err == nil || !strings.Contains(err.Error(), "libmissing-a.so.9") || !strings.Contains(err.Error(), "/nowhere/libmissing-b.so.9") {
		t.Error(err)
	}
}

// wants fails unless err is a driver error of that code whose text has all parts.
func wants(t *testing.T, err error, code Result, parts ...string) {
	t.Helper()
	var failed *Error
	if !errors.As(err, &failed) || failed.Result != code {
		t.Errorf("%v, want code %d", err, code)
		return
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not say %q", err, part)
		}
	}
}
