package sink

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestFullTmpfs fills a real file system of 64 KiB, makes room, and goes on.
func TestFullTmpfs(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Skipf("may not mount a tmpfs here: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 32<<10), 0o666); err != nil {
		t.Fatal(err)
	}
	f, err := newFiles(FileOptions{Dir: dir}, ".jsonl")
	if err != nil {
		t.Fatal(err)
	}
	b := jsonl{f, jsonLines{}}
	var want, failed uint64
	record := func(seq uint64) error { return b.Store("a", frameLine(seq)) }
	for seq := range uint64(600) {
		switch err := record(seq); {
		case err == nil:
			want++
		case errors.Is(err, syscall.ENOSPC):
			failed++
		default:
			t.Fatal(err)
		}
	}
	if failed == 0 || want == 0 {
		t.Fatalf("%d written, %d failed: the disk was never full", want, failed)
	}
	if got := sequence(t, read(t, dir, "a.jsonl")); uint64(len(got)) != want {
		t.Errorf("%d frames in the file, %d acknowledged", len(got), want)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	if err := record(1000); err != nil {
		t.Errorf("with room again: %v", err)
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	if got := sequence(t, read(t, dir, "a.jsonl")); uint64(len(got)) != want+1 || got[want] != 1000 {
		t.Errorf("%d frames in the file, want %d", len(got), want+1)
	}
}
