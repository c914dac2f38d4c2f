package kernels

import (
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"testing"

	"sightline/internal/native/dl"
)

// cpuKernel runs a kernel on the processor; see testdata/shim.h.
type cpuKernel func(params *byte, grid, block *[3]uint32) int32

// compile builds the kernels as a shared library of C++.
func compile(t *testing.T) *dl.Library {
	compiler, err := exec.LookPath("c++")
	if errors.Is(err, exec.ErrNotFound) {
		t.Skip("no C++ compiler (c++) on this machine: the kernels are not run on the processor")
	}
	// Go's cache of test results knows of the files that a test opens.
	for _, pattern := range []string{"*.cu", "*.cuh", "testdata/*"} {
		files, _ := filepath.Glob(pattern)
		for _, name := range files {
			if _, err := os.ReadFile(name); err != nil {
				t.Fatal(err)
			}
		}
	}
	file := filepath.Join(t.TempDir(), "kernels.so")
	// Products and sums stay apart, as NVRTC's -fmad=false does. What lies at an address that its size does not divide, or
	// beyond an array, ends the test, as it would end a kernel.
	out, err := exec.Command(compiler, "-std=c++17", "-O2", "-ffp-contract=off", "-fPIC", "-shared", "-Wall", "-Wno-unused-function", "-Wno-unknown-pragmas",
		"-fsanitize=alignment,bounds", "-fsanitize-undefined-trap-on-error", "-o", file, filepath.Join("testdata", "cpu.cpp")).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	library, err := dl.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	return library
}

// bind finds one symbol.
func bind[T any](t *testing.T, library *dl.Library, symbol string) T {
	table := reflect.New(reflect.StructOf([]reflect.StructField{{
		Name: "F", Type: reflect.TypeFor[T](), Tag: reflect.StructTag(`dl:"` + symbol + `"`),
	}}))
	if err := library.Bind(table.Interface()); err != nil {
		t.Fatal(err)
	}
	return table.Elem().Field(0).Interface().(T)
}

// TestKernelsAsC runs the kernel files themselves, compiled as C++, against the Go kernels.
func TestKernelsAsC(t *testing.T) {
	library := compile(t)
	m := newHostMachine(t)
	m.library = map[string]cpuKernel{}
	for name, params := range parameters {
		m.library[name] = bind[cpuKernel](t, library, "cpu_"+name)
		if size := bind[func() int32](t, library, "size_"+name)(); int(size) != int(params.Size()) {
			t.Fatalf("%s: the C++ parameter has %d bytes, the Go struct %d", name, size, params.Size())
		}
	}
	trials := cases()
	maps.Copy(trials, edges())
	for name, maker := range trials {
		t.Run(name, func(t *testing.T) { compareTrial(t, m, name, maker) })
	}
}

func (m *hostMachine) run(t testing.TB, launches []Launch) {
	t.Helper()
	for _, l := range launches {
		switch m.library[l.Kernel](&l.Params[0], &l.Grid, &l.Block) {
		case 0:
		case 1:
			t.Errorf("%s: threads of a block met at different barriers", l.Kernel)
		default:
			t.Errorf("%s: a GPU refuses the grid %v of blocks %v", l.Kernel, l.Grid, l.Block)
		}
	}
}
