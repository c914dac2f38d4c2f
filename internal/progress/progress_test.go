package progress

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"
)

// screen is as much of a terminal as the display uses: lines, cursor up, carriage return, clear to the end.
type screen struct {
	mu    sync.Mutex
	lines []string
	row   int
	wraps int // lines longer than the terminal is wide
	bad   string
	width int
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := string(p)
	for text != "" {
		switch {
		case strings.HasPrefix(text, "\x1b[A"):
			s.row, text = s.row-1, text[3:]
		case strings.HasPrefix(text, "\x1b[J"):
			s.lines, text = s.lines[:s.row], text[3:]
		case text[0] == '\r':
			text = text[1:]
		default:
			line, rest, found := strings.Cut(text, "\n")
			if !found || strings.Contains(line, "\x1b") || s.row != len(s.lines) {
				s.bad = fmt.Sprintf("%q at row %d of %d", text, s.row, len(s.lines))
				return 0, errors.New(s.bad)
			}
			if utf8.RuneCountInString(line) >= s.width {
				s.wraps++
			}
			s.lines, s.row, text = append(s.lines, line), s.row+1, rest
		}
	}
	return len(p), nil
}

func live(columns, rows int) (*Display, *screen, *time.Time) {
	s := &screen{width: columns}
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	d := &Display{w: s, now: func() time.Time { return now }, size: func() (int, int) { return columns, rows },
		stop: make(chan struct{}), ended: make(chan struct{})}
	go d.run(0)
	return d, s, &now
}

func TestLiveBlockIsRedrawnInPlace(t *testing.T) {
	d, s, now := live(100, 24)
	a, b := d.Task("library"), d.Task("plaza-1\x1b[2J")
	a.Update(State{Done: 5e6, Total: 20e6, Unit: Bytes})
	b.Update(State{Done: 30, Total: 60, Note: "12 fps"})
	*now = now.Add(2 * time.Second)
	d.draw()
	a.Update(State{Done: 10e6, Total: 20e6, Unit: Bytes})
	d.draw()
	want := []string{
		"library      [============            ]   50%  10.0 of 20.0 MB  5.0 MB/s",
		"plaza-1?[2J  [============            ]   50%  30 of 60  12 fps",
	}
	if got := strings.Join(s.lines, "\n"); got != strings.Join(want, "\n") || s.bad != "" {
		t.Fatalf("screen:\n%s\nwant:\n%s\n%s", got, strings.Join(want, "\n"), s.bad)
	}
	log := slog.New(slog.NewTextHandler(d, nil))
	log.Info("above")
	a.Done("done")
	d.Close()
	d.Close()
	if len(s.lines) != 3 || !strings.Contains(s.lines[0], "msg=above") || s.lines[1] != "library      done (2s)" {
		t.Fatalf("screen after a log line and Done:\n%s", strings.Join(s.lines, "\n"))
	}
}

func TestLiveBlockNeverExceedsTheTerminal(t *testing.T) {
	for _, size := range [][2]int{{1, 1}, {10, 3}, {40, 10}, {200, 5}} {
		d, s, _ := live(size[0], size[1])
		for i := range 64 {
			d.Task(fmt.Sprintf("camera with a rather long name %d", i)).Update(State{Done: int64(i), Total: 64, Note: strings.Repeat("é", 300)})
			d.draw()
		}
		if s.bad != "" || s.wraps > 0 && size[0] > 1 || len(s.lines) > max(size[1]-2, 1) {
			t.Errorf("terminal %v: %d lines, %d wrapped, %s", size, len(s.lines), s.wraps, s.bad)
		}
		d.Close()
	}
}

func TestPlainLines(t *testing.T) {
	var w bytes.Buffer
	d := New(&w, Options{Plain: time.Hour})
	d.now = func() time.Time { return time.Time{} }
	if d.Live() {
		t.Fatal("a buffer is no terminal")
	}
	task := d.Task("library")
	d.draw()
	task.Update(State{Done: 1e6, Unit: Bytes})
	d.draw()
	d.draw() // nothing new: no line
	task.Update(State{Done: 3, Total: 4})
	d.draw()
	task.Done("failed")
	task.Done("again")
	task.Update(State{Done: 4, Total: 4})
	d.Close()
	d.draw()
	want := "library: 1.0 MB\nlibrary:  75%  3 of 4\nlibrary: failed (0s)\n"
	if w.String() != want {
		t.Errorf("got\n%swant\n%s", w.String(), want)
	}
}

func TestNeverPlain(t *testing.T) {
	var w bytes.Buffer
	d := New(&w, Options{Plain: -1})
	task := d.Task("x")
	task.Update(State{Done: 1})
	d.draw()
	task.Done("done")
	d.Close()
	if w.Len() > 0 {
		t.Errorf("wrote %q", w.String())
	}
}

func TestNilDisplay(t *testing.T) {
	var d *Display
	task := d.Task("x")
	task.Update(State{Done: 1})
	task.Done("done")
	if n, err := d.Write([]byte("abc")); n != 3 || err != nil {
		t.Errorf("Write: %d, %v", n, err)
	}
	d.Close()
}

func TestManyGoroutines(t *testing.T) {
	d, s, _ := live(80, 24)
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			task := d.Task(fmt.Sprint("task ", i))
			for n := range int64(50) {
				task.Update(State{Done: n, Total: 50})
				d.draw()
				fmt.Fprintln(d, "line")
			}
			task.Done("done")
		})
	}
	group.Wait()
	d.Close()
	if s.bad != "" || len(s.lines) != 8*50+8 {
		t.Errorf("%d lines, %s", len(s.lines), s.bad)
	}
}

func FuzzPrintable(f *testing.F) {
	f.Add("a\x1b[31m\u202eb", 3)
	f.Fuzz(func(t *testing.T, s string, n int) {
		p := printable(s)
		if strings.ContainsAny(p, "\x1b\r\n\b\u202e") {
			t.Errorf("%q keeps a control character", p)
		}
		if c := cut(p, n); utf8.RuneCountInString(c) > max(n, 0) {
			t.Errorf("cut(%q, %d) = %q", p, n, c)
		}
	})
}
