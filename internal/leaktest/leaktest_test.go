package leaktest

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
)

// recorder is a test that only takes notes.
type recorder struct {
	cleanups []func()
	errors   []string
}

func (r *recorder) Helper()          {}
func (r *recorder) Cleanup(f func()) { r.cleanups = append(r.cleanups, f) }
func (r *recorder) Errorf(form string, a ...any) {
	r.errors = append(r.errors, fmt.Sprintf(form, a...))
}
func (r *recorder) finish() {
	for i := len(r.cleanups) - 1; i >= 0; i-- {
		r.cleanups[i]()
	}
}

func TestGoroutineLeftIsNamed(t *testing.T) {
	old := make(chan struct{})
	go func() { <-old }() // there before: no concern of the check
	defer close(old)
	r := &recorder{}
	check(r, 0)
	hold := make(chan struct{})
	defer close(hold)
	started := make(chan struct{})
	go leakyWorker(started, hold)
	<-started
	r.finish()
	if len(r.errors) != 1 || !strings.Contains(r.errors[0], "leaktest.leakyWorker") {
		t.Errorf("errors: %q", r.errors)
	}
}

func leakyWorker(started, hold chan struct{}) {
	close(started)
	<-hold
}

func TestGoroutineThatEndsInTimeIsNoLeak(t *testing.T) {
	r := &recorder{}
	check(r, patience)
	hold := make(chan struct{})
	go leakyWorker(make(chan struct{}), hold)
	go func() {
		runtime.Gosched()
		close(hold)
	}()
	r.finish()
	if len(r.errors) > 0 {
		t.Errorf("errors: %q", r.errors)
	}
}

func TestChildLeftIsNamed(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("children are seen on Linux only")
	}
	r := &recorder{}
	check(r, 0)
	child := exec.Command(os.Args[0], "-test.run=^TestHelperSleeps$")
	child.Env = append(os.Environ(), "LEAKTEST_SLEEP=1")
	input, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	r.finish()
	if len(r.errors) != 1 || !strings.Contains(r.errors[0], fmt.Sprintf("process %d ", child.Process.Pid)) {
		t.Errorf("errors: %q", r.errors)
	}
	_ = input.Close()
	if err := child.Wait(); err != nil {
		t.Error(err)
	}
	after := &recorder{}
	for _, f := range r.cleanups {
		after.Cleanup(f)
	}
	r.errors = nil
	after.finish()
	if len(r.errors) > 0 {
		t.Errorf("a child that was waited for still counts: %q", r.errors)
	}
}

// TestHelperSleeps is the child of the test above: it lives until its input ends.
func TestHelperSleeps(t *testing.T) {
	if os.Getenv("LEAKTEST_SLEEP") == "" {
		t.Skip("only as a child of TestChildLeftIsNamed")
	}
	_, _ = os.Stdin.Read(make([]byte, 1))
}

func TestCheckOfACleanTest(t *testing.T) {
	Check(t)
	t.Run("subtest", func(t *testing.T) { Check(t) })
}

func TestParseStat(t *testing.T) {
	rest := " 7 1 1 0 -1 5 6 7 8 9 10 11 12 13 20 0 1 0 4242 99"
	for _, c := range []struct {
		text, id string
		parent   int
	}{
		{"12 (a) (b) c) S" + rest, "12@4242", 7},
		{"12 (sleep) Z" + rest, "12@4242", 7},
		{"12 (sleep) S x 1 1 0 -1 5 6 7 8 9 10 11 12 13 20 0 1 0 4242", "", 0},
		{"12 (sleep) S 7", "", 0},
		{"", "", 0},
	} {
		if id, _, parent := parseStat(c.text); id != c.id || parent != c.parent {
			t.Errorf("%q: %q, %d", c.text, id, parent)
		}
	}
}

func FuzzParseStat(f *testing.F) {
	f.Add("12 (a) S 7 1 1 0 -1 5 6 7 8 9 10 11 12 13 20 0 1 0 4242")
	f.Fuzz(func(t *testing.T, text string) {
		if id, what, parent := parseStat(text); parent != 0 && (id == "" || what == "") {
			t.Errorf("%q: %q %q %d", text, id, what, parent)
		}
	})
}
