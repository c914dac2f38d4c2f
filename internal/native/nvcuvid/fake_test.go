package nvcuvid

import (
	"errors"
	"os"
	"runtime"
	"testing"

	"sightline/internal/native/fake"
)

// standIn is the library of the stand-in's, opened once.
var (
	standIn    *fake.Library
	standInErr error
)

const soname = "libnvcuvid.so.1"

func TestMain(m *testing.M) {
	if !onGPU {
		standIn, standInErr = fake.Open("nvcuvid", soname)
	}
	os.Exit(m.Run())
}

// useFake binds the package to the stand-in for one test, which must leave nothing open and break no rule.
func useFake(t *testing.T) {
	t.Helper()
	if onGPU || errors.Is(standInErr, fake.ErrNoCompiler) {
		t.Skip("the real library is wanted, or there is no C compiler")
	}
	if standInErr != nil {
		t.Fatal(standInErr)
	}
	reload(t, soname)
	open, _ := standIn.Live()
	t.Cleanup(func() {
		runtime.GC() // finds what must not have been in Go memory
		if v := standIn.Refusals(); v != "" {
			t.Errorf("rule broken: %s", v)
		}
		if n, what := standIn.Live(); n != open {
			t.Errorf("left open: %s", what)
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
