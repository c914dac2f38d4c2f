package cli

import (
	"slices"
	"strings"

	"sightline/internal/config"
	"sightline/internal/onnx"
)

// checkModels compares the cards of a configuration with their ONNX files as far as these tell, so that all that is
// wrong is told at once, and before a device is opened. What sizes a file leaves open, only a device finds out.
func checkModels(c *config.Config) error {
	var faults config.Errors
	for i := range c.Models {
		card := &c.Models[i].Card
		for _, problem := range misfits(card) {
			fault := config.Fault{File: card.Path, Field: "file", Message: problem}
			if !slices.Contains(faults, fault) { // several models may use one card
				faults = append(faults, fault)
			}
		}
	}
	if faults == nil {
		return nil
	}
	return faults
}

func misfits(card *config.Card) []string {
	f, err := onnx.Read(card.Model)
	if err != nil {
		return []string{err.Error()}
	}
	if missing := f.Weights.Missing; len(missing) > 0 {
		return []string{"the weights in " + strings.Join(missing, ", ") + " are missing beside " + card.Model}
	}
	inputs, sure := tensors(f.Inputs, map[string][]int{card.Input.Name: card.Input.Shape})
	shapes := map[string][]int{}
	for _, o := range f.Outputs {
		shapes[o.Name] = card.ShapeOf(o.Name)
	}
	outputs, known := tensors(f.Outputs, shapes)
	if !sure || !known {
		return nil
	}
	if err := card.Check(inputs, outputs); err != nil {
		return []string{err.Error()}
	}
	return nil
}

// tensors are a file's inputs or outputs without their batch. Sizes that the file leaves open are the card's; known is false
// if it does not tell them either.
func tensors(values []onnx.Value, card map[string][]int) (list []config.Tensor, known bool) {
	known = true
	for _, v := range values {
		t := config.Tensor{Name: v.Name}
		for i, d := range v.Shape[min(1, len(v.Shape)):] {
			size := int(d.Size)
			if want := card[v.Name]; size < 0 && i < len(want) {
				size = want[i]
			}
			known = known && size > 0
			t.Shape = append(t.Shape, size)
		}
		list = append(list, t)
	}
	return list, known
}
