package onnx

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"sightline/internal/config"
	"sightline/internal/golden"
)

// Of every golden graph the guess is what its own card says, and the card written from it is sound and fits.
func TestGuessFamilies(t *testing.T) {
	// Where the graph alone does not tell the classes.
	untold := map[string]bool{
		"nanodet-logits": true, // 5 classes and 4 times 11 bins, or 17 and 4 times 8
		"yolov8-misfit":  true, // its own card is wrong
		"detr-deploy":    true, // labels are numbers only
	}
	for _, name := range golden.Families() {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			_, path, err := golden.ReadFamily(name, folder)
			if err != nil {
				t.Fatal(err)
			}
			want, err := config.LoadCard(path)
			if err != nil {
				t.Fatal(err)
			}
			f, err := Read(filepath.Join(folder, name+".onnx.gz"))
			if err != nil {
				t.Fatal(err)
			}
			g := f.Guess()
			if g.Task != want.Task || g.Family != want.Family {
				t.Fatalf("guessed %s %s (%s), want %s %s: %q", g.Task, g.Family, g.Certainty, want.Task, want.Family, g.Reasons)
			}
			got := written(t, &g, f, folder)
			if !reflect.DeepEqual(got.Outputs.Names(), want.Outputs.Names()) {
				t.Errorf("outputs %v, want %v", got.Outputs.Names(), want.Outputs.Names())
			}
			if !untold[name] && len(got.Classes) != len(want.Classes) {
				t.Errorf("%d classes, want %d", len(got.Classes), len(want.Classes))
			}
			if got.Input.Name != want.Input.Name || got.Input.Layout != want.Input.Layout || !slices.Equal(got.Input.Shape, want.Input.Shape) {
				t.Errorf("input %+v, want %+v", got.Input, want.Input)
			}
			if got.Activation != want.Activation && want.Task == "detection" {
				t.Errorf("activation %q, want %q", got.Activation, want.Activation)
			}
			if !slices.Equal(got.Strides, want.Strides) || got.Centre != want.Centre {
				t.Errorf("strides %v, centre %v; want %v, %v", got.Strides, got.Centre, want.Strides, want.Centre)
			}
			if !reflect.DeepEqual(got.Input.Constants, want.Input.Constants) {
				t.Errorf("constants %v, want %v", got.Input.Constants, want.Input.Constants)
			}
			if err := got.Check(tensors(f.Inputs), tensors(f.Outputs)); err != nil {
				t.Error(err)
			}
			if dynamic := want.Batch > 1; (g.Batch == 0) != dynamic {
				t.Errorf("batch %d, want a dynamic one: %v", g.Batch, dynamic)
			}
		})
	}
}

// written is the card that a guess makes, read again.
func written(t *testing.T, g *Guess, f *File, folder string) config.Card {
	text, err := g.Card(f, folder)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(folder, "written.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	card, err := config.LoadCard(path)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return card
}

func tensors(values []Value) (list []config.Tensor) {
	for _, v := range values {
		list = append(list, config.Tensor{Name: v.Name, Shape: v.sizes()})
	}
	return list
}

// The demo models are found out too.
func TestGuessDemoModels(t *testing.T) {
	for _, c := range []struct{ name, task, family string }{
		{"detection", "detection", "decoded"}, {"pose-lite", "pose", "decoded"},
		{"segmentation", "segmentation", "decoded"}, {"reid", "reid", "decoded"},
	} {
		f, err := Read("../../models/" + c.name + ".onnx.gz")
		if err != nil {
			t.Fatal(err)
		}
		g := f.Guess()
		if g.Task != c.task || g.Family != c.family {
			t.Errorf("%s: guessed %s %s: %q", c.name, g.Task, g.Family, g.Reasons)
		}
		if f.Weights.Parameters < 50_000 || len(f.Operators) == 0 || f.Opsets[0].Version < 9 {
			t.Errorf("%s: %+v", c.name, f)
		}
		folder, err := filepath.Abs(".")
		if err != nil {
			t.Fatal(err)
		}
		f.Path, _ = filepath.Abs(f.Path)
		if text, err := g.Card(f, folder); err != nil || !strings.Contains(text, "file: \"../../models/") {
			t.Errorf("%s: %v\n%s", c.name, err, text)
		}
	}
}

// An untrained model's classes are named by their numbers, which are no names.
func TestCardOfNumberedClasses(t *testing.T) {
	n := outputs("Sigmoid", "output0", []int{6, 8400}).with(map[string]string{"names": "{0: '0', 1: '1'}", "stride": "32"})
	n.inputs = []pb{images("images", 640, 640)}
	path := filepath.Join(t.TempDir(), "m.onnx")
	if err := os.WriteFile(path, n.file(), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	g := f.Guess()
	if card := written(t, &g, f, filepath.Dir(path)); !slices.Equal(card.Classes, []string{"class_0", "class_1"}) {
		t.Errorf("classes %q", card.Classes)
	}
}
