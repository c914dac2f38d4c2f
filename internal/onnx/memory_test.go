package onnx

import (
	"bytes"
	"crypto/sha256"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// large is a model of float16 ends and open height and width, whose weights of so many bytes lie in a file of folder.
func large(tb testing.TB, folder string, size int) []byte {
	if err := os.WriteFile(filepath.Join(folder, "w.data"), nil, 0o600); err != nil {
		tb.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(folder, "w.data"), int64(size)); err != nil {
		tb.Fatal(err)
	}
	place := pb{}.bytes(13, pb{}.text(1, "location").text(2, "w.data"))
	return network{
		inputs: []pb{tensor("images", float16s, -1, 3, -1, -1)}, outputs: []pb{tensor("scores", float16s, -1, 5)},
		nodes:   []pb{node("Conv", "", "images", "scores")},
		weights: []pb{append(pb{}.number(1, uint64(size/2)).number(2, float16s).text(8, "w").number(14, 1), place...)},
	}.file()
}

// whole does with a model what is done before a device gets it.
func whole(tb testing.TB, model []byte, folder string) []byte {
	prepared, err := Prepare(model, "images", []int{3, 640, 640})
	if err == nil {
		prepared, err = Embed(prepared, folder)
	}
	if err != nil {
		tb.Fatal(err)
	}
	return prepared
}

// A model is copied once on its way to a device, and not at all to be hashed.
func TestWholeAllocates(t *testing.T) {
	const size = 16 << 20
	folder := t.TempDir()
	beside := large(t, folder, size)
	inside, err := Embed(beside, folder)
	if err != nil {
		t.Fatal(err)
	}
	allocated := func(do func()) uint64 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		do()
		runtime.ReadMemStats(&after)
		return after.TotalAlloc - before.TotalAlloc
	}
	for name, model := range map[string][]byte{"beside": beside, "inside": inside} {
		var made []byte
		if n := allocated(func() { made = whole(t, model, folder) }); n > size+size/4 {
			t.Errorf("weights %s: %d bytes for a model of %d", name, n, size)
		}
		got, want := sha256.New(), sha256.Sum256(made)
		n := allocated(func() { err = Write(got, model, folder, "images", []int{3, 640, 640}) })
		if err != nil || n > size/4 || [32]byte(got.Sum(nil)) != want {
			t.Errorf("weights %s: %d bytes to write a model of %d: %v", name, n, size, err)
		}
	}
	if _, err := Embed(large(t, folder, 2<<30), folder); err == nil || !strings.Contains(err.Error(), "at most 2 GiB") {
		t.Errorf("2 GiB of weights: %v", err)
	}
	var got bytes.Buffer
	if err := Write(&got, openModel(), folder, "gone", nil); err != nil || !bytes.Equal(got.Bytes(), openModel()) {
		t.Errorf("a model of which nothing changes is not written as it is: %v", err)
	}
}

// BenchmarkWhole tells the memory that a model of 64 MB takes to be made whole: its weights beside it, and in it.
func BenchmarkWhole(b *testing.B) {
	folder := b.TempDir()
	beside := large(b, folder, 64<<20)
	inside, err := Embed(beside, folder)
	if err != nil {
		b.Fatal(err)
	}
	for name, model := range map[string][]byte{"beside": beside, "inside": inside} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				whole(b, model, folder)
			}
		})
	}
}
