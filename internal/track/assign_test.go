package track

import (
	"math"
	"math/rand/v2"
	"testing"
)

// bruteForce is the least cost over all ways of matching, where every row left alone costs unmatched.
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
	var a matcher
	for try := range 2000 {
		n, m := 1+r.IntN(6), 1+r.IntN(6)
		a.begin(n, m)
		cost := make([][]float64, n)
		for i := range n {
			a.row()
			cost[i] = make([]float64, m)
			for j := range m {
				cost[i][j] = r.Float64()
				switch r.IntN(6) {
				case 0:
					cost[i][j] = math.Inf(1)
				case 1:
					cost[i][j] = math.NaN()
				}
				a.add(j, cost[i][j])
			}
		}
		var got float64
		taken := make([]bool, m)
		for i, c := range a.assign() {
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
	var a matcher
	solve := func() {
		a.begin(n, n)
		for i := range n {
			a.row()
			for j := range n {
				cost := 0.5 + 0.001*float64((i*j)%7)
				if j == want[i] {
					cost = 0.1
				}
				a.add(j, cost)
			}
		}
		for i, c := range a.assign() {
			if c != want[i] {
				t.Fatalf("row %d: column %d, want %d", i, c, want[i])
			}
		}
	}
	solve()
	if got := testing.AllocsPerRun(3, solve); got != 0 {
		t.Errorf("%v allocations a problem, want 0", got)
	}
}
