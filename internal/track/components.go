package track

import (
	"cmp"
	"math"
	"slices"
)

// pair is a row and a column that may be matched, at less than unmatched.
type pair struct {
	row, column, component int
	cost                   float64
}

// components splits an assignment problem into parts that share no possible match. Their best
// matches together are the best of the whole, and in a crowd each is a handful of boxes, so that a
// frame costs little more than finding who is near whom.
type components struct {
	order  []int // columns, by their left edge
	pairs  []pair
	parent []int // a forest over rows, then columns; a tree is a component
	place  []int // of a row or column: its index within its component
	result []int
}

// begin starts a problem of n rows and m columns.
func (c *components) begin(n, m int) {
	c.pairs = c.pairs[:0]
	c.parent = grown(c.parent, n+m)
	for i := range c.parent {
		c.parent[i] = i
	}
}

// add says that row r and column j of a problem with n rows may be matched.
func (c *components) add(n, r, j int, cost float64) {
	if !(cost < unmatched) {
		return
	}
	c.pairs = append(c.pairs, pair{row: r, column: j, cost: cost})
	if a, b := c.find(r), c.find(n+j); a != b {
		c.parent[max(a, b)] = min(a, b)
	}
}

func (c *components) find(i int) int {
	for c.parent[i] != i {
		c.parent[i] = c.parent[c.parent[i]]
		i = c.parent[i]
	}
	return i
}

// assign is matcher.assign for the problem of n rows whose pairs were added, a component at a time.
func (c *components) assign(a *matcher, n int) []int {
	c.result = grown(c.result, n)
	for i := range c.result {
		c.result[i] = -1
	}
	for i := range c.pairs {
		c.pairs[i].component = c.find(c.pairs[i].row)
	}
	slices.SortFunc(c.pairs, func(p, q pair) int {
		return cmp.Or(cmp.Compare(p.component, q.component), cmp.Compare(p.row, q.row), cmp.Compare(p.column, q.column))
	})
	c.place = grown(c.place, len(c.parent))
	for i := range c.place {
		c.place[i] = -1
	}
	for start := 0; start < len(c.pairs); {
		end := start
		for end < len(c.pairs) && c.pairs[end].component == c.pairs[start].component {
			end++
		}
		c.part(a, n, c.pairs[start:end])
		start = end
	}
	return c.result
}

// part solves one component.
func (c *components) part(a *matcher, n int, pairs []pair) {
	if len(pairs) == 1 {
		c.result[pairs[0].row] = pairs[0].column
		return
	}
	a.rows, a.columns = a.rows[:0], a.columns[:0]
	for _, p := range pairs {
		if c.place[p.row] < 0 {
			c.place[p.row] = len(a.rows)
			a.rows = append(a.rows, p.row)
		}
		if c.place[n+p.column] < 0 {
			c.place[n+p.column] = len(a.columns)
			a.columns = append(a.columns, p.column)
		}
	}
	a.size(len(a.rows), len(a.columns))
	for i := range a.cost {
		a.cost[i] = unmatched
	}
	for _, p := range pairs {
		a.set(c.place[p.row], c.place[n+p.column], p.cost)
	}
	for r, j := range a.assign() {
		if j >= 0 {
			c.result[a.rows[r]] = a.columns[j]
		}
	}
}

// sweep orders the columns by their left edge and returns the greatest width, which bounds how far
// to the left of a track an overlapping box may begin.
func (t *Tracker) sweep(columns []int) (widest float64) {
	s := &t.sparse
	s.order = s.order[:0]
	for c, column := range columns {
		s.order = append(s.order, c)
		widest = max(widest, t.seen[column].box.w)
	}
	left := func(c int) float64 { b := t.seen[columns[c]].box; return b.cx - b.w/2 }
	slices.SortFunc(s.order, func(a, b int) int { return cmp.Or(cmp.Compare(left(a), left(b)), cmp.Compare(a, b)) })
	return widest
}

// near returns the columns, in the order of sweep, that may overlap k when both grow by the share
// grow. It looks at their left edges only.
func (t *Tracker) near(columns []int, k box, widest, grow float64) []int {
	order := t.sparse.order
	edge := func(c int) float64 { b := t.seen[columns[c]].box; return b.cx - b.w/2 }
	reach := k.w*(0.5+grow) + widest*grow
	from, _ := slices.BinarySearchFunc(order, k.cx-reach-widest, func(c int, x float64) int { return cmp.Compare(edge(c), x) })
	to, _ := slices.BinarySearchFunc(order, math.Nextafter(k.cx+reach, math.Inf(1)), func(c int, x float64) int { return cmp.Compare(edge(c), x) })
	return order[from:to]
}
