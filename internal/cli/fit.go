package cli

import (
	"fmt"
	"slices"
	"strings"

	"sightline/internal/config"
	"sightline/internal/onnx"
)

// checkModels compares the cards of a configuration with their ONNX files as far as these tell, so that all that is
// wrong is told at once, and before a device is opened. What output sizes a file leaves open, only a device finds out.
func checkModels(c *config.Config) error {
	var faults config.Errors
	for i := range c.Models {
		card := &c.Models[i].Card
		err := checkFit(card)
		if err == nil {
			continue
		}
		fault := config.Fault{File: card.Path, Field: "file", Message: err.Error()}
		if !slices.Contains(faults, fault) { // several models may use one card
			faults = append(faults, fault)
		}
	}
	if faults == nil {
		return nil
	}
	return faults
}

// checkFit says what of a card its file contradicts first.
func checkFit(card *config.Card) error {
	f, err := onnx.Read(card.Model)
	if err != nil {
		return err
	}
	if missing := f.Weights.Missing; len(missing) > 0 {
		return fmt.Errorf("the weights in %s are missing beside %s", strings.Join(missing, ", "), card.Model)
	}
	if n := fixedBatch(f); n > 0 && n != card.Batch {
		return fmt.Errorf("%s has a fixed batch of %d, the card says batch %d", card.Model, n, card.Batch)
	}
	inputs := tensors(f.Inputs, map[string][]int{card.Input.Name: card.Input.Shape})
	shapes := map[string][]int{}
	for _, o := range f.Outputs {
		shapes[o.Name] = card.ShapeOf(o.Name)
	}
	return card.Check(inputs, tensors(f.Outputs, shapes))
}

// fixedBatch is the batch of a file that leaves it not open, else 0.
func fixedBatch(f *onnx.File) int {
	for _, v := range f.Inputs {
		if len(v.Shape) > 1 && v.Shape[0].Size > 0 {
			return int(v.Shape[0].Size)
		}
	}
	return 0
}

// tensors are a file's inputs or outputs without their batch. Sizes that the file leaves open are the card's, or -1; the
// shape is nil where the file tells none.
func tensors(values []onnx.Value, card map[string][]int) (list []config.Tensor) {
	for _, v := range values {
		t := config.Tensor{Name: v.Name}
		for i, d := range v.Shape[min(1, len(v.Shape)):] {
			size := int(d.Size)
			if want := card[v.Name]; size < 0 && i < len(want) {
				size = want[i]
			}
			t.Shape = append(t.Shape, size)
		}
		list = append(list, t)
	}
	return list
}
