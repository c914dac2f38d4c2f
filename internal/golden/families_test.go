package golden

import (
	"math"
	"slices"
	"testing"
)

// Every family's case is whole: outputs of their shapes, a model and a card, one result or a reason to refuse it.
func TestFamilies(t *testing.T) {
	picture, err := FamilyPicture()
	if err != nil {
		t.Fatal(err)
	}
	names := Families()
	if len(names) < 30 {
		t.Fatalf("%d cases", len(names))
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			f, _, err := ReadFamily(name, t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			if size := picture.Bounds().Size(); f.Name != name || size.X != f.Width || size.Y != f.Height {
				t.Errorf("case %q of %dx%d, picture %v", f.Name, f.Width, f.Height, size)
			}
			nan := false
			for _, o := range f.Outputs {
				n := 1
				for _, size := range o.Shape {
					n *= size
				}
				if n != len(o.Data) || o.Shape[0] != 1 {
					t.Errorf("output %s of shape %v has %d values", o.Name, o.Shape, len(o.Data))
				}
				nan = nan || slices.ContainsFunc(o.Data, func(v float32) bool { return math.IsNaN(float64(v)) })
			}
			if nan != (f.Wrong == "nan") {
				t.Errorf("numbers that are none: %v, wrong: %q", nan, f.Wrong)
			}
			results := 0
			for _, there := range []bool{f.Objects != nil, f.Joints != nil, f.Mask != nil, f.Vector != nil, f.Attribute != nil, f.Wrong != ""} {
				if there {
					results++
				}
			}
			if results != 1 {
				t.Errorf("%d results", results)
			}
			masks := []*FamilyMask{f.Mask}
			for _, o := range f.Objects {
				masks = append(masks, o.Mask)
			}
			for _, m := range masks {
				if m != nil {
					checkRuns(t, m)
				}
			}
		})
	}
}

func checkRuns(t *testing.T, m *FamilyMask) {
	area, total := 0, 0
	for i, n := range m.Runs {
		total += n
		area += i % 2 * n
	}
	if area != m.Area || total != m.Size[0]*m.Size[1] {
		t.Errorf("mask of %v: runs cover %d, %d set, want %d", m.Size, total, area, m.Area)
	}
}
