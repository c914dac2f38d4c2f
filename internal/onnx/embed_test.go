package onnx

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// elsewhere is a float32 tensor of two numbers whose values lie elsewhere; place are pairs of key and value.
func elsewhere(name string, place ...string) pb {
	t := pb{}.bytes(1, []byte{2}).number(2, 1).text(8, name)
	for i := 0; i < len(place); i += 2 {
		t = t.bytes(13, pb{}.text(1, place[i]).text(2, place[i+1]))
	}
	return t.number(14, 1)
}

// inside is the same tensor with its values in it.
func inside(name string, values string) pb {
	return pb{}.bytes(1, []byte{2}).number(2, 1).text(8, name).text(9, values)
}

// within has a tensor as a weight, in a node's attribute and in the branch of an If.
func within(a, b, c pb) []byte {
	constant := node("Constant", "", "", "k").bytes(5, pb{}.text(1, "value").bytes(5, b))
	branch := node("If", "", "x", "y").bytes(5, pb{}.text(1, "then_branch").bytes(6, pb{}.bytes(5, c)))
	return network{weights: []pb{a}, nodes: []pb{constant, branch}}.file()
}

func TestEmbed(t *testing.T) {
	folder := t.TempDir()
	for name, text := range map[string]string{"m.onnx.data": "....AAAABBBBccccCCCC", "parts/c": "DDDDEEEE"} {
		path := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	model := within(elsewhere("a", "location", "m.onnx.data", "offset", "4", "length", "8"),
		elsewhere("b", "location", "m.onnx.data", "offset", "12"), elsewhere("c", "location", "parts/c"))
	want := within(inside("a", "AAAABBBB"), inside("b", "ccccCCCC"), inside("c", "DDDDEEEE"))
	got, err := Embed(model, folder)
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("%q, %v, want %q", got, err, want)
	}
	if again, err := Embed(want, "nowhere"); err != nil || &again[0] != &want[0] {
		t.Errorf("a whole model is not returned as it is: %v", err)
	}
	for _, c := range []struct {
		name  string
		place []string
		want  string
	}{
		{"missing", []string{"location", "gone.data"}, "gone.data, which is not there"},
		{"elsewhere", []string{"location", "../m.onnx.data"}, "expected one in the model's folder"},
		{"absolute", []string{"location", "/etc/passwd"}, "expected one in the model's folder"},
		{"memory of another program", []string{"location", "*/_ORT_MEM_ADDR_/*", "offset", "1", "length", "8"}, "which is not there"},
		{"no place", nil, "expected one in the model's folder"},
		{"cut off", []string{"location", "m.onnx.data", "offset", "16", "length", "8"}, "bytes 16 to 24"},
		{"behind the end", []string{"location", "m.onnx.data", "offset", "99"}, "which has 20"},
		{"shape", []string{"location", "m.onnx.data", "offset", "4", "length", "4"}, "4 bytes of the file"},
		{"offset", []string{"location", "m.onnx.data", "offset", "-4"}, "expected a number of bytes"},
		{"folder", []string{"location", "parts", "length", "8"}, "no regular file"},
	} {
		got, err := Embed(network{weights: []pb{elsewhere("w", c.place...)}}.file(), folder)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), `"w"`) {
			t.Errorf("%s: %v (%d bytes), want %q", c.name, err, len(got), c.want)
		}
	}
}

func FuzzEmbed(f *testing.F) {
	place := []string{"location", "embed_test.go", "offset", "4", "length", "8"}
	f.Add([]byte(within(elsewhere("a", place...), elsewhere("b", place...), elsewhere("c", place...))))
	f.Fuzz(func(t *testing.T, model []byte) {
		got, err := Embed(model, ".")
		if err != nil {
			return
		}
		if again, err := Embed(got, "nowhere"); err != nil || !bytes.Equal(again, got) {
			t.Fatalf("something still lies elsewhere: %v", err)
		}
	})
}
