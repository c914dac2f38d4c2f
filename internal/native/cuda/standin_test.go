//go:build !gpu

package cuda

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"sightline/internal/native/fake"
)

var (
	standIn    *fake.Library
	standInErr error
)

// TestMain runs the tests on the stand-in, and then asks it whether every function of the tables was called.
func TestMain(m *testing.M) {
	standIn, standInErr = fake.Open("cuda", "libcuda.so.1")
	code := m.Run()
	whole := flag.Lookup("test.run").Value.String() == "" && flag.Lookup("test.skip").Value.String() == ""
	if code == 0 && whole && standInErr == nil {
		for _, table := range []any{api, hot} {
			for _, field := range reflect.VisibleFields(reflect.TypeOf(table)) {
				symbol, _, _ := strings.Cut(field.Tag.Get("dl"), ",")
				if standIn.Calls(symbol) == 0 {
					fmt.Println(symbol, "is bound, but no test calls it")
					code = 1
				}
			}
		}
	}
	os.Exit(code)
}

// openDriver loads the stand-in as the program loads the driver, and fails the test if it leaves anything
// open or broke a rule that refused did not ask for.
func openDriver(t testing.TB) {
	t.Helper()
	if errors.Is(standInErr, fake.ErrNoCompiler) {
		t.Skip(standInErr)
	}
	if standInErr != nil {
		t.Fatal(standInErr)
	}
	if err := Load(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if r := standIn.Refusals(); r != "" {
			t.Errorf("refused: %s", r)
		}
		if n, what := standIn.Live(); n != 0 {
			t.Errorf("%d left open: %s", n, what)
		}
	})
}

func openContext(t testing.TB, ordinal int) *Context {
	t.Helper()
	d, err := OpenDevice(ordinal)
	if err != nil {
		t.Fatal(err)
	}
	c, err := NewContext(d)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ok(t, c.Close()) })
	return c
}

// scope runs f on the first device of the stand-in.
func scope(t testing.TB, f func() error) {
	t.Helper()
	openDriver(t)
	if err := openContext(t, 0).Do(f); err != nil {
		t.Fatal(err)
	}
}

func ok(t testing.TB, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Error(err)
		}
	}
}

// refused expects one broken rule.
func refused(t testing.TB, part string) {
	t.Helper()
	if r := standIn.Refusals(); !strings.Contains(r, part) {
		t.Errorf("the stand-in noted %q, want %q", r, part)
	}
}

// refuse expects a call to fail with a code, and the stand-in to say why.
func refuse(t *testing.T, err error, code Result, why string) {
	t.Helper()
	wants(t, err, code)
	refused(t, why)
}
