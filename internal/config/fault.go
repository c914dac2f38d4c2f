package config

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// Fault is one mistake in a file.
type Fault struct {
	File         string
	Line, Column int
	// Field is the way to the value, for example cameras[1].source; empty for the whole file.
	Field string
	// Message says what was found and what was expected. It holds no secret.
	Message string
}

func (f Fault) String() string {
	where := f.File + ": " // a file that cannot be read has no lines
	if f.Line > 0 {
		where = fmt.Sprintf("%s:%d:%d: ", f.File, f.Line, f.Column)
	}
	if f.Field != "" {
		where += f.Field + ": "
	}
	return where + f.Message
}

// Errors are all mistakes of a configuration and its model cards, in the order of the text.
type Errors []Fault

func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, f := range e {
		lines[i] = f.String()
	}
	return strings.Join(lines, "\n")
}

// err is nil if there are no faults.
func (r *reader) err() error {
	if len(r.faults) == 0 {
		return nil
	}
	order := map[string]int{r.file: -1}
	for i, f := range r.faults {
		if _, ok := order[f.File]; !ok {
			order[f.File] = i
		}
	}
	slices.SortStableFunc(r.faults, func(a, b Fault) int {
		return cmp.Or(cmp.Compare(order[a.File], order[b.File]), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return Errors(slices.Compact(r.faults))
}

// reason is why a file cannot be opened, without its path: the fault names that.
func reason(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// suggestion asks, behind a message, whether the nearest known word was meant; empty if none is near.
func suggestion(word string, known []string) string {
	if n := nearest(word, known); n != "" {
		return "; did you mean " + n + "?"
	}
	return ""
}

// nearest is the known word most like the given one, as a hint; empty if none is near.
func nearest(word string, known []string) string {
	best, distance := "", 3
	for _, k := range known {
		if d := edits(strings.ToLower(word), k); d < distance && d < len(k) {
			best, distance = k, d
		}
	}
	return best
}

// edits is the Levenshtein distance.
func edits(a, b string) int {
	if len(a) > 64 {
		return len(a)
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := before
			if a[i] != b[j] {
				change++
			}
			before = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

func quoteAll(words []string) string { return strings.Join(words, ", ") }
