// Package progress shows how far long work has come: on a terminal a block of lines redrawn in place, elsewhere a plain
// line a task now and then, so that a log file stays readable.
package progress

import (
	"bytes"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"
)

// Options of a Display. The zero value is fit for os.Stderr.
type Options struct {
	Redraw time.Duration // between two drawings on a terminal; 0: 100 ms
	Plain  time.Duration // between two rounds of plain lines elsewhere; 0: 5 s; negative: never, Done included
}

// Display is a set of tasks, one line each in the order of their creation. All methods may be called by any goroutine.
// A nil *Display is a display that shows nothing, so that callers need not ask.
type Display struct {
	w     io.Writer
	size  func() (columns, rows int) // nil where w is no terminal
	now   func() time.Time
	plain bool // plain lines are wanted
	stop  chan struct{}
	ended chan struct{}
	once  sync.Once

	mu     sync.Mutex // guards what follows, and w
	tasks  []*Task
	drawn  int // lines of the block that is on the terminal now
	closed bool
	buf    bytes.Buffer
}

// New starts a display on w, which stays the caller's. A goroutine draws until Close.
func New(w io.Writer, o Options) *Display {
	d := &Display{w: w, size: terminalSize(w), now: time.Now, plain: o.Plain >= 0}
	every := o.Plain
	switch {
	case d.size != nil && o.Redraw <= 0:
		every = 100 * time.Millisecond
	case d.size != nil:
		every = o.Redraw
	case o.Plain == 0:
		every = 5 * time.Second
	}
	d.stop, d.ended = make(chan struct{}), make(chan struct{})
	go d.run(every)
	return d
}

// terminalSize returns how to ask for the size of the terminal behind w, or nil where there is none.
func terminalSize(w io.Writer) func() (int, int) {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) || os.Getenv("TERM") == "dumb" {
		return nil
	}
	return func() (int, int) {
		columns, rows, err := term.GetSize(int(f.Fd()))
		if err != nil || columns < 1 || rows < 1 {
			return 80, 24
		}
		return columns, rows
	}
}

func (d *Display) run(every time.Duration) {
	defer close(d.ended)
	if every <= 0 {
		<-d.stop
		return
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-d.stop:
			return
		case <-tick.C:
			d.draw()
		}
	}
}

// Live says whether the display redraws in place, that is, whether it is on a terminal.
func (d *Display) Live() bool { return d != nil && d.size != nil }

// Task adds a line. Control characters in name are shown as '?', for names come from configuration files.
func (d *Display) Task(name string) *Task {
	t := &Task{d: d, name: printable(name)}
	if d == nil {
		return t
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	t.start = d.now()
	d.tasks = append(d.tasks, t)
	return t
}

// Write puts p, whole lines, above the block of tasks: give it to a logger that shares the terminal with the display.
// After Close it writes straight through.
func (d *Display) Write(p []byte) (int, error) {
	if d == nil {
		return len(p), nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.Live() || d.closed {
		return d.w.Write(p)
	}
	d.buf.Reset()
	d.erase()
	d.buf.Write(p)
	if len(p) > 0 && p[len(p)-1] != '\n' {
		d.buf.WriteByte('\n')
	}
	d.block()
	if _, err := d.w.Write(d.buf.Bytes()); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Close draws a last time and stops the display's goroutine; the lines stay on the terminal. It may be called again.
func (d *Display) Close() {
	if d == nil {
		return
	}
	d.once.Do(func() {
		close(d.stop)
		<-d.ended
		if d.Live() {
			d.draw()
		}
		d.mu.Lock()
		d.closed = true
		d.mu.Unlock()
	})
}

// draw shows the tasks as they are now. A writer that fails is a display that shows nothing: progress is no reason to
// stop the work.
func (d *Display) draw() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return
	}
	d.buf.Reset()
	if d.Live() {
		d.erase()
		d.block()
	} else if d.plain {
		for _, t := range d.tasks {
			d.plainLine(t)
		}
	}
	if d.buf.Len() > 0 {
		_, _ = d.w.Write(d.buf.Bytes())
	}
}

// plainLine appends t's line unless nothing has changed since the last one.
func (d *Display) plainLine(t *Task) {
	if !t.dirty {
		return
	}
	t.dirty = false
	d.buf.WriteString(t.plainText(d.now()))
	d.buf.WriteByte('\n')
}

// erase takes the block off the terminal: the cursor goes to its first line and everything below is cleared.
func (d *Display) erase() {
	if d.drawn > 0 {
		d.buf.WriteString(strings.Repeat("\x1b[A", d.drawn))
	}
	d.buf.WriteString("\r\x1b[J")
	d.drawn = 0
}

// block appends the tasks' lines, cut to the terminal: a line that wraps, or a block taller than the screen, could not
// be erased again.
func (d *Display) block() {
	columns, rows := d.size()
	shown := d.tasks
	if room := max(rows-2, 1); len(shown) > room {
		shown = shown[len(shown)-room:]
	}
	wide := 0
	for _, t := range shown {
		wide = max(wide, len([]rune(t.name)))
	}
	for _, t := range shown {
		d.buf.WriteString(cut(t.liveText(min(wide, 28), columns, d.now()), columns-1))
		d.buf.WriteByte('\n')
	}
	d.drawn = len(shown)
}
