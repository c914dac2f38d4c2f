package report

import (
	"bytes"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"image"
	_ "image/jpeg" // pictures come as JPEG
	_ "image/png"  // or as PNG
	"io"
	"strings"
	"time"
)

//go:embed report.html.tmpl
var pageText string

// fact is a line of the page's head.
type fact struct{ Name, Value string }

// view is what the template sees of a camera.
type view struct {
	*Camera
	ID            string
	Image         template.URL
	Width, Height int
	Plots         []plot
	Bars          []bar
	Drops         string
}

type page struct {
	*Report
	Facts  []fact
	Views  []view
	Totals totals
}

// Write writes the page to w: HTML that refers to nothing outside itself. A picture that is neither
// PNG nor JPEG is an error, found before anything is written.
func Write(w io.Writer, r Report) error {
	p := page{Report: &r, Facts: facts(&r), Totals: r.totals()}
	for i := range r.Cameras {
		v, err := newView(i, &r.Cameras[i])
		if err != nil {
			return err
		}
		p.Views = append(p.Views, v)
	}
	t, err := template.New("report").Funcs(template.FuncMap{
		"ms": milliseconds, "decimal": decimal, "count": count, "percent": func(v float64) string { return fmt.Sprintf("%.3f%%", v) },
		"small": func(n int) string { return count(uint64(max(n, 0))) },
	}).Parse(pageText)
	if err != nil {
		return fmt.Errorf("report page: %w", err)
	}
	var b bytes.Buffer
	if err := t.Execute(&b, p); err != nil {
		return fmt.Errorf("report page: %w", err)
	}
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

func newView(i int, c *Camera) (view, error) {
	v := view{Camera: c, ID: fmt.Sprintf("camera-%d", i+1), Bars: bars(c), Drops: causes(c.DroppedBy)}
	if plottable(c.Series) {
		v.Plots = []plot{latencyPlot(c), peoplePlot(c)}
	}
	if len(c.Picture) == 0 {
		return v, nil
	}
	config, kind, err := image.DecodeConfig(bytes.NewReader(c.Picture))
	if err == nil && kind != "png" && kind != "jpeg" {
		err = fmt.Errorf("it is %s", kind)
	}
	if err != nil {
		return v, fmt.Errorf("picture of camera %q is neither PNG nor JPEG: %w", c.Name, err)
	}
	// Safe to hand to the page as it is: a checked kind and base64.
	v.Image = template.URL("data:image/" + kind + ";base64," + base64.StdEncoding.EncodeToString(c.Picture))
	v.Width, v.Height = config.Width, config.Height
	return v, nil
}

func facts(r *Report) []fact {
	var models []string
	for _, m := range r.Models {
		if m.Detail == "" {
			models = append(models, m.Name)
		} else {
			models = append(models, m.Name+": "+m.Detail)
		}
	}
	started := ""
	if !r.Start.IsZero() {
		started = r.Start.Format(time.RFC1123)
	}
	all := []fact{
		{"Command", r.Command}, {"Device", r.Device}, {"Runtime", r.Runtime}, {"Inference mode", r.Mode},
		{"Machine", r.Machine}, {"Load", r.Load}, {"Started", started}, {"Took", elapsed(r.Elapsed)}, {"Version", r.Version},
		{"Models", strings.Join(models, "\n")},
	}
	given := all[:0]
	for _, f := range all {
		if f.Value != "" {
			given = append(given, f)
		}
	}
	return given
}
