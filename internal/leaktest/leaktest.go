// Package leaktest fails a test that leaves goroutines or child processes behind.
package leaktest

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// patience is how long goroutines and processes get to end by themselves after the test: closing is often asynchronous
// by a scheduler's turn or two.
const patience = 2 * time.Second

// TB is what Check needs of a *testing.T, *testing.B or *testing.F.
type TB interface {
	Helper()
	Cleanup(func())
	Errorf(format string, args ...any)
}

// Check notes the goroutines and child processes that exist now and fails t at its cleanup if there are others that do
// not end within two seconds. Call it first in a test, so that its cleanup comes last. It sees the whole process: not
// for tests that run parallel to others. Zombies count as children; they are seen on Linux only, and grandchildren
// whose parent has ended are not seen.
func Check(t TB) {
	t.Helper()
	check(t, patience)
}

func check(t TB, patience time.Duration) {
	t.Helper()
	before := goroutines()
	children := childProcesses()
	t.Cleanup(func() {
		t.Helper()
		var left []string
		for waited, pause := time.Duration(0), time.Millisecond; ; waited, pause = waited+pause, min(2*pause, 100*time.Millisecond) {
			left = append(fresh(goroutines(), before), fresh(childProcesses(), children)...)
			if len(left) == 0 {
				return
			}
			if waited >= patience {
				break
			}
			time.Sleep(pause)
		}
		for _, what := range left {
			t.Errorf("left behind: %s", what)
		}
	})
}

// fresh returns the descriptions of what is in now and was not in before.
func fresh(now, before map[string]string) []string {
	var out []string
	for id, what := range now {
		if _, ok := before[id]; !ok {
			out = append(out, what)
		}
	}
	return out
}

// goroutines returns the stacks of all goroutines but the caller's, by id. Ids are never used twice in a process.
func goroutines() map[string]string {
	buf := make([]byte, 64<<10)
	for {
		n := runtime.Stack(buf, true)
		if n < len(buf) {
			buf = buf[:n]
			break
		}
		buf = make([]byte, 2*len(buf))
	}
	out := map[string]string{}
	for i, stack := range strings.Split(string(buf), "\n\n") {
		head, body, _ := strings.Cut(stack, "\n")
		if i == 0 || ours(body) {
			continue
		}
		id, _, _ := strings.Cut(strings.TrimPrefix(head, "goroutine "), " ")
		out[id] = strings.TrimSpace(stack)
	}
	return out
}

// ours says whether a goroutine belongs to the test runner or to the Go runtime, which start theirs when they like.
func ours(stack string) bool {
	return strings.Contains(stack, "\ncreated by testing.") ||
		strings.Contains(stack, "\ncreated by runtime.") ||
		strings.Contains(stack, "\ncreated by os/signal.") ||
		strings.HasPrefix(stack, "testing.")
}

// childProcesses returns the children of this process, by pid and start time.
func childProcesses() map[string]string {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat") // no /proc: no children are seen
	out := map[string]string{}
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended since
		}
		id, what, parent := parseStat(string(text))
		if parent == os.Getpid() {
			out[id] = what
		}
	}
	return out
}

// parseStat reads a /proc/PID/stat line: "pid (name) state ppid …", with the start time as its 22nd field; the name may
// hold spaces and brackets. parent is 0 for text that is no such line.
func parseStat(text string) (id, what string, parent int) {
	open, end := strings.Index(text, " ("), strings.LastIndex(text, ") ")
	if open < 0 || end < open {
		return "", "", 0
	}
	fields := strings.Fields(text[end+2:])
	if len(fields) < 20 {
		return "", "", 0
	}
	parent, err := strconv.Atoi(fields[1])
	if err != nil {
		return "", "", 0
	}
	pid := text[:open]
	return pid + "@" + fields[19], fmt.Sprintf("process %s %s in state %s", pid, text[open+1:end+1], fields[0]), parent
}
