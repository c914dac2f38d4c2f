package onnxruntime

import (
	"compress/gzip"
	"errors"
	"io"
	"math"
	"os"
	"runtime"
	"slices"
	"sync"
	"testing"

	"sightline/internal/golden"
)

// open loads the library that SIGHTLINE_ONNXRUNTIME names.
func open(t *testing.T) *Library {
	path := os.Getenv("SIGHTLINE_ONNXRUNTIME")
	if path == "" {
		t.Skip("SIGHTLINE_ONNXRUNTIME is not set to a libonnxruntime.so")
	}
	lib, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	return lib
}

func readModel(t *testing.T, name string) []byte {
	f, err := os.Open("../../../models/" + name + ".onnx.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestMissingLibraryIsNamed(t *testing.T) {
	if _, err := Load("libmissing.so.9"); err == nil {
		t.Fatal("no error")
	}
}

func TestBrokenModelIsAnError(t *testing.T) {
	lib := open(t)
	var e *Error
	if _, err := lib.NewSession([]byte("not a model"), 1); !errors.As(err, &e) || e.Detail == "" {
		t.Errorf("got %v", err)
	}
}

// TestGolden runs every model on the input of tensors.json, eight times at once on one session.
func TestGolden(t *testing.T) {
	lib := open(t)
	for _, name := range []string{"detection", "pose-lite", "segmentation", "reid"} {
		t.Run(name, func(t *testing.T) {
			s, err := lib.NewSession(readModel(t, name), 1)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			want, err := golden.Outputs(name)
			if err != nil {
				t.Fatal(err)
			}
			if len(want) != len(s.Outputs) || len(s.Inputs) != 1 || s.Inputs[0].Name != "images" || s.Inputs[0].Type != Float {
				t.Fatalf("inputs %+v, outputs %+v", s.Inputs, s.Outputs)
			}
			var wait sync.WaitGroup
			for range 8 {
				wait.Go(func() {
					shape := slices.Clone(s.Inputs[0].Shape)
					shape[0] = 2
					images := golden.Input(int(shape[2]), int(shape[3]))
					var pin runtime.Pinner
					defer pin.Unpin()
					pin.Pin(&images[0])
					in, err := lib.NewValue(images, shape...)
					if err != nil {
						t.Error(err)
						return
					}
					defer in.Close()
					var outs []*Value
					var data [][]float32
					for _, o := range s.Outputs {
						var dims []int64
						n := 1
						for _, d := range want[o.Name].Shape {
							dims, n = append(dims, int64(d)), n*d
						}
						buffer := make([]float32, n)
						pin.Pin(&buffer[0])
						v, err := lib.NewValue(buffer, dims...)
						if err != nil {
							t.Error(err)
							return
						}
						defer v.Close()
						outs, data = append(outs, v), append(data, buffer)
					}
					call, err := s.NewCall([]*Value{in}, outs)
					if err != nil {
						t.Error(err)
						return
					}
					defer call.Close()
					if err := call.Run(); err != nil {
						t.Error(err)
						return
					}
					for i, o := range s.Outputs {
						for k, sample := range want[o.Name].Samples {
							got := float64(data[i][k*(len(data[i])-1)/15])
							if math.Abs(got-sample) > 1e-3 {
								t.Errorf("%s sample %d: %g, want %g", o.Name, k, got, sample)
							}
						}
					}
				})
			}
			wait.Wait()
		})
	}
}

func TestCallDoesNotAllocate(t *testing.T) {
	lib := open(t)
	s, err := lib.NewSession(readModel(t, "segmentation"), 1)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var pin runtime.Pinner
	defer pin.Unpin()
	images, mask := golden.Input(256, 256)[:3*256*256], make([]float32, 256*256)
	pin.Pin(&images[0])
	pin.Pin(&mask[0])
	in, err := lib.NewValue(images, 1, 3, 256, 256)
	if err != nil {
		t.Fatal(err)
	}
	out, err := lib.NewValue(mask, 1, 1, 256, 256)
	if err != nil {
		t.Fatal(err)
	}
	call, err := s.NewCall([]*Value{in}, []*Value{out})
	if err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(10, func() { err = errors.Join(err, call.Run()) }); n > 0 || err != nil {
		t.Errorf("%v allocations, %v", n, err)
	}
	if err := errors.Join(call.Close(), in.Close(), out.Close()); err != nil {
		t.Error(err)
	}
}
