package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"sightline/internal/metrics"
)

// Plots are drawn in a square of plotSize that the page stretches to whatever room there is; ticks are
// text beside it, so that they keep their size on a phone.
const plotSize = 1000

// plot is a curve over time with what the page needs to draw it.
type plot struct {
	Title, Unit  string
	Line, Area   string // SVG paths; Area may be empty
	Level        float64
	LevelName    string // empty: no level
	YTicks       []tick
	XTicks       []tick
	Summary      string
	LineMeaning  string
	ShadeMeaning string
}

// tick is a mark at so many percent of an axis.
type tick struct {
	At   float64
	Text string
}

// axis maps values to 0..plotSize.
type axis struct{ lo, hi float64 }

func (a axis) at(v float64) float64 {
	if a.hi <= a.lo {
		return 0
	}
	return min(max((v-a.lo)/(a.hi-a.lo), 0), 1) * plotSize
}

// niceStep is 1, 2 or 5 times a power of ten, such that span holds about n steps.
func niceStep(span float64, n int) float64 {
	if !(span > 0) || math.IsInf(span, 0) {
		return 1
	}
	raw := span / float64(n)
	power := math.Pow(10, math.Floor(math.Log10(raw)))
	for _, m := range [...]float64{1, 2, 5} {
		if raw <= m*power*1.0001 {
			return m * power
		}
	}
	return 10 * power
}

// fromZero is an axis from 0 to the first step at or above top, with its ticks.
func fromZero(top float64, whole bool) (axis, []tick) {
	step := niceStep(top, 4)
	if whole {
		step = max(math.Round(step), 1)
	}
	steps := max(math.Ceil(top/step-1e-9), 1)
	a := axis{0, steps * step}
	var ticks []tick
	for i := 0.0; i <= steps; i++ {
		ticks = append(ticks, tick{100 * i / steps, number(i * step)})
	}
	return a, ticks
}

// number writes a tick without needless digits; adding 0 turns a negative zero into a plain one.
func number(v float64) string { return strconv.FormatFloat(v+0, 'g', 6, 64) }

// timeAxis spans the series; its ticks are seconds, or minutes where it is long.
func timeAxis(points []metrics.Point) (axis, []tick) {
	a := axis{points[0].PTS, points[len(points)-1].PTS}
	span := a.hi - a.lo
	unit, name := 1.0, " s"
	if span >= 300 {
		unit, name = 60, " min"
	}
	step := niceStep(span/unit, 5) * unit
	var ticks []tick
	for v := math.Ceil(a.lo/step-1e-9) * step; v <= a.hi+step*1e-9 && len(ticks) < 20; v += step {
		ticks = append(ticks, tick{a.at(v) * 100 / plotSize, number(math.Round(v/unit*1e6)/1e6) + name})
	}
	return a, ticks
}

// path is an SVG path under construction.
type path struct{ strings.Builder }

func (p *path) to(x, y float64) {
	op := "L"
	if p.Len() == 0 {
		op = "M"
	}
	fmt.Fprintf(p, "%s%.1f %.1f", op, x, plotSize-y)
}

// plottable says that there is something to draw, and all of it finite and in order.
func plottable(points []metrics.Point) bool {
	for i, p := range points {
		for _, v := range [...]float64{p.PTS, p.TotalMS, p.PeakMS, p.People} {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return false
			}
		}
		if i > 0 && p.PTS < points[i-1].PTS {
			return false
		}
	}
	return len(points) > 1 && points[len(points)-1].PTS > points[0].PTS
}

// latencyPlot draws the mean of each point as a line and the largest as a shade behind it.
func latencyPlot(c *Camera) plot {
	top, averaged := c.Latency.P95, false
	for _, p := range c.Series {
		top = max(top, p.TotalMS, p.PeakMS)
		averaged = averaged || p.PeakMS > p.TotalMS
	}
	y, yTicks := fromZero(top, false)
	x, xTicks := timeAxis(c.Series)
	out := plot{Title: "Latency", Unit: "ms", YTicks: yTicks, XTicks: xTicks, Level: plotSize - y.at(c.Latency.P95)}
	if c.Latency.P95 > 0 {
		out.LevelName = "p95 " + milliseconds(c.Latency.P95) + " ms"
	}
	var line, shade path
	shade.to(0, 0)
	for _, p := range c.Series {
		line.to(x.at(p.PTS), y.at(p.TotalMS))
		shade.to(x.at(p.PTS), y.at(max(p.PeakMS, p.TotalMS)))
	}
	shade.to(plotSize, 0)
	out.Line, out.Area = line.String(), shade.String()+"Z"
	if averaged {
		out.LineMeaning, out.ShadeMeaning = "mean", "largest"
	}
	out.Summary = fmt.Sprintf("latency over time, p50 %s, p95 %s, largest %s ms",
		milliseconds(c.Latency.P50), milliseconds(c.Latency.P95), milliseconds(c.Latency.Max))
	return out
}

// peoplePlot draws steps: a number of people holds until the next frame.
func peoplePlot(c *Camera) plot {
	top := 1.0
	for _, p := range c.Series {
		top = max(top, p.People)
	}
	y, yTicks := fromZero(top, true)
	x, xTicks := timeAxis(c.Series)
	var line, shade path
	shade.to(0, 0)
	before := y.at(c.Series[0].People)
	for _, p := range c.Series {
		if at := y.at(p.People); at != before || line.Len() == 0 {
			if line.Len() > 0 {
				line.to(x.at(p.PTS), before)
				shade.to(x.at(p.PTS), before)
			}
			line.to(x.at(p.PTS), at)
			shade.to(x.at(p.PTS), at)
			before = at
		}
	}
	line.to(plotSize, before)
	shade.to(plotSize, before)
	shade.to(plotSize, 0)
	return plot{Title: "People", Line: line.String(), Area: shade.String() + "Z", YTicks: yTicks, XTicks: xTicks,
		Summary: fmt.Sprintf("people over time, mean %s, largest %d", decimal(c.People), c.MaxPeople)}
}

// bar is a stage's share of the mean frame.
type bar struct {
	Stage
	Index  int // of its colour, from 1; 0 for what no stage accounts for
	Left   float64
	Width  float64
	Signal string // mean in words
}

// bars lays the stages' means side by side; what the total has beyond them comes last.
func bars(c *Camera) []bar {
	sum := 0.0
	for _, s := range c.Stages {
		sum += max(s.Mean, 0)
	}
	whole := max(sum, c.Latency.Mean)
	if !(whole > 0) || math.IsInf(whole, 0) {
		return nil
	}
	var out []bar
	left := 0.0
	for i, s := range c.Stages {
		width := 100 * max(s.Mean, 0) / whole
		out = append(out, bar{Stage: s, Index: i%6 + 1, Left: left, Width: width, Signal: milliseconds(s.Mean)})
		left += width
	}
	if rest := whole - sum; rest > 0.01*whole {
		out = append(out, bar{Stage: Stage{Name: "other"}, Left: left, Width: 100 - left, Signal: milliseconds(rest)})
	}
	return out
}
