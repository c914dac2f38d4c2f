package onnx

import (
	"bytes"
	"slices"
	"testing"
)

const (
	bools    = 9
	float16s = 10
)

// ends lists a prepared model's nodes as operator, inputs, outputs; and the types of its inputs and outputs.
func ends(t *testing.T, model []byte) (nodes [][]string, types map[string]uint64) {
	types = map[string]uint64{}
	visit := func(message []byte, do func(n uint64, content []byte) error) {
		if err := eachField(message, func(n uint64, _, content []byte) error { return do(n, content) }); err != nil {
			t.Fatal(err)
		}
	}
	var walk func(n uint64, content []byte) error
	walk = func(n uint64, content []byte) error {
		switch n {
		case graphInput, graphOutput:
			types[stringOf(content, valueName)] = elementOf(content)
		case graphNode:
			words := []string{stringOf(content, nodeType)}
			visit(content, func(n uint64, text []byte) error {
				if n == nodeInput || n == nodeOutput {
					words = append(words, string(text))
				}
				return nil
			})
			nodes = append(nodes, words)
			visit(content, func(n uint64, attribute []byte) error {
				if n == nodeAttribute {
					visit(attribute, func(n uint64, graph []byte) error {
						if n == attributeGraph {
							visit(graph, walk)
						}
						return nil
					})
				}
				return nil
			})
		}
		return nil
	}
	visit(model, func(n uint64, graph []byte) error {
		if n == modelGraph {
			visit(graph, walk)
		}
		return nil
	})
	return nodes, types
}

// halfModel has a float16 picture, a mask of bool, bytes that go into Casts only, weights among its inputs, an
// output that others use too, and a subgraph that uses the picture.
func halfModel() []byte {
	branch := pb{}.bytes(graphNode, node("Relu", "", "images", "inside"))
	n := network{
		inputs: []pb{tensor("images", float16s, -1, 3, 8, 8), tensor("mask", bools, 1, 4), tensor("bytes", uint8s, 1, 4), tensor("w", float16s, 3)},
		nodes: []pb{
			node("Conv", "", "images", "scores"), node("Not", "", "mask", "b"), node("Cast", "", "bytes", "c"),
			append(node("If", "", "b", "d"), pb{}.bytes(nodeAttribute, pb{}.text(attributeName, "then_branch").bytes(attributeGraph, branch))...),
			node("Exp", "", "scores", "boxes"),
		},
		outputs: []pb{tensor("scores", float16s, -1, 5), tensor("boxes", float32s, -1, 5), tensor("labels", int64s, -1, 5), tensor("bits", uint8s, -1, 5)},
		weights: []pb{pb{}.number(1, 3).number(2, float16s).text(tensorName, "w")},
	}
	return n.file()
}

func TestPrepareCastsEnds(t *testing.T) {
	got, err := Prepare(halfModel(), "", nil)
	if err != nil {
		t.Fatal(err)
	}
	nodes, types := ends(t, got)
	want := [][]string{
		{"Cast", "images", "images" + inner}, {"Cast", "mask", "mask" + inner},
		{"Conv", "images" + inner, "scores" + inner}, {"Not", "mask" + inner, "b"}, {"Cast", "bytes", "c"}, {"If", "b", "d"},
		{"Relu", "images" + inner, "inside"}, {"Exp", "scores" + inner, "boxes"},
		{"Cast", "scores" + inner, "scores"},
	}
	if !slices.EqualFunc(nodes, want, slices.Equal[[]string]) {
		t.Errorf("nodes %v, want %v", nodes, want)
	}
	for name, element := range map[string]uint64{"images": float32s, "mask": int32s, "bytes": int32s, "w": float16s, "scores": float32s, "boxes": float32s, "labels": int64s, "bits": uint8s} {
		if types[name] != element {
			t.Errorf("%s has type %d, want %d", name, types[name], element)
		}
	}
	// The graph's Casts make what was there before.
	for _, cast := range []struct{ name, to string }{{"images", "\x0a"}, {"mask", "\x09"}, {"scores", "\x01"}} {
		attribute := pb{}.text(attributeName, "to").number(attributeInt, uint64(cast.to[0])).number(attributeType, attributeIsInt)
		if !bytes.Contains(got, append(pb{}.text(nodeName, "sightline_cast_"+cast.name+map[bool]string{true: inner}[cast.name == "scores"]).text(nodeType, "Cast"), pb{}.bytes(nodeAttribute, attribute)...)) {
			t.Errorf("no Cast of %s to %q", cast.name, cast.to)
		}
	}
	if again, err := Prepare(got, "", nil); err != nil || !bytes.Equal(again, got) {
		t.Errorf("not the same a second time: %v", err)
	}
	plain := openModel()
	if got, err := Prepare(plain, "", nil); err != nil || &got[0] != &plain[0] {
		t.Errorf("a model of float32 was copied: %v", err)
	}
	if _, err := Prepare(halfModel()[:100], "", nil); err == nil {
		t.Error("half a file was taken")
	}
}

func FuzzPrepareCastsEnds(f *testing.F) {
	f.Add(halfModel())
	f.Add(openModel())
	f.Fuzz(func(t *testing.T, model []byte) {
		cast, err := Prepare(model, "", nil)
		if err != nil {
			return
		}
		if again, err := Prepare(cast, "", nil); err != nil || !bytes.Equal(again, cast) {
			t.Fatalf("not the same a second time: %v", err)
		}
	})
}
