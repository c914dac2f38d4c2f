package cli

import (
	"path/filepath"
	"strings"
	"testing"

	"sightline/internal/config"
)

// TestMisfits: a model of every family fits its card, and what does not is told.
func TestMisfits(t *testing.T) {
	cards, err := filepath.Glob("../golden/families/*.yaml")
	if err != nil || len(cards) < 40 {
		t.Fatalf("%v, %d cards", err, len(cards))
	}
	for _, path := range append(cards, "../../models/detection.yaml", "../../models/pose-lite.yaml") {
		card, err := config.LoadCard(path)
		if err != nil {
			t.Fatal(err)
		}
		problems, want := misfits(&card), ""
		if strings.Contains(path, "misfit") {
			want = "does not fit"
		}
		if got := strings.Join(problems, "\n"); (got == "") != (want == "") || !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
	card, err := config.LoadCard("../../models/reid.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		change func(*config.Card)
		want   string
	}{
		{func(c *config.Card) { c.Input.Shape = []int{3, 128, 256} }, "input images: expected shape [3 128 256], found [3 256 128]"},
		{func(c *config.Card) { c.Input.Name = "picture" }, "expected an input named picture"},
		{func(c *config.Card) { c.Outputs.Features = &config.Tensor{Name: "vector"} }, "expected an output vector (features)"},
		{func(c *config.Card) { c.Model = write(t, "not a model") }, "no sound ONNX file"},
		{func(c *config.Card) { c.Model = t.TempDir() }, "no regular file"},
	} {
		changed := card
		c.change(&changed)
		if got := strings.Join(misfits(&changed), "\n"); !strings.Contains(got, c.want) {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}
