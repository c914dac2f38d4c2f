package cuda

import (
	"io/fs"
	"os"
	"slices"
	"testing"
	"testing/fstest"
)

func TestChooseBuckets(t *testing.T) {
	folder := fstest.MapFS{}
	id, other := NewPlanID([]byte("this model")), NewPlanID([]byte("another"))
	for _, name := range []string{
		PlanName(id, 1, "10.6.0", 90), PlanName(id, 4, "10.6.0", 90), PlanName(id, 8, "10.6.0", 90), PlanName(id, 16, "10.6.0", 90),
		PlanName(id, 2, "10.6.0", 89), PlanName(id, 3, "10.7.0", 90), PlanName(other, 5, "10.6.0", 90),
		PlanName(id, 6, "10.6.0", 90) + ".part", PlanName(id, -7, "10.6.0", 90), "timing-trt10.6.0-sm90.cache",
	} {
		folder[name] = &fstest.MapFile{}
	}
	files, err := fs.ReadDir(folder, ".")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		files    []os.DirEntry
		maxBatch int
		want     []int
	}{
		{files, 1, []int{1}},
		{files, 4, []int{1, 4}},
		{files, 5, []int{1, 4, 8}},
		{files, 16, []int{1, 4, 8, 16}},
		{files, 99, []int{1, 4, 8, 16}},
		{nil, 1, nil},
	} {
		if got := chooseBuckets(c.files, PlanName(id, 0, "10.6.0", 90), c.maxBatch); !slices.Equal(got, c.want) {
			t.Errorf("up to %d of %d files: %v, want %v", c.maxBatch, len(c.files), got, c.want)
		}
	}
}
