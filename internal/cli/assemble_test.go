package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sightline/internal/config"
)

// Weights beside a model are part of it: of what a device loads, and of what tells one model from another.
func TestReadModelWithWeightsBeside(t *testing.T) {
	field := func(number byte, content string) string {
		return string([]byte{number<<3 | 2, byte(len(content))}) + content
	}
	place := field(13, field(1, "location")+field(2, "m.onnx.data"))
	model := field(7, field(5, "\x08\x02\x10\x01"+field(8, "w")+place+"\x70\x01")) // two float32 numbers
	folder := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	m := &config.Model{Card: config.Card{Model: write("m.onnx", model)}}
	if _, err := readModel(&m.Card); err == nil || !strings.Contains(err.Error(), "m.onnx.data, which is not there") {
		t.Errorf("without the weights: %v", err)
	}
	keys := map[string]bool{}
	for _, weights := range []string{"AAAABBBB", "AAAACCCC"} {
		write("m.onnx.data", weights)
		whole, err := readModel(&m.Card)
		if err != nil || !bytes.Contains(whole, []byte(weights)) || bytes.Contains(whole, []byte("location")) {
			t.Errorf("%q: %v", whole, err)
		}
		spec, err := modelSpec(m)
		if err != nil {
			t.Error(err)
		}
		keys[spec.Key] = true
	}
	if len(keys) != 2 {
		t.Error("models of other weights have the same key")
	}
	write("m.onnx", model[:len(model)-5])
	if _, err := readModel(&m.Card); err == nil || !strings.Contains(err.Error(), "it is cut off or broken") {
		t.Errorf("cut off: %v", err)
	}
}
