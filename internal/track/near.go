package track

import (
	"cmp"
	"math"
	"slices"
)

// sweep orders the columns by their left edge and returns the greatest width, which bounds how far
// to the left of a track an overlapping box may begin.
func (t *Tracker) sweep(columns []int) (widest float64) {
	t.order = t.order[:0]
	for c, column := range columns {
		t.order = append(t.order, c)
		widest = max(widest, t.seen[column].box.w)
	}
	left := func(c int) float64 { b := t.seen[columns[c]].box; return b.cx - b.w/2 }
	slices.SortFunc(t.order, func(a, b int) int { return cmp.Or(cmp.Compare(left(a), left(b)), cmp.Compare(a, b)) })
	return widest
}

// near returns the columns, in the order of sweep, that may overlap k when both grow by the share
// grow. It looks at their left edges only.
func (t *Tracker) near(columns []int, k box, widest, grow float64) []int {
	order := t.order
	edge := func(c int) float64 { b := t.seen[columns[c]].box; return b.cx - b.w/2 }
	reach := k.w*(0.5+grow) + widest*grow
	from, _ := slices.BinarySearchFunc(order, k.cx-reach-widest, func(c int, x float64) int { return cmp.Compare(edge(c), x) })
	to, _ := slices.BinarySearchFunc(order, math.Nextafter(k.cx+reach, math.Inf(1)), func(c int, x float64) int { return cmp.Compare(edge(c), x) })
	return order[from:to]
}
