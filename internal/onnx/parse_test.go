package onnx

import (
	"bytes"
	"compress/gzip"
	"errors"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"sightline/internal/golden"
)

func small() network {
	n := outputs("Sigmoid", "output0", []int{84, 8400})
	n.inputs = []pb{tensor("images", float32s, -1, 3, 640, 640), tensor("w", float32s, 2, 3)}
	return n
}

func TestParse(t *testing.T) {
	n := small()
	// Of the weights, one lies in the file and one outside; a subgraph of an If holds another and a custom operator.
	outside := pb{}.bytes(1, []byte{10, 10}).number(2, 7).text(8, "far").bytes(13, pb{}.text(1, "location").text(2, "model.data"))
	n.weights = []pb{pb{}.number(1, 2).number(1, 3).number(2, 1).text(8, "w").bytes(9, make([]byte, 24)), outside}
	branch := pb{}.bytes(1, node("DeformAttn", "mmdeploy", "a", "b")).bytes(5, pb{}.number(1, 5).number(2, 10))
	n.nodes = append(n.nodes, append(node("If", "", "c", "d"), pb{}.bytes(5, pb{}.text(1, "then_branch").bytes(6, branch))...), node("Unique", "ai.onnx", "e", "f"))
	n.metadata = map[string]string{"names": "{0: 'person', 1: \"man's bag\"}"}
	folder := t.TempDir()
	path := filepath.Join(folder, "model.onnx")
	if err := os.WriteFile(path, n.file(), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	if f.IR != 8 || f.Producer != "pytorch 2.6.0" || f.Graph != "main_graph" || !reflect.DeepEqual(f.Opsets, []Opset{{"", 17}}) {
		t.Errorf("%+v", f)
	}
	if len(f.Inputs) != 1 || f.Inputs[0].String() != "images float32 [batch,3,640,640]" {
		t.Errorf("inputs %v: a weight is no input", f.Inputs)
	}
	if want := (Weights{Tensors: 3, Parameters: 6 + 100 + 5, Bytes: 24 + 800 + 10, External: []string{"model.data"}, Missing: []string{"model.data"}}); !reflect.DeepEqual(f.Weights, want) {
		t.Errorf("weights %+v, want %+v", f.Weights, want)
	}
	if got := f.names(); !slices.Equal(got, []string{"person", "man's bag"}) {
		t.Errorf("names %q", got)
	}
	troubles := map[string]string{}
	for _, o := range f.Operators {
		troubles[o.Type] = o.Trouble
	}
	if len(troubles) != 4 || troubles["Unique"] == "" || !strings.Contains(troubles["DeformAttn"], "mmdeploy") || troubles["If"] != "" {
		t.Errorf("operators %+v", f.Operators)
	}
	notes := strings.Join(f.Guess().Notes, "\n")
	for _, want := range []string{"of these are missing: model.data", "operator Unique (1 times): TensorRT 10 does not take it", "the metadata names 2 classes, the outputs have 80"} {
		if !strings.Contains(notes, want) {
			t.Errorf("no %q in:\n%s", want, notes)
		}
	}
}

// A function of the file's own is no custom operator; its nodes count.
func TestParseFunctions(t *testing.T) {
	n := small()
	n.nodes = append(n.nodes, node("Attention2", "mine", "a", "b"))
	raw := append(n.file(), pb{}.bytes(25, pb{}.text(1, "Attention2").text(10, "mine").bytes(7, node("MatMul", "", "x", "y")))...)
	f, err := parse(bytes.NewReader(raw), nil, int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Operators) != 2 || f.Operators[0].Type != "MatMul" || f.Operators[0].Trouble != "" {
		t.Errorf("%+v", f.Operators)
	}
}

// A file of many gigabytes, all of them weights, is jumped over.
func TestReadHuge(t *testing.T) {
	const size = 5 << 30
	weight := pb{}.number(1, size/4).number(2, 1).text(8, "w")
	head := append(slices.Clone(weight), pb{}.number(9, 0)[0]|wireBytes)
	head = append(head, pb{}.number(1, size)[1:]...)
	var graph pb
	graph = graph.bytes(12, tensor("output0", float32s, 1, 84, 8400))
	length := func(n int) []byte { return pb{}.number(1, uint64(n))[1:] }
	graph = append(append(append(graph, 5<<3|wireBytes), length(len(head)+size)...), head...)
	file := append(append(pb{}.number(1, 8), 7<<3|wireBytes), length(len(graph)+size)...)
	file = append(file, graph...)
	path := filepath.Join(t.TempDir(), "huge.onnx")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, int64(len(file))+size); err != nil { // a hole, it takes no room
		t.Fatal(err)
	}
	f, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	if f.Weights.Bytes != size || len(f.Outputs) != 1 {
		t.Errorf("%+v", f)
	}
	if err := os.Truncate(path, int64(len(file))+size-1); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(path); !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), "cut off") {
		t.Errorf("one byte less: %v", err)
	}
}

// What is broken is told, wherever the file ends.
func TestParseBroken(t *testing.T) {
	whole := small().file()
	for n := range len(whole) {
		f, err := parse(bytes.NewReader(whole[:n]), nil, int64(n))
		if err == nil && n > 2 && (f.Graph == "" || len(f.Outputs) != 1) {
			t.Errorf("%d of %d bytes: %+v", n, len(whole), f)
		}
	}
	deep := pb{}
	for range 100 {
		deep = pb{}.bytes(1, pb{}.bytes(5, pb{}.bytes(6, deep)))
	}
	for _, c := range []struct {
		name string
		raw  []byte
		says string
	}{
		{"nothing", nil, "no graph"},
		{"text", []byte("#!/bin/sh\necho this is no model\n"), ""},
		{"no graph", pb{}.number(1, 8), "no graph"},
		{"a long name", pb{}.bytes(2, make([]byte, longestText+1)), "a text of"},
		{"deep subgraphs", pb{}.bytes(7, deep), "deep"},
		{"a shape below zero", pb{}.bytes(7, pb{}.bytes(5, pb{}.number(1, math.MaxUint64))), "has the shape"},
		{"a shape too large", pb{}.bytes(7, pb{}.bytes(5, pb{}.number(1, 1<<40).number(1, 1<<40))), "has the shape"},
		{"a length too large", append(pb{7<<3 | wireBytes}, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1), "cut off or broken"},
		{"an endless number", append(pb{1 << 3}, bytes.Repeat([]byte{0xff}, 11)...), "more than 64 bits"},
		{"half a gzip", gzipped(t, whole)[:40], ""},
	} {
		if _, err := parse(bytes.NewReader(c.raw), nil, int64(len(c.raw))); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", c.name, err, c.says)
		}
	}
	if _, err := Read(t.TempDir()); err == nil || !strings.Contains(err.Error(), "no regular file") {
		t.Errorf("a folder: %v", err)
	}
	if f, err := parse(bytes.NewReader(gzipped(t, whole)), nil, 1); err != nil || !f.Compressed || len(f.Outputs) != 1 {
		t.Errorf("gzipped: %v %+v", err, f)
	}
}

func gzipped(t *testing.T, raw []byte) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(raw); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestNames(t *testing.T) {
	for _, c := range []struct {
		text string
		want []string
	}{
		{"{0: 'person', 1: 'bicycle'}", []string{"person", "bicycle"}},
		{`{"1": "b", "0": "a, b: {c}"}`, []string{"a, b: {c}", "b"}},
		{`['a', "it's"]`, []string{"a", "it's"}},
		{`{0: 'it\'s'}`, []string{"it's"}},
		{"{}", nil}, {"", nil}, {"{", nil}, {"{0: 'a', 2: 'b'}", nil}, {"{0: 'a', 0: 'b'}", nil}, {"{0: 'a'", nil}, {"{0: 'a, 1: b}", nil}, {"{0}", nil},
	} {
		f := &File{Metadata: map[string]string{"names": c.text}}
		if got := f.names(); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.text, got, c.want)
		}
	}
}

// No file makes the reader panic, or remember more than it may; whatever is guessed can be written.
func FuzzParse(f *testing.F) {
	f.Add(small().file())
	f.Add([]byte{})
	for _, name := range []string{"yolov8-pose", "detr-deploy", "semantic"} {
		folder := f.TempDir()
		if _, _, err := golden.ReadFamily(name, folder); err != nil {
			f.Fatal(err)
		}
		raw, err := os.ReadFile(filepath.Join(folder, name+".onnx.gz"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		file, err := parse(bytes.NewReader(raw), nil, int64(len(raw)))
		r := bytes.NewReader(raw)
		jumped, other := parse(r, r, int64(len(raw)))
		if (err == nil) != (other == nil) || err == nil && !reflect.DeepEqual(file, jumped) {
			t.Fatalf("read: %v, jumped: %v", err, other)
		}
		if err != nil {
			return
		}
		g := file.Guess()
		text, err := g.Card(file, "/tmp")
		if (err == nil) != (g.Family != "") {
			t.Fatalf("family %q: %v", g.Family, err)
		}
		for line := range strings.SplitSeq(text, "\n") {
			if len(line) > 0 && !strings.ContainsAny(line[:1], "# abcdefghijklmnopqrstuvwxyz") {
				t.Fatalf("line %q", line)
			}
		}
	})
}
