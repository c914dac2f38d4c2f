package progress

import (
	"fmt"
	"strings"
	"time"
	"unicode"
)

// Unit says what a State counts.
type Unit int

// The units.
const (
	Count   Unit = iota // things: frames, files
	Bytes               // shown in MB, with the rate
	Percent             // the part alone is shown
)

// State is how far a task has come.
type State struct {
	Done  int64
	Total int64 // 0: not known, no bar
	Unit  Unit
	Note  string // shown at the line's end
}

// Task is one line of a Display. All methods may be called by any goroutine.
type Task struct {
	d     *Display
	name  string
	start time.Time

	// guarded by d.mu
	state State
	ended bool
	took  time.Duration
	dirty bool
}

// Update sets the task's state; it is drawn at the next turn. Updates after Done are ignored.
func (t *Task) Update(s State) {
	if t.d == nil {
		return
	}
	t.d.mu.Lock()
	defer t.d.mu.Unlock()
	s.Note = printable(s.Note)
	if !t.ended && s != t.state {
		t.state, t.dirty = s, true
	}
}

// Done ends the task with a last word ("done", "failed", …), which takes the place of the bar. Where the display is not
// on a terminal the line is written at once. Later calls are ignored.
func (t *Task) Done(note string) {
	d := t.d
	if d == nil {
		return
	}
	d.mu.Lock()
	if t.ended || d.closed {
		d.mu.Unlock()
		return
	}
	t.ended, t.dirty = true, true
	t.took = d.now().Sub(t.start)
	t.state.Note = printable(note)
	d.mu.Unlock()
	d.draw()
}

const barWidth = 24

func (t *Task) liveText(nameWidth, columns int, now time.Time) string {
	name := []rune(cut(t.name, nameWidth))
	line := string(name) + strings.Repeat(" ", nameWidth-len(name))
	if !t.ended && t.state.Total > 0 && columns >= nameWidth+barWidth+20 {
		full := int(fraction(t.state) * barWidth)
		line += "  [" + strings.Repeat("=", full) + strings.Repeat(" ", barWidth-full) + "]"
	}
	return line + "  " + t.figures(now)
}

func (t *Task) plainText(now time.Time) string { return t.name + ": " + t.figures(now) }

// figures is the part of a line that says how far the task has come, in words.
func (t *Task) figures(now time.Time) string {
	if t.ended {
		return fmt.Sprintf("%s (%s)", t.state.Note, t.took.Round(100*time.Millisecond))
	}
	s := t.state
	var parts []string
	switch {
	case s.Unit == Bytes && s.Total > 0:
		parts = append(parts, fmt.Sprintf("%3.0f%%  %.1f of %.1f MB", 100*fraction(s), mega(s.Done), mega(s.Total)))
	case s.Unit == Bytes && s.Done > 0:
		parts = append(parts, fmt.Sprintf("%.1f MB", mega(s.Done)))
	case s.Unit == Percent && s.Total > 0:
		parts = append(parts, fmt.Sprintf("%3.0f%%", 100*fraction(s)))
	case s.Total > 0:
		parts = append(parts, fmt.Sprintf("%3.0f%%  %d of %d", 100*fraction(s), s.Done, s.Total))
	case s.Done > 0:
		parts = append(parts, fmt.Sprint(s.Done))
	}
	if seconds := now.Sub(t.start).Seconds(); s.Unit == Bytes && s.Done > 0 && seconds > 0.5 {
		parts = append(parts, fmt.Sprintf("%.1f MB/s", mega(s.Done)/seconds))
	}
	if s.Note != "" {
		parts = append(parts, s.Note)
	}
	if len(parts) == 0 {
		return "…"
	}
	return strings.Join(parts, "  ")
}

func fraction(s State) float64 { return min(max(float64(s.Done)/float64(s.Total), 0), 1) }

func mega(n int64) float64 { return float64(n) / 1e6 }

// cut shortens s to n characters.
func cut(s string, n int) string {
	r := []rune(s)
	if n < 1 {
		return ""
	}
	if len(r) <= n {
		return s
	}
	return string(r[:n-1]) + "…"
}

// printable replaces what could move a terminal's cursor.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '?'
	}, s)
}
