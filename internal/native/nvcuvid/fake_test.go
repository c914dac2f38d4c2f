package nvcuvid

import (
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"sightline/internal/native/dl"
)

// fake steers the stand-in library of testdata/fake.c.
var fake struct {
	Violation func() string    `dl:"fake_violation"`
	Reset     func()           `dl:"fake_reset"`
	Fail      func(what int32) `dl:"fake_fail"`
	Open      func() int32     `dl:"fake_open"`
	Flags     func() int32     `dl:"fake_flags"`
}

// What fake.Fail takes.
const (
	failParser = 1 + iota
	failDecoder
	failMap
	failReconfigure
	failDestroy
)

var fakePath string

// useFake binds the package to the stand-in for one test, which must leave nothing open and break no rule.
func useFake(t *testing.T) {
	t.Helper()
	if fakePath == "" {
		compiler, err := exec.LookPath("cc")
		if err != nil {
			t.Skip("no C compiler (cc): the stand-in for libnvcuvid cannot be made")
		}
		path := filepath.Join(temporary, "libfake.so")
		out, err := exec.Command(compiler, "-O1", "-Wall", "-Werror", "-shared", "-fPIC", "-o", path, "testdata/fake.c").CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		fakePath = path
	}
	lib, err := dl.Open(fakePath)
	if err != nil {
		t.Fatal(err)
	}
	if err := lib.Bind(&fake); err != nil {
		t.Fatal(err)
	}
	reload(t, fakePath)
	fake.Reset()
	open := fake.Open()
	t.Cleanup(func() {
		runtime.GC() // finds what must not have been in Go memory
		if v := fake.Violation(); v != "" {
			t.Errorf("rule broken: %s", v)
		}
		if n := fake.Open() - open; n != 0 {
			t.Errorf("%d parsers and decoders left open", n)
		}
		decoders.RLock()
		defer decoders.RUnlock()
		if n := len(decoders.byID); n != 0 {
			t.Errorf("%d decoders still registered", n)
		}
	})
}

// reload binds the package to another library.
func reload(t *testing.T, name string) {
	t.Helper()
	loading.done = false
	if err := Load(name); err != nil {
		t.Fatal(err)
	}
}

// sequence makes a sequence header of the stand-in's; the shown height is 8 less.
func sequence(width, height, depth, surfaces byte) string {
	return string([]byte{'S', width, height, depth, surfaces})
}
