package report

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"sightline/internal/metrics"
)

// Table writes the report's table as aligned text, then failures, then the paths of what was written.
// Names are cleaned of what would steer a terminal.
func Table(w io.Writer, r Report) error {
	rows := [][]string{{"camera", "frames", "people", "most", "tracks", "fps", "p50 ms", "p95 ms", "p99 ms", "dropped"}}
	latency := func(q metrics.Quantiles, frames uint64) []string {
		if frames == 0 || q == (metrics.Quantiles{}) {
			return []string{"-", "-", "-"}
		}
		return []string{milliseconds(q.P50), milliseconds(q.P95), milliseconds(q.P99)}
	}
	unsigned := func(n uint64) string { return strconv.FormatUint(n, 10) }
	for i := range r.Cameras {
		c := &r.Cameras[i]
		row := []string{printable(c.Name), unsigned(c.Frames), decimal(c.People), strconv.Itoa(c.MaxPeople), strconv.Itoa(c.Tracks), decimal(c.FPS)}
		rows = append(rows, append(append(row, latency(c.Latency, c.Frames)...), unsigned(c.Dropped)))
	}
	if len(r.Cameras) > 1 {
		t := r.totals()
		fps := "-"
		if r.Elapsed > 0 {
			fps = decimal(t.FPS)
		}
		row := []string{"all", unsigned(t.Frames), "", "", strconv.Itoa(t.Tracks), fps}
		rows = append(rows, append(append(row, latency(r.Latency, t.Frames)...), unsigned(t.Dropped)))
	}
	var b bytes.Buffer
	if r.Notice != "" {
		fmt.Fprintf(&b, "%s\n\n", printable(r.Notice))
	}
	align(&b, rows)
	if r.Load != "" {
		fmt.Fprintf(&b, "\n%s\n", printable(r.Load))
	}
	writeList(&b, &r)
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("write table: %w", err)
	}
	return nil
}

// align writes the first column to the left and the others to the right, two spaces between.
func align(b *bytes.Buffer, rows [][]string) {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for _, row := range rows {
		for i, cell := range row {
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if i == 0 {
				b.WriteString(cell + pad)
			} else {
				b.WriteString("  " + pad + cell)
			}
		}
		b.WriteByte('\n')
	}
}

func writeList(b *bytes.Buffer, r *Report) {
	for i := range r.Cameras {
		c := &r.Cameras[i]
		if c.Failure != "" {
			fmt.Fprintf(b, "\n%s failed: %s\n", printable(c.Name), printable(c.Failure))
		}
	}
	var paths []string
	for i := range r.Cameras {
		paths = append(paths, r.Cameras[i].Outputs...)
	}
	paths = append(paths, r.Outputs...)
	if len(paths) == 0 {
		return
	}
	b.WriteString("\nwrote\n")
	for _, p := range paths {
		fmt.Fprintf(b, "  %s\n", printable(p))
	}
}
