package onnx

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"
	"testing"
)

// floats is a TensorProto of 32-bit floats, as raw bytes.
func floats(name string, dims []int, values ...float32) pb {
	return pb(encodeWeights(name, dims, values))
}

// operation is a NodeProto.
func operation(kind, domain string, inputs []string, output string) pb {
	var b pb
	for _, in := range inputs {
		b = b.text(1, in)
	}
	return b.text(2, output).text(4, kind).text(7, domain)
}

// convolution is a model of three channels that is a convolution of 1 x 1, with a bias if there is one, and what follows.
func convolution(biased bool, more []pb, constants ...pb) network {
	inputs := []string{"x", "w"}
	weights := []pb{floats("w", []int{3, 2, 1, 1}, 1, 2, 3, 4, 5, 6)}
	if biased {
		inputs, weights = append(inputs, "b"), append(weights, floats("b", []int{3}, 10, 20, 30))
	}
	return network{
		inputs: []pb{tensor("x", 1, -1, 2, 4, 4)}, outputs: []pb{tensor("y", 1, -1, 3, 4, 4)},
		nodes: slices.Concat([]pb{operation("Conv", "", inputs, "c")}, more), weights: append(weights, constants...),
	}
}

func TestFold(t *testing.T) {
	mul := operation("Mul", "", []string{"c", "s"}, "m")
	scale, shift := floats("s", []int{1, 3, 1, 1}, 2, 3, 4), floats("t", []int{3, 1, 1}, 1, 1, -1)
	loose := pb{}.number(1, 3).number(1, 1).number(1, 1).number(2, 1).text(8, "s").bytes(4, le(2, 3, 4)) // values as a list of floats
	for name, c := range map[string]struct {
		model   network
		weights []float32
		bias    []float32
	}{
		"product and sum":       {convolution(false, []pb{mul, operation("Add", "ai.onnx", []string{"t", "m"}, "y")}, scale, shift), []float32{2, 4, 9, 12, 20, 24}, []float32{1, 1, -1}},
		"with a bias":           {convolution(true, []pb{mul, operation("Add", "", []string{"m", "t"}, "y")}, scale, shift), []float32{2, 4, 9, 12, 20, 24}, []float32{21, 61, 119}},
		"product alone":         {convolution(true, []pb{operation("Mul", "", []string{"s", "c"}, "y")}, loose), []float32{2, 4, 9, 12, 20, 24}, []float32{20, 60, 120}},
		"sum alone":             {convolution(true, []pb{operation("Add", "", []string{"c", "t"}, "y")}, shift), []float32{1, 2, 3, 4, 5, 6}, []float32{11, 21, 29}},
		"one number":            {convolution(false, []pb{operation("Mul", "", []string{"c", "s"}, "y")}, floats("s", nil, -2)), []float32{-2, -4, -6, -8, -10, -12}, []float32{0, 0, 0}},
		"by another name":       {convolution(false, []pb{operation("Identity", "", []string{"s"}, "i"), operation("Mul", "", []string{"c", "i"}, "y")}, scale), []float32{2, 4, 9, 12, 20, 24}, []float32{0, 0, 0}},
		"sum before a product":  {convolution(true, []pb{operation("Add", "", []string{"c", "t"}, "m"), operation("Mul", "", []string{"m", "s"}, "y")}, scale, shift), []float32{2, 4, 9, 12, 20, 24}, []float32{22, 63, 116}},
		"unused as it was kept": {convolution(true, []pb{operation("Add", "", []string{"c", "t"}, "y")}, shift, floats("lone", []int{1}, 5)), []float32{1, 2, 3, 4, 5, 6}, []float32{11, 21, 29}},
	} {
		t.Run(name, func(t *testing.T) {
			before := c.model.file()
			after, err := Fold(before)
			if err != nil || bytes.Equal(after, before) {
				t.Fatalf("%v, %d bytes of %d", err, len(after), len(before))
			}
			var f *folder
			_, _ = rewriteOne(after, modelGraph, func(graph []byte) (pieces, error) {
				f, err = newFolder(graph)
				return nil, nil
			})
			if err != nil {
				t.Fatal(err)
			}
			conv := f.nodes[0]
			if conv.kind != "Conv" || len(conv.inputs) != 3 || f.uses[conv.outputs[0]] != 1 {
				t.Fatalf("%+v", conv)
			}
			w, b := f.read(conv.inputs[1]), f.read(conv.inputs[2])
			if w == nil || b == nil || !slices.Equal(w.values, c.weights) || !slices.Equal(b.values, c.bias) || !slices.Equal(w.dims, []int{3, 2, 1, 1}) {
				t.Errorf("weights %+v, bias %+v", w, b)
			}
			if f.tensors["s"] != nil && f.uses["s"] == 0 || f.tensors["t"] != nil && f.uses["t"] == 0 {
				t.Error("what was folded is still there")
			}
			if name == "unused as it was kept" && f.tensors["lone"] == nil {
				t.Error("what nobody used before has gone")
			}
			if again, err := Fold(after); err != nil || !bytes.Equal(again, after) {
				t.Errorf("folded again: %v", err)
			}
			if _, err := parse(bytes.NewReader(after), nil, int64(len(after))); err != nil {
				t.Error(err)
			}
		})
	}
}

func le(values ...float32) (raw []byte) {
	for _, v := range values {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
	}
	return raw
}

func TestFoldLeavesWhatItMust(t *testing.T) {
	mul := operation("Mul", "", []string{"c", "s"}, "y")
	scale := floats("s", []int{1, 3, 1, 1}, 2, 3, 4)
	with := func(change func(n *network)) network {
		n := convolution(true, []pb{mul}, scale)
		change(&n)
		return n
	}
	for name, n := range map[string]network{
		"nothing follows":            convolution(true, nil),
		"read twice":                 with(func(n *network) { n.nodes = append(n.nodes, operation("Relu", "", []string{"c"}, "z")) }),
		"an output itself":           with(func(n *network) { n.outputs = append(n.outputs, tensor("c", 1, -1, 3, 4, 4)) }),
		"weights of two":             with(func(n *network) { n.nodes = append(n.nodes, operation("Conv", "", []string{"x", "w"}, "z")) }),
		"bias of two":                with(func(n *network) { n.nodes = append(n.nodes, operation("Relu", "", []string{"b"}, "z")) }),
		"a scale from outside":       with(func(n *network) { n.inputs = append(n.inputs, tensor("s", 1, 1, 3, 1, 1)) }),
		"a scale that is computed":   with(func(n *network) { n.weights = n.weights[:2] }),
		"along another axis":         with(func(n *network) { n.weights[2] = floats("s", []int{1, 1, 3, 1}, 2, 3, 4) }),
		"along the last axis":        with(func(n *network) { n.weights[2] = floats("s", []int{3}, 2, 3, 4) }),
		"a picture of scales":        with(func(n *network) { n.weights[2] = floats("s", []int{1, 3, 1, 2}, 1, 2, 3, 4, 5, 6) }),
		"more sizes":                 with(func(n *network) { n.weights[2] = floats("s", []int{1, 1, 3, 1, 1}, 2, 3, 4) }),
		"fewer values than its size": with(func(n *network) { n.weights[2] = floats("s", []int{1, 3, 1, 1}, 2, 3) }),
		"of another type":            with(func(n *network) { n.weights[2] = floats("s", []int{1, 3, 1, 1}, 2, 3, 4).number(2, 10) }),
		"stored elsewhere":           with(func(n *network) { n.weights[0] = n.weights[0].number(14, 1) }),
		"by itself":                  with(func(n *network) { n.nodes[1] = operation("Mul", "", []string{"c", "c"}, "y") }),
		"an operator of others":      with(func(n *network) { n.nodes[0] = operation("Conv", "com.example", []string{"x", "w", "b"}, "c") }),
		"a graph within": with(func(n *network) {
			n.nodes = append(n.nodes, operation("If", "", []string{"x"}, "z").bytes(5, pb{}.bytes(6, pb{}.text(2, "then"))))
		}),
		"a circle":       with(func(n *network) { n.nodes = []pb{n.nodes[0], operation("Mul", "", []string{"m", "s"}, "m")} }),
		"a difference":   with(func(n *network) { n.nodes[1] = operation("Sub", "", []string{"c", "s"}, "y") }),
		"no convolution": with(func(n *network) { n.nodes[0] = operation("ConvTranspose", "", []string{"x", "w", "b"}, "c") }),
	} {
		model := n.file()
		if folded, err := Fold(model); err != nil || !bytes.Equal(folded, model) {
			t.Errorf("%s: %v, %d bytes became %d", name, err, len(model), len(folded))
		}
	}
}

func FuzzFold(f *testing.F) {
	f.Add(convolution(true, []pb{operation("Mul", "", []string{"c", "s"}, "m"), operation("Add", "", []string{"m", "t"}, "y")}, floats("s", []int{1, 3, 1, 1}, 2, 3, 4), floats("t", []int{3, 1, 1}, 1, 1, 1)).file())
	f.Add(openModel())
	f.Fuzz(func(t *testing.T, model []byte) {
		folded, err := Fold(model)
		if err != nil {
			return
		}
		if _, err := Fold(folded); err != nil {
			t.Fatalf("not readable when folded: %v", err)
		}
	})
}
