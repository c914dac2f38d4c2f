package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// TestRegenerates compares the committed PTX with what the pinned NVRTC makes now.
func TestRegenerates(t *testing.T) {
	library, err := cached()
	if err != nil {
		t.Skip("NVRTC was not fetched yet (go generate does it): ", err)
	}
	out := t.TempDir()
	t.Chdir("..")
	names := []string{"picture", "select", "people", "vectors", "decode", "move"}
	if err := run(library, out, names); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		got, err := os.ReadFile(filepath.Join(out, name+".ptx"))
		if err != nil {
			t.Fatal(err)
		}
		if want, err := os.ReadFile(name + ".ptx"); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s.ptx differs from what NVRTC makes: run go generate (%v)", name, err)
		}
	}
}
