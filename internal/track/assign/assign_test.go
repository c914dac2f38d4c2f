package assign

import (
	"math"
	"math/rand/v2"
	"testing"
)

const unmatched = 1.25

// bruteForce is the least cost over all ways of matching, where every row left alone costs unmatched
// whether or not there is a column it could have had.
func bruteForce(cost [][]float64, row int, used []bool, n, m int) float64 {
	if row == n {
		return 0
	}
	best := unmatched + bruteForce(cost, row+1, used, n, m)
	for c := range m {
		if !used[c] && cost[row][c] < unmatched {
			used[c] = true
			best = min(best, cost[row][c]+bruteForce(cost, row+1, used, n, m))
			used[c] = false
		}
	}
	return best
}

func TestAssignIsOptimal(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var a Solver
	for try := range 2000 {
		n, m := 1+r.IntN(6), 1+r.IntN(6)
		a.Reset(n, m, unmatched)
		cost := make([][]float64, n)
		for i := range n {
			cost[i] = make([]float64, m)
			for j := range m {
				cost[i][j] = r.Float64()
				switch r.IntN(6) {
				case 0:
					cost[i][j] = math.Inf(1)
				case 1:
					cost[i][j] = math.NaN()
				}
				a.Add(i, j, cost[i][j])
			}
		}
		var got float64
		taken := make([]bool, m)
		for i, c := range a.Solve() {
			if c < 0 {
				got += unmatched
				continue
			}
			if taken[c] || !(cost[i][c] < unmatched) {
				t.Fatalf("try %d: row %d got column %d (taken: %v, cost %v)", try, i, c, taken[c], cost[i][c])
			}
			taken[c] = true
			got += cost[i][c]
		}
		if want := bruteForce(cost, 0, make([]bool, m), n, m); math.Abs(got-want) > 1e-9 {
			t.Fatalf("try %d: %d x %d costs %v: got %v, want %v", try, n, m, cost, got, want)
		}
	}
}

func TestAssignLarge(t *testing.T) {
	const n = 100
	r := rand.New(rand.NewPCG(3, 4))
	want := r.Perm(n)
	var a Solver
	solve := func() {
		a.Reset(n, n, unmatched)
		for i := range n {
			for j := range n {
				cost := 0.5 + 0.001*float64((i*j)%7)
				if j == want[i] {
					cost = 0.1
				}
				a.Add(i, j, cost)
			}
		}
		for i, c := range a.Solve() {
			if int(c) != want[i] {
				t.Fatalf("row %d: column %d, want %d", i, c, want[i])
			}
		}
	}
	solve()
	if got := testing.AllocsPerRun(3, solve); got != 0 {
		t.Errorf("%v allocations a problem, want 0", got)
	}
}

// TestChain has a last row that can only have the first one's column: either everybody moves up by one,
// or one row stays alone, whichever is cheaper.
func TestChain(t *testing.T) {
	for n, moves := range map[int]bool{50: true, 200: false} {
		var a Solver
		a.Reset(n, n, 10)
		for i := range n - 1 {
			a.Add(i, i, 0.1)
			a.Add(i, i+1, 0.2)
		}
		a.Add(n-1, 0, 0.1)
		got, want := a.Solve(), [2]int32{0, -1}
		if moves {
			want = [2]int32{1, 0}
		}
		if [2]int32{got[0], got[n-1]} != want {
			t.Errorf("%d rows: first has column %d and last %d, want %v", n, got[0], got[n-1], want)
		}
	}
}

// sparse is a problem as a tracker has it: each row knows the few columns near it.
func sparse(a *Solver, n int, r *rand.Rand) {
	a.Reset(n, n, unmatched)
	for i := range n {
		for d := range 6 {
			if j := i + d - 3; j >= 0 && j < n {
				a.Add(i, j, r.Float64())
			}
		}
	}
	a.Solve()
}

func BenchmarkSparse1000(b *testing.B) {
	b.ReportAllocs()
	r := rand.New(rand.NewPCG(1, 2))
	var a Solver
	for b.Loop() {
		sparse(&a, 1000, r)
	}
}
