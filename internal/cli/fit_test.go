package cli

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"sightline/internal/config"
	"sightline/internal/onnx"
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
		want := ""
		if strings.Contains(path, "misfit") {
			want = "does not fit"
		}
		if got := problem(&card); (got == "") != (want == "") || !strings.Contains(got, want) {
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
		if got := problem(&changed); !strings.Contains(got, c.want) {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

// problem is what checkFit says, empty if the card fits.
func problem(card *config.Card) string {
	if err := checkFit(card); err != nil {
		return err.Error()
	}
	return ""
}

// TestWhatAFileLeavesOpen: sizes of outputs that only a device knows are no reason to refuse a card; wrong names and a batch are.
func TestWhatAFileLeavesOpen(t *testing.T) {
	card, err := config.LoadCard("../../models/reid.yaml")
	if err != nil {
		t.Fatal(err)
	}
	open := onnx.Dim{Size: -1}
	image := onnx.Value{Name: "images", Shape: []onnx.Dim{open, {Size: 3}, open, open}}
	inputs := tensors([]onnx.Value{image}, map[string][]int{"images": card.Input.Shape})
	for _, c := range []struct {
		output onnx.Value
		want   string
	}{
		{onnx.Value{Name: "features"}, ""},
		{onnx.Value{Name: "features", Shape: []onnx.Dim{open, open}}, ""},
		{onnx.Value{Name: "features", Shape: []onnx.Dim{open, {Size: 9}}}, "output features (features): expected shape [1280], found [9]"},
		{onnx.Value{Name: "vector"}, "expected an output features (features)"},
	} {
		err := card.Check(inputs, tensors([]onnx.Value{c.output}, nil))
		if got := fmt.Sprint(err); (err == nil) != (c.want == "") || !strings.Contains(got, c.want) && c.want != "" {
			t.Errorf("%v: %s, want %q", c.output, got, c.want)
		}
	}
	if err := card.Check(tensors([]onnx.Value{image}, nil), tensors([]onnx.Value{{Name: "features"}}, nil)); err == nil {
		t.Error("an input of open size passes")
	}
	for batch, want := range map[int64]int{-1: 0, 0: 0, 1: 1, 4: 4} {
		f := &onnx.File{Inputs: []onnx.Value{{Name: "images", Shape: []onnx.Dim{{Size: batch}, {Size: 3}}}}}
		if got := fixedBatch(f); got != want {
			t.Errorf("batch %d: %d, want %d", batch, got, want)
		}
	}
}
