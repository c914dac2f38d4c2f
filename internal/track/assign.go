package track

import "math"

// unmatched is the price of leaving something alone, just above that of the worst match: a match is
// always better than none, but not at the expense of making a good match a bad one.
const unmatched = 1.25

// matcher solves sparse assignment problems by shortest augmenting paths (Jonker and Volgenant) and
// keeps its memory. Only possible pairs exist, and every row has besides them a way out of its own at
// the cost unmatched. So a search ends a few boxes from where it began, however large the crowd is.
type matcher struct {
	n, m    int
	edges   []edge
	first   []int // of a row: its first edge; one more entry ends the last row's
	u, v    []float64
	column  []int // of a row, -1 for none
	partner []int // of a column: its row, -1 for none

	// One search: columns that were reached, from which row and how far, and those already left.
	reached []int
	from    []int
	least   []float64
	done    []bool
}

// edge is a possible match of a row with a column.
type edge struct {
	column int
	cost   float64
}

// begin starts a problem of n rows and m columns without possible matches.
func (a *matcher) begin(n, m int) {
	a.n, a.m = n, m
	a.edges, a.first = a.edges[:0], a.first[:0]
}

// row begins the next row; add speaks of it until the next call. Every row must be begun once.
func (a *matcher) row() { a.first = append(a.first, len(a.edges)) }

// add says that the row may be matched with column c at a cost of at least 0; unmatched or more, or
// NaN, forbids it. A column is added at most once a row.
func (a *matcher) add(c int, cost float64) {
	if cost < unmatched {
		a.edges = append(a.edges, edge{c, cost})
	}
}

// assign returns, for each row, its column, -1 for none, so that the sum of the costs of the matches
// and of unmatched for every row left alone is least. It is valid until the next call.
func (a *matcher) assign() []int {
	a.first = append(a.first, len(a.edges))
	a.u, a.v = cleared(a.u, a.n), cleared(a.v, a.m)
	a.column, a.partner = grown(a.column, a.n), grown(a.partner, a.m)
	a.from, a.least, a.done = grown(a.from, a.m), grown(a.least, a.m), grown(a.done, a.m)
	for i := range a.column {
		a.column[i] = -1
	}
	for j := range a.partner {
		a.partner[j], a.least[j], a.done[j] = -1, math.Inf(1), false
	}
	for i := range a.n {
		a.augment(i)
	}
	return a.column
}

// augment finds a place for row i, moving others, or leaving one of them alone, where that is cheaper.
func (a *matcher) augment(i int) {
	a.reached = a.reached[:0]
	sink, out, length := -1, i, math.Inf(1) // without a sink the row out takes its way out
	for row, base := i, 0.0; ; {
		if d := base + unmatched - a.u[row]; d < length {
			out, length = row, d
		}
		a.reach(row, base)
		next, nearest := -1, length
		for _, j := range a.reached {
			if !a.done[j] && a.least[j] < nearest {
				next, nearest = j, a.least[j]
			}
		}
		if next < 0 {
			break
		}
		if a.partner[next] < 0 {
			sink, length = next, nearest
			break
		}
		a.done[next] = true
		row, base = a.partner[next], nearest
	}
	a.price(i, length)
	j := sink
	if j < 0 {
		j, a.column[out] = a.column[out], -1
	}
	for j >= 0 { // up to row i, which had no column
		row := a.from[j]
		a.column[row], a.partner[j], j = j, row, a.column[row]
	}
	for _, j := range a.reached {
		a.least[j], a.done[j] = math.Inf(1), false
	}
}

// reach shortens the ways to the columns of row, which is base away from the root of the search.
func (a *matcher) reach(row int, base float64) {
	for _, e := range a.edges[a.first[row]:a.first[row+1]] {
		d := base + e.cost - a.u[row] - a.v[e.column]
		if a.done[e.column] || d >= a.least[e.column] {
			continue
		}
		if math.IsInf(a.least[e.column], 1) {
			a.reached = append(a.reached, e.column)
		}
		a.least[e.column], a.from[e.column] = d, row
	}
}

// price moves the prices so that the path of the given length from row i costs nothing.
func (a *matcher) price(i int, length float64) {
	a.u[i] += length
	for _, j := range a.reached {
		if a.done[j] {
			a.v[j] -= length - a.least[j]
			a.u[a.partner[j]] += length - a.least[j]
		}
	}
}

// grown is s with length n and any contents.
func grown[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n, max(n, 2*cap(s)))
	}
	return s[:n]
}

// cleared is s with length n, all zero.
func cleared[T any](s []T, n int) []T {
	s = grown(s, n)
	clear(s)
	return s
}
