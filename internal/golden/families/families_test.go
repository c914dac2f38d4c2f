package families

import (
	"math"
	"os"
	"slices"
	"testing"
)

// Every case is whole: outputs of their shapes, a model and a card beside it, one result or a reason to refuse it.
func TestCases(t *testing.T) {
	picture, err := Picture()
	if err != nil {
		t.Fatal(err)
	}
	names := Names()
	if len(names) < 30 {
		t.Fatalf("%d cases", len(names))
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			c, err := Read(name)
			if err != nil {
				t.Fatal(err)
			}
			if size := picture.Bounds().Size(); c.Name != name || size.X != c.Width || size.Y != c.Height {
				t.Errorf("case %q of %dx%d, picture %v", c.Name, c.Width, c.Height, size)
			}
			for _, file := range []string{name + ".onnx.gz", name + ".card.yaml"} {
				if _, err := os.Stat(file); err != nil {
					t.Error(err)
				}
			}
			nan := false
			for _, o := range c.Outputs {
				n := 1
				for _, size := range o.Shape {
					n *= size
				}
				if n != len(o.Data) || o.Shape[0] != 1 {
					t.Errorf("output %s of shape %v has %d values", o.Name, o.Shape, len(o.Data))
				}
				nan = nan || slices.ContainsFunc(o.Data, func(v float32) bool { return math.IsNaN(float64(v)) })
			}
			if nan != (c.Wrong == "nan") {
				t.Errorf("numbers that are none: %v, wrong: %q", nan, c.Wrong)
			}
			results := 0
			for _, there := range []bool{c.Objects != nil, c.Joints != nil, c.Mask != nil, c.Vector != nil, c.Attribute != nil, c.Wrong != ""} {
				if there {
					results++
				}
			}
			if results != 1 || (c.Fit == nil) == (c.Region == [4]float32{}) {
				t.Errorf("%d results, fit %v, region %v", results, c.Fit, c.Region)
			}
			masks := []*Mask{c.Mask}
			for _, o := range c.Objects {
				masks = append(masks, o.Mask)
			}
			for _, m := range masks {
				if m == nil {
					continue
				}
				area, total := 0, 0
				for i, n := range m.Runs {
					total += n
					area += i % 2 * n
				}
				if area != m.Area || total != m.Size[0]*m.Size[1] {
					t.Errorf("mask of %v: runs cover %d, %d set, want %d", m.Size, total, area, m.Area)
				}
			}
		})
	}
}
