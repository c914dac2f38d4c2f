package config

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Card says what Sightline must know of an ONNX file: what it does, how a picture goes in, what comes
// out. It is a YAML file of its own, usually beside the model.
type Card struct {
	Task        string   `yaml:"task,required" enum:"detection,pose,segmentation,reid" doc:"What the model does."`
	File        string   `yaml:"file,required" doc:"Path of the ONNX file, plain or gzipped."`
	Description string   `yaml:"description" doc:"The network in a few words."`
	Input       Input    `yaml:"input,required" doc:"How a picture goes in."`
	Outputs     Outputs  `yaml:"outputs,required" doc:"The outputs by what they mean: an output's name, or an object with name and shape. Batch comes first and is not part of a shape."`
	Region      Region   `yaml:"region" doc:"Models of people: the part of the picture around a person's box that goes in."`
	Classes     []string `yaml:"classes" doc:"Detection: names of the classes in the order of the scores. People are the class named person."`
	Threshold   float64  `yaml:"threshold" default:"0" min:"0" max:"1" doc:"Detection: least score of an object (0.4 if left out). Segmentation: least probability of a mask's pixel (0.5)."`
	IoU         float64  `yaml:"iou" default:"0.5" min:"0" max:"1" doc:"Detection: of two boxes of a class that overlap more than this the surer one stays."`
	Batch       int      `yaml:"batch" default:"1" min:"1" max:"1024" doc:"Largest number of pictures or people in one inference."`
	Licence     string   `yaml:"licence" doc:"Licence of the weights."`
	Origin      string   `yaml:"origin" doc:"Where the weights come from."`

	// Path is the card's own file, Model the resolved path of the ONNX file.
	Path  string `yaml:"-"`
	Model string `yaml:"-"`
}

// Name is what the model is called in logs and errors: the card's file name without its suffix.
func (c *Card) Name() string {
	return strings.TrimSuffix(filepath.Base(c.Path), filepath.Ext(c.Path))
}

// Input is the picture input: float32, planar.
type Input struct {
	Name   string    `yaml:"name" default:"images" doc:"Name of the input."`
	Shape  []int     `yaml:"shape" min:"1" max:"65536" doc:"[3, height, width]; taken from the file if left out."`
	Layout string    `yaml:"layout" enum:"nchw" default:"nchw" doc:"Order of the dimensions."`
	Colour string    `yaml:"colour" enum:"rgb" default:"rgb" doc:"Order of the channels. A network that wants BGR needs a permutation in its graph."`
	Range  []float64 `yaml:"range" doc:"Values of black and white: [0, 1]. Mean and standard deviation belong into the graph."`
}

// Outputs are a model's outputs by what they mean; those of other tasks stay nil.
type Outputs struct {
	Scores    *Tensor `yaml:"scores" doc:"Detection: probabilities [anchors, classes]."`
	Boxes     *Tensor `yaml:"boxes" doc:"Detection: [anchors, 4] as x1, y1, x2, y2 in input pixels."`
	Keypoints *Tensor `yaml:"keypoints" doc:"Pose: [17, 3] as x, y in input pixels and a score; COCO order."`
	Mask      *Tensor `yaml:"mask" doc:"Segmentation: probabilities [1, height, width]."`
	Features  *Tensor `yaml:"features" doc:"ReID: a vector [length]."`
}

// Tensor is an output's name and, if the card gives it, its shape without the batch dimension. In a
// card, -1 stands for any size.
type Tensor struct {
	Name  string `yaml:"name,required" doc:"Name of the output."`
	Shape []int  `yaml:"shape" min:"-1" doc:"Sizes without the batch; -1 stands for any."`
}

func (*Tensor) shorthand() string { return "name" }

func (t Tensor) String() string { return fmt.Sprintf("%s %v", t.Name, t.Shape) }

// Region is the part of the picture around a person's box.
type Region struct {
	Form    string  `yaml:"form" enum:"box,square" doc:"box: the box itself, stretched to the input; square: a square around its centre. By default square for pose, else box."`
	Scale   float64 `yaml:"scale" min:"0.1" max:"4" doc:"Size in box sizes (square: in the box's longer sides). By default 1.25 for pose, 1.2 for segmentation, 1 for reid."`
	Outside string  `yaml:"outside" enum:"black,edge" doc:"What lies outside the picture. By default black for pose, else edge."`
}

// roles are the outputs that each task needs, with the shape they must have (-1: any).
var roles = map[string]map[string][]int{
	"detection":    {"scores": {-1, -1}, "boxes": {-1, 4}},
	"pose":         {"keypoints": {17, 3}},
	"segmentation": {"mask": {1, -1, -1}},
	"reid":         {"features": {-1}},
}

func (o *Outputs) of(role string) *Tensor {
	return map[string]*Tensor{"scores": o.Scores, "boxes": o.Boxes, "keypoints": o.Keypoints, "mask": o.Mask, "features": o.Features}[role]
}

var roleNames = []string{"scores", "boxes", "keypoints", "mask", "features"}

// LoadCard reads and checks a model card. Its error is of type Errors if the content is wrong.
func LoadCard(path string) (Card, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return Card{}, err
	}
	return parseCard(path, text)
}

func parseCard(path string, text []byte) (Card, error) {
	c := Card{Path: path}
	r := newReader(path, text)
	r.document(&c)
	if r.decoded {
		r.checkCard(&c)
	}
	return c, r.err()
}

func (r *reader) checkCard(c *Card) {
	r.fillDefaults(c)
	if r.sound("file") && c.File != "" {
		found, err := find(r.file, c.File)
		if err != nil {
			r.fault("file", "cannot open the model: %v", err)
		}
		c.Model = found
	}
	if n := len(c.Input.Shape); n != 0 && (n != 3 || c.Input.Shape[0] != 3) && r.sound("input.shape") {
		r.fault("input.shape", "expected [3, height, width] without the batch, found %v", c.Input.Shape)
	}
	if c.Input.Range != nil && !slices.Equal(c.Input.Range, []float64{0, 1}) && r.sound("input.range") {
		r.fault("input.range", "expected [0, 1], found %v: other normalisations belong into the graph", c.Input.Range)
	}
	if !r.sound("task") || c.Task == "" || !r.sound("outputs") {
		return
	}
	for _, role := range roleNames {
		want, needed := roles[c.Task][role]
		t, field := c.Outputs.of(role), "outputs."+role
		switch {
		case needed && t == nil && r.sound(field):
			r.fault(field, "is missing: a %s model needs it", c.Task)
		case !needed && t != nil:
			r.fault(field, "a %s model has no such output", c.Task)
		case t != nil && t.Shape != nil && !matches(want, t.Shape) && r.sound(field+".shape"):
			r.fault(field+".shape", "expected %v (-1: any), found %v", want, t.Shape)
		}
	}
	if c.Task == "detection" && len(c.Classes) == 0 && r.sound("classes") {
		r.fault("classes", "is missing: the names of the detector's classes in order")
	}
	seen := map[string]bool{}
	for i, name := range c.Classes {
		if seen[name] {
			r.fault(fmt.Sprintf("classes[%d]", i), "class %q is named twice", name)
		}
		seen[name] = true
	}
}

// fillDefaults fills in what depends on the task.
func (r *reader) fillDefaults(c *Card) {
	form, scale, outside := "box", 1.0, "edge"
	switch c.Task {
	case "detection":
		if !r.has("threshold") {
			c.Threshold = 0.4
		}
	case "pose":
		form, scale, outside = "square", 1.25, "black"
	case "segmentation":
		scale = 1.2
		if !r.has("threshold") {
			c.Threshold = 0.5
		}
	}
	if c.Region.Form == "" {
		c.Region.Form = form
	}
	if c.Region.Scale == 0 {
		c.Region.Scale = scale
	}
	if c.Region.Outside == "" {
		c.Region.Outside = outside
	}
}

// matches compares shapes; -1 on either side stands for any size.
func matches(want, got []int) bool {
	return slices.EqualFunc(want, got, func(a, b int) bool { return a == b || a < 0 || b < 0 })
}

// Check compares the card with the file's real inputs and outputs, whose shapes have no batch
// dimension. The error says what was found and what was expected.
func (c *Card) Check(inputs, outputs []Tensor) error {
	var wrong []string
	say := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	if i := slices.IndexFunc(inputs, func(t Tensor) bool { return t.Name == c.Input.Name }); i < 0 || len(inputs) != 1 {
		say("expected one input named %s, found %v", c.Input.Name, inputs)
	} else {
		want := c.Input.Shape
		if want == nil {
			want = []int{3, -1, -1}
		}
		if got := inputs[i].Shape; !matches(want, got) || slices.ContainsFunc(got, func(n int) bool { return n < 1 }) {
			say("input %s: expected shape %v (-1: any fixed size), found %v", c.Input.Name, want, got)
		}
	}
	sizes := map[string][]int{}
	for _, role := range roleNames {
		t := c.Outputs.of(role)
		if t == nil {
			continue
		}
		i := slices.IndexFunc(outputs, func(o Tensor) bool { return o.Name == t.Name })
		if i < 0 {
			say("expected an output %s (%s), found %v", t.Name, role, outputs)
			continue
		}
		for _, want := range [][]int{roles[c.Task][role], t.Shape} {
			if want != nil && !matches(want, outputs[i].Shape) {
				say("output %s (%s): expected shape %v (-1: any), found %v", t.Name, role, want, outputs[i].Shape)
				break
			}
		}
		sizes[role] = outputs[i].Shape
	}
	if s, b := sizes["scores"], sizes["boxes"]; len(s) == 2 && len(b) == 2 {
		if s[1] != len(c.Classes) {
			say("the card names %d classes, output %s has %d", len(c.Classes), c.Outputs.Scores.Name, s[1])
		}
		if s[0] != b[0] {
			say("outputs %s and %s have %d and %d anchors", c.Outputs.Scores.Name, c.Outputs.Boxes.Name, s[0], b[0])
		}
	}
	if wrong == nil {
		return nil
	}
	return fmt.Errorf("card %s does not fit model %s: %s", c.Path, c.Model, strings.Join(wrong, "; "))
}

// maxModel bounds what a compressed model may grow to.
const maxModel = 4 << 30

// ReadModel reads the card's ONNX file; gzip is found by its first bytes.
func (c *Card) ReadModel() ([]byte, error) {
	raw, err := os.ReadFile(c.Model)
	if err != nil {
		return nil, err
	}
	if !bytes.HasPrefix(raw, []byte{0x1f, 0x8b}) {
		return raw, nil
	}
	z, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.Model, err)
	}
	text, err := io.ReadAll(io.LimitReader(z, maxModel+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.Model, err)
	}
	if len(text) > maxModel {
		return nil, fmt.Errorf("%s: more than %d bytes uncompressed", c.Model, int64(maxModel))
	}
	return text, nil
}
