package config

import (
	"fmt"
	"slices"
	"strings"
)

// Check compares the card with the file's real inputs and outputs, whose shapes have no batch
// dimension. Sizes of outputs below 0 are not known, nor is a shape that is nil. The error says what was found and what was
// expected.
func (c *Card) Check(inputs, outputs []Tensor) error {
	var wrong []string
	say := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	if i := slices.IndexFunc(inputs, func(t Tensor) bool { return t.Name == c.Input.Name }); i < 0 {
		say("expected an input named %s, found %v", c.Input.Name, inputs)
	} else {
		want := c.Input.Shape
		if want == nil {
			want = []int{3, -1, -1}
			if c.Input.Layout == "nhwc" {
				want = []int{-1, -1, 3}
			}
		}
		if got := inputs[i].Shape; !matches(want, got) || slices.ContainsFunc(got, func(n int) bool { return n < 1 }) {
			say("input %s: expected shape %v%s, found %v", c.Input.Name, want, open(want), got)
		}
		c.checkConstants(inputs, say)
	}
	known := c.letters()
	for _, o := range c.family().outputs {
		t := c.Outputs.Of(o.role)
		i := slices.IndexFunc(outputs, func(o Tensor) bool { return o.Name == t.Name })
		if i < 0 {
			say("expected an output %s (%s), found %v", t.Name, o.role, outputs)
			continue
		}
		got := outputs[i].Shape
		if got == nil { // not known yet
			continue
		}
		if t.Shape != nil && !matches(t.Shape, got) {
			say("output %s (%s): expected shape %v%s, found %v", t.Name, o.role, t.Shape, open(t.Shape), got)
		} else if err := known.fitAny(o.shapes, got); err != nil {
			say("output %s (%s): %v", t.Name, o.role, err)
		}
	}
	if wrong == nil {
		return nil
	}
	return fmt.Errorf("card %s (%s) does not fit model %s: %s", c.Path, c.kind(), c.Model, strings.Join(wrong, "; "))
}

// open explains a shape that has open sizes.
func open(shape []int) string {
	if slices.Contains(shape, -1) {
		return " (-1: any fixed size)"
	}
	return ""
}

// ShapeOf is the shape that the card gives the output of a name, nil if none.
func (c *Card) ShapeOf(output string) []int {
	for _, o := range c.family().outputs {
		if t := c.Outputs.Of(o.role); t.Name == output {
			return t.Shape
		}
	}
	return nil
}

// fills says whether the numbers fill a shape: one each, or one for all.
func (k *Constant) fills(shape []int) bool {
	elements := 1
	for _, n := range shape {
		elements *= max(n, 0) // an open size holds nothing
	}
	return elements > 0 && (len(k.Values) == 1 || len(k.Values) == elements)
}

// checkConstants compares the inputs beside the picture.
func (c *Card) checkConstants(inputs []Tensor, say func(format string, args ...any)) {
	for _, t := range inputs {
		i := slices.IndexFunc(c.Input.Constants, func(k Constant) bool { return k.Name == t.Name })
		switch {
		case t.Name == c.Input.Name:
		case i < 0:
			say("input %v gets nothing: the card names %s for the picture and no constant of that name", t, c.Input.Name)
		case !c.Input.Constants[i].fills(t.Shape):
			say("input %v: expected as many numbers as its fixed shape holds, or one for all, found %d", t, len(c.Input.Constants[i].Values))
		}
	}
	for _, k := range c.Input.Constants {
		if !slices.ContainsFunc(inputs, func(t Tensor) bool { return t.Name == k.Name }) {
			say("expected an input %s, which the card gives numbers, found %v", k.Name, inputs)
		}
	}
}
