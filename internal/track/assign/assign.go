// Package assign solves sparse assignment problems: which row goes with which column so that the sum of
// the costs is least. It serves the trackers, where an object can be one of its few neighbours, and the
// counters that judge them.
package assign

import (
	"math"
	"slices"
)

// Solver holds one problem and keeps its memory for the next. It belongs to one goroutine.
//
// Rows are placed one after the other by a shortest augmenting path (Jonker and Volgenant) over the
// edges there are. Every row may also stay alone at a price, so a path never goes farther than the
// chain of neighbours that would have to move: far parts of a large problem do not see each other.
type Solver struct {
	rows, columns int
	alone         float64
	edges         []edge
	start         []int32 // of a row's edges in the sorted list; one more than rows
	sorted        []edge

	price   []float64 // dual of a column, never above 0
	row     []int32   // of a column, -1 while it is free
	out     []int32   // of a row, -1 while it is alone
	least   []float64 // length of the shortest path to a column in the present search
	from    []int32   // the row that path comes from
	state   []uint32  // of a column: 2*search while it is reached, 2*search+1 when it is done
	open    []int32   // columns reached but not done
	done    []int32
	search  uint32
	loneRow int32
}

type edge struct {
	row, column int32
	cost        float64
}

// Reset begins a problem without edges. alone is what it costs to leave a row without a column, for
// each row alike; a column may stay alone for nothing.
func (s *Solver) Reset(rows, columns int, alone float64) {
	s.rows, s.columns, s.alone = rows, columns, alone
	s.edges = s.edges[:0]
}

// Add says that a row may have a column at a cost of 0 or more. At alone or more, or NaN, it may not.
// A pair is added once at most.
func (s *Solver) Add(row, column int, cost float64) {
	if cost >= 0 && cost < s.alone {
		s.edges = append(s.edges, edge{int32(row), int32(column), cost})
	}
}

// Solve returns for each row its column, -1 for none. It is valid until the next Reset.
func (s *Solver) Solve() []int32 {
	s.sort()
	s.price = cleared(s.price, s.columns)
	s.row, s.out = grown(s.row, s.columns), grown(s.out, s.rows)
	s.least, s.from = grown(s.least, s.columns), grown(s.from, s.columns)
	s.state, s.search = cleared(s.state, s.columns), 0
	for c := range s.row {
		s.row[c] = -1
	}
	for r := range s.out {
		s.out[r] = -1
	}
	for r := range s.rows {
		if s.start[r] < s.start[r+1] {
			s.place(int32(r))
		}
	}
	return s.out
}

// sort puts the edges in the order of their rows.
func (s *Solver) sort() {
	s.start = cleared(s.start, s.rows+1)
	for _, e := range s.edges {
		s.start[e.row+1]++
	}
	for r := range s.rows {
		s.start[r+1] += s.start[r]
	}
	s.sorted = grown(s.sorted, len(s.edges))
	// start serves as the place of a row's next edge and ends one row ahead.
	for _, e := range s.edges {
		s.sorted[s.start[e.row]] = e
		s.start[e.row]++
	}
	copy(s.start[1:], s.start[:s.rows])
	s.start[0] = 0
}

// place finds the cheapest way to give row r a column or to leave one row alone in its stead.
func (s *Solver) place(r int32) {
	s.search++
	s.open, s.done = s.open[:0], s.done[:0]
	end, base, alone := int32(-1), 0.0, math.Inf(1)
	for at := r; ; {
		// The path to at costs base, and to leave it alone instead of what it has alone - its own cost.
		own := s.reduced(at)
		if d := base + s.alone - own; d < alone {
			alone, s.loneRow = d, at
		}
		s.reach(at, base-own)
		next, least := -1, alone
		for i, c := range s.open {
			if s.least[c] < least {
				next, least = i, s.least[c]
			}
		}
		base = least
		if next < 0 {
			break
		}
		c := s.open[next]
		s.open[next] = s.open[len(s.open)-1]
		s.open = s.open[:len(s.open)-1]
		s.state[c] = 2*s.search + 1
		if s.row[c] < 0 {
			end = c
			break
		}
		s.done = append(s.done, c)
		at = s.row[c]
	}
	for _, c := range s.done {
		s.price[c] += s.least[c] - base
	}
	s.walk(r, end)
}

// reduced is what the row has now: the cost of its column less the column's price, 0 before it is
// placed. A row that was left alone is never reached.
func (s *Solver) reduced(r int32) float64 {
	c := s.out[r]
	if c < 0 {
		return 0
	}
	for _, e := range s.sorted[s.start[r]:s.start[r+1]] {
		if e.column == c {
			return e.cost - s.price[c]
		}
	}
	panic("assign: a row has a column that it has no edge to")
}

// reach looks at the columns of a row from a path that is base long.
func (s *Solver) reach(r int32, base float64) {
	for _, e := range s.sorted[s.start[r]:s.start[r+1]] {
		if s.state[e.column] == 2*s.search+1 {
			continue
		}
		d := base + e.cost - s.price[e.column]
		if s.state[e.column] != 2*s.search {
			s.state[e.column] = 2 * s.search
			s.open = append(s.open, e.column)
		} else if d >= s.least[e.column] {
			continue
		}
		s.least[e.column], s.from[e.column] = d, r
	}
}

// walk moves the rows along the path from row r that ends at a free column, or at loneRow if end is -1.
func (s *Solver) walk(r, end int32) {
	if end < 0 {
		end = s.out[s.loneRow]
		s.out[s.loneRow] = -1
		if s.loneRow == r {
			return
		}
	}
	for {
		at := s.from[end]
		s.row[end] = at
		end, s.out[at] = s.out[at], end
		if at == r {
			return
		}
	}
}

// grown is s with length n and any contents.
func grown[T any](s []T, n int) []T { return slices.Grow(s[:0], n)[:n] }

// cleared is s with length n, all zero.
func cleared[T any](s []T, n int) []T {
	s = grown(s, n)
	clear(s)
	return s
}
