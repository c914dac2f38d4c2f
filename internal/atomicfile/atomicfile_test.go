package atomicfile

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// TestReserve: one at a time, also while what is reserved is replaced.
func TestReserve(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "ids")
	first, err := Reserve(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := Write(path, []byte("1"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Reserve(path); !errors.Is(err, ErrTaken) {
		t.Errorf("reserved twice: %v", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := Reserve(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
}

func TestFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	if err := Folder(dir); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("%v, %v is left", err, left)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Folder(filepath.Join(file, "c")); err == nil {
		t.Error("a folder in a file")
	}
}
