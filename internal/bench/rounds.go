package bench

import (
	"cmp"
	"slices"
)

// middle is the round with the median of a figure (of an even number the lower one in the middle), and the figure of all rounds, in
// their order. There must be a round.
func middle[T any](rounds []T, figure func(T) float64) (T, []float64) {
	all := make([]float64, len(rounds))
	for i, r := range rounds {
		all[i] = figure(r)
	}
	sorted := slices.Clone(rounds)
	slices.SortStableFunc(sorted, func(a, b T) int { return cmp.Compare(figure(a), figure(b)) })
	return sorted[(len(sorted)-1)/2], all
}
