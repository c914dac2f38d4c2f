package onnx

import (
	"bytes"
	"testing"
)

func length(number byte, content []byte) []byte {
	return append([]byte{number<<3 | 2, byte(len(content))}, content...)
}

// openModel has an input "images" of [batch, 3, h, w] between other fields.
func openModel() []byte {
	number := func(n byte) []byte { return length(1, []byte{8, n}) }
	name := func(s string) []byte { return length(1, length(2, []byte(s))) }
	shape := bytes.Join([][]byte{name("batch"), number(3), name("h"), name("w")}, nil)
	tensor := append([]byte{8, 1}, length(2, shape)...)
	input := append(length(1, []byte("images")), length(2, length(1, tensor))...)
	other := append(length(1, []byte("other")), length(2, length(1, tensor))...)
	graph := bytes.Join([][]byte{length(2, []byte("g")), length(11, other), length(11, input)}, nil)
	return bytes.Join([][]byte{{8, 9}, length(7, graph), length(2, []byte("me"))}, nil)
}

func TestPrepareFixesSizes(t *testing.T) {
	open := openModel()
	fixed, err := Prepare(open, "images", []int{3, 640, 128})
	if err != nil {
		t.Fatal(err)
	}
	if want := []byte{10, 3, 8, 128, 5, 10, 3, 8, 128, 1}; !bytes.Contains(fixed, want) || bytes.Count(fixed, []byte("batch")) != 2 || bytes.Count(fixed, []byte{10, 3, 18, 1, 'h'}) != 1 {
		t.Errorf("%q", fixed)
	}
	again, err := Prepare(fixed, "images", []int{3, 1, 1})
	if err != nil || !bytes.Equal(again, fixed) {
		t.Errorf("fixed sizes changed: %v", err)
	}
	if got, err := Prepare(open, "gone", []int{3, 1, 1}); err != nil || !bytes.Equal(got, open) {
		t.Errorf("no such input: %v", err)
	}
	for _, c := range []struct {
		model []byte
		name  string
		shape []int
	}{{open, "images", []int{3, 1}}, {open[:20], "images", []int{3, 1, 1}}, {[]byte{0xff}, "images", nil}} {
		if got, err := Prepare(c.model, c.name, c.shape); err == nil {
			t.Errorf("%q, want an error", got)
		}
	}
}

func FuzzPrepareFixesSizes(f *testing.F) {
	f.Add(openModel())
	f.Fuzz(func(t *testing.T, model []byte) {
		fixed, err := Prepare(model, "images", []int{3, 8, 8})
		if err != nil {
			return
		}
		if again, err := Prepare(fixed, "images", []int{3, 8, 8}); err != nil || !bytes.Equal(again, fixed) {
			t.Fatalf("not the same a second time: %v", err)
		}
	})
}
