package track

import "math"

// matcher solves assignment problems by shortest augmenting paths (Jonker and Volgenant), in
// O(n² m) for n the smaller side, and keeps its memory.
type matcher struct {
	// rows and columns are components' lists of what the problem's sides stand for.
	rows, columns []int

	n, m int
	cost []float64 // [n,m]

	// With sides 1..small and 1..large; 0 is the root of the search.
	u, v, least []float64
	partner     []int // of a column of the large side: its row of the small side
	way         []int
	done        []bool
	out         []int
}

// unmatched is the price of leaving something alone, just above that of the worst match: a match is
// always better than none, but not at the expense of making a good match a bad one.
const unmatched = 1.25

// size begins a problem of n rows and m columns; all costs must then be set.
func (a *matcher) size(n, m int) {
	a.n, a.m = n, m
	a.cost = grown(a.cost, n*m)
}

// set says what it costs to match row r with column c; unmatched or more, or NaN, forbids it.
func (a *matcher) set(r, c int, cost float64) {
	if !(cost < unmatched) {
		cost = unmatched
	}
	a.cost[r*a.m+c] = cost
}

// assign returns, for each row, its column, -1 for none, so that the sum of the costs of the matches
// and of unmatched for everything left alone on the smaller side is least. It is valid until the next
// call.
func (a *matcher) assign() []int {
	small, large := min(a.n, a.m), max(a.n, a.m)
	rowStep, columnStep := a.m, 1
	if a.n > a.m {
		rowStep, columnStep = 1, a.m
	}
	a.u, a.v = cleared(a.u, small+1), cleared(a.v, large+1)
	a.partner = cleared(a.partner, large+1)
	a.way, a.least, a.done = grown(a.way, large+1), grown(a.least, large+1), grown(a.done, large+1)
	for i := 1; i <= small; i++ {
		a.augment(i, large, rowStep, columnStep)
	}
	a.out = grown(a.out, a.n)
	for i := range a.out {
		a.out[i] = -1
	}
	for j := 1; j <= large; j++ {
		i := a.partner[j]
		if i == 0 || a.cost[(i-1)*rowStep+(j-1)*columnStep] >= unmatched {
			continue
		}
		if a.n > a.m {
			a.out[j-1] = i - 1
		} else {
			a.out[i-1] = j - 1
		}
	}
	return a.out
}

// augment finds a place for row i of the small side, moving others where that is cheaper.
func (a *matcher) augment(i, large, rowStep, columnStep int) {
	a.partner[0] = i
	for j := 0; j <= large; j++ {
		a.least[j], a.done[j] = math.Inf(1), false
	}
	j0 := 0
	for {
		a.done[j0] = true
		i0, delta, j1 := a.partner[j0], math.Inf(1), 0
		for j := 1; j <= large; j++ {
			if a.done[j] {
				continue
			}
			if c := a.cost[(i0-1)*rowStep+(j-1)*columnStep] - a.u[i0] - a.v[j]; c < a.least[j] {
				a.least[j], a.way[j] = c, j0
			}
			if a.least[j] < delta {
				delta, j1 = a.least[j], j
			}
		}
		for j := 0; j <= large; j++ {
			if a.done[j] {
				a.u[a.partner[j]] += delta
				a.v[j] -= delta
			} else {
				a.least[j] -= delta
			}
		}
		j0 = j1
		if a.partner[j0] == 0 {
			break
		}
	}
	for j0 != 0 {
		j1 := a.way[j0]
		a.partner[j0] = a.partner[j1]
		j0 = j1
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
