package config

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
)

// Card says what Sightline must know of an ONNX file: what it does, how a picture goes in, what comes
// out. It is a YAML file of its own, usually beside the model.
type Card struct {
	Task        string   `yaml:"task,required" enum:"detection,pose,segmentation,reid,classification" doc:"What the model does."`
	Family      string   `yaml:"family" default:"decoded" doc:"How its outputs are read, see docs/models.md: for detection decoded, yolox, yolov5, yolov8, yolov10, detr, detr-softmax, detr-deploy, rtdetr, rtdetr-end2end, nanodet, yolov8-pose, yolov8-segment, yolov5-segment, yolov10-pose, yolov10-segment or movenet-multipose; for pose decoded, movenet, simcc or heatmap; for segmentation decoded, logits or semantic."`
	File        string   `yaml:"file,required" doc:"Path of the ONNX file, plain or gzipped."`
	Description string   `yaml:"description" doc:"The network in a few words."`
	Input       Input    `yaml:"input,required" doc:"How a picture goes in."`
	Outputs     Outputs  `yaml:"outputs,required" doc:"The outputs by what they mean: an output's name, or an object with name and shape. Batch comes first and is not part of a shape."`
	Region      Region   `yaml:"region" doc:"Models that look at objects: the part of the picture around an object's box that goes in."`
	Classes     []string `yaml:"classes" doc:"Detection, classification, family semantic: names of the classes in the order of the scores."`
	Of          string   `yaml:"of" doc:"Family semantic: the class that the mask is made of; person if left out."`
	Threshold   float64  `yaml:"threshold" default:"0" min:"0" max:"1" doc:"Detection: least score of an object (0.4 if left out). Segmentation: least probability of a mask's pixel (0.5). Classification: least score that is told (0)."`
	IoU         float64  `yaml:"iou" default:"0.5" min:"0" max:"1" doc:"Detection: of two boxes of a class that overlap more than this the surer one stays, unless the family needs no such suppression."`
	Activation  string   `yaml:"activation" enum:"none,sigmoid,softmax" doc:"What makes scores of the numbers. Detection (none, sigmoid): none if left out, but for detr. Classification: softmax if left out."`
	Strides     []int    `yaml:"strides" min:"1" max:"1024" doc:"Families yolox and nanodet: input pixels between anchors of each level, ascending; [8, 16, 32] and [8, 16, 32, 64] if left out."`
	Centre      float64  `yaml:"centre" default:"0" min:"0" max:"1" doc:"Family nanodet: where in its cell an anchor lies: 0 for NanoDet-Plus, 0.5 for NanoDet."`
	Refine      string   `yaml:"refine" enum:"quarter,none" default:"quarter" doc:"Family heatmap: quarter moves a joint a quarter cell towards the larger neighbour."`
	Batch       int      `yaml:"batch" default:"1" min:"1" max:"1024" doc:"Largest number of pictures or objects in one inference. In mode batched a camera asks for 32 objects at once at most, and batches are put together from several cameras' requests."`
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

// Input is the picture input, of a type that docs/models.md lists. A channel's value is (p*(range[1]-range[0]) + range[0] - mean) / std,
// p from 0 (black) to 1.
type Input struct {
	Name      string     `yaml:"name" default:"images" doc:"Name of the input."`
	Shape     []int      `yaml:"shape" min:"1" max:"65536" doc:"[3, height, width], or [height, width, 3] with layout nhwc; taken from the file if left out."`
	Layout    string     `yaml:"layout" enum:"nchw,nhwc" default:"nchw" doc:"Order of the dimensions: channels first or last."`
	Colour    string     `yaml:"colour" enum:"rgb,bgr" default:"rgb" doc:"Order of the channels."`
	Range     []float64  `yaml:"range" min:"-65536" max:"65536" doc:"Values of black and white before mean and std; [0, 1] if left out."`
	Mean      []float64  `yaml:"mean" min:"-65536" max:"65536" doc:"What is subtracted from each channel, in the order of colour and in units of range; 0 if left out."`
	Std       []float64  `yaml:"std" min:"-65536" max:"65536" doc:"What each channel is then divided by; 1 if left out."`
	Fit       string     `yaml:"fit" enum:"letterbox,corner,stretch" default:"letterbox" doc:"Whole pictures. letterbox: centred with its proportions kept; corner: likewise at the left top; stretch: over the whole input."`
	Constants []Constant `yaml:"constants" doc:"Other inputs, which get the same numbers every time: orig_target_sizes of RT-DETR and D-FINE, for example, gets the input's width and height, so that boxes come in input pixels."`
	Pad       int        `yaml:"pad" default:"0" min:"0" max:"255" doc:"Grey beside a letterboxed picture: 0 black, 255 white; 114 for YOLO."`
}

// Constant is an input of fixed numbers.
type Constant struct {
	Name   string    `yaml:"name,required" doc:"Name of the input."`
	Values []float64 `yaml:"values,required" min:"-16777216" max:"16777216" doc:"Its numbers for one picture, in the order of its shape; a single one fills it."`
}

// Outputs are a model's outputs by what they mean; those of other families stay nil.
type Outputs struct {
	Scores      *Tensor `yaml:"scores" doc:"Detection: [anchors, classes]. Classification: [classes]."`
	Boxes       *Tensor `yaml:"boxes" doc:"Detection: [anchors, 4]."`
	Predictions *Tensor `yaml:"predictions" doc:"Detection: everything in one, as the family has it."`
	Labels      *Tensor `yaml:"labels" doc:"Family detr-deploy: [queries]."`
	Logits      *Tensor `yaml:"logits" doc:"Family detr: [queries, classes]; detr-softmax: [queries, classes + 1]."`
	Prototypes  *Tensor `yaml:"prototypes" doc:"Families of masks: [prototypes, height, width]."`
	Keypoints   *Tensor `yaml:"keypoints" doc:"Pose: [joints, 3]."`
	X           *Tensor `yaml:"x" doc:"Family simcc: [joints, columns]."`
	Y           *Tensor `yaml:"y" doc:"Family simcc: [joints, rows]."`
	Heatmaps    *Tensor `yaml:"heatmaps" doc:"Family heatmap: [joints, height, width]."`
	Mask        *Tensor `yaml:"mask" doc:"Segmentation: [1, height, width], or [classes, height, width]."`
	Features    *Tensor `yaml:"features" doc:"ReID: a vector [length]."`
}

// roleNames are the keys of Outputs, in order.
var roleNames = func() (names []string) {
	for _, p := range properties(reflect.TypeFor[Outputs]()) {
		names = append(names, p.key)
	}
	return names
}()

// Of is the output of a role, or nil.
func (o *Outputs) Of(role string) *Tensor {
	i := slices.Index(roleNames, role)
	if i < 0 {
		return nil
	}
	return reflect.ValueOf(o).Elem().Field(i).Interface().(*Tensor)
}

// Names are the names of the outputs by role.
func (o *Outputs) Names() map[string]string {
	names := map[string]string{}
	for _, role := range roleNames {
		if t := o.Of(role); t != nil {
			names[role] = t.Name
		}
	}
	return names
}

// Tensor is an output's name and, if the card gives it, its shape without the batch dimension. In a
// card, -1 stands for any size.
type Tensor struct {
	Name  string `yaml:"name,required" doc:"Name of the output."`
	Shape []int  `yaml:"shape" min:"-1" doc:"Sizes without the batch; -1 stands for any."`
}

func (*Tensor) shorthand() string { return "name" }

func (t Tensor) String() string { return fmt.Sprintf("%s %v", t.Name, t.Shape) }

// Region is the part of the picture around an object's box.
type Region struct {
	Form    string  `yaml:"form" enum:"box,square,aspect" doc:"box: the box itself, stretched to the input; square: a square around its centre; aspect: the box grown to the input's proportions. By default square for pose (aspect for simcc and heatmap), aspect for detection, else box."`
	Scale   float64 `yaml:"scale" min:"0.1" max:"4" doc:"Size in sizes of that form. By default 1.25 for pose, 1.2 for segmentation, else 1."`
	Outside string  `yaml:"outside" enum:"black,edge" doc:"What lies outside the picture. By default black for pose, else edge."`
}

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
			r.fault("file", "cannot open the model %s, beside the card or in the working directory: %v", c.File, reason(err))
		}
		c.Model = found
	}
	r.checkInput(&c.Input)
	if !r.sound("task") || c.Task == "" {
		return
	}
	f := c.family()
	if f == nil {
		if r.sound("family") {
			names := familyNames(c.Task)
			hint := cmp.Or(suggestion(c.Family, names), "; expected one of "+quoteAll(names))
			r.fault("family", "no %s model is of family %q%s", c.Task, clip(c.Family), hint)
		}
		return
	}
	r.checkClasses(c)
	r.checkOutputs(c, f)
	r.checkFamily(c, f)
}

func (r *reader) checkInput(in *Input) {
	want, last := "[3, height, width]", 0
	if in.Layout == "nhwc" {
		want, last = "[height, width, 3]", 2
	}
	if n := len(in.Shape); n != 0 && (n != 3 || in.Shape[last] != 3) && r.sound("input.shape") {
		r.fault("input.shape", "expected %s without the batch, found %v", want, in.Shape)
	}
	if n := len(in.Range); (n != 0 && n != 2 || n == 2 && in.Range[0] == in.Range[1]) && r.sound("input.range") {
		r.fault("input.range", "expected the values of black and white, such as [0, 1] or [0, 255], found %v", in.Range)
	}
	for field, list := range map[string][]float64{"input.mean": in.Mean, "input.std": in.Std} {
		if n := len(list); n != 0 && n != 3 && r.sound(field) {
			r.fault(field, "expected three numbers, found %v", list)
		}
	}
	if slices.Contains(in.Std, 0) && r.sound("input.std") {
		r.fault("input.std", "expected numbers other than 0, found %v", in.Std)
	}
}

// checkClasses checks the names of classes where the family has scores of them.
func (r *reader) checkClasses(c *Card) {
	if c.Family == "movenet-multipose" && !r.has("classes") {
		c.Classes = []string{"person"}
	}
	if c.namesClasses() && len(c.Classes) == 0 && r.sound("classes") {
		r.fault("classes", "is missing: the names of the model's classes in order")
	}
	seen := map[string]bool{}
	for i, name := range c.Classes {
		if seen[name] {
			r.fault(fmt.Sprintf("classes[%d]", i), "class %q is named twice", name)
		}
		seen[name] = true
	}
	if c.Family != "semantic" {
		if c.Of != "" {
			r.fault("of", "only the family semantic has it")
		}
		return
	}
	if c.Of == "" {
		c.Of = "person"
	}
	if len(c.Classes) > 0 && !seen[c.Of] {
		r.fault("of", "the card names no class %q that the mask could be made of", c.Of)
	}
}

func (r *reader) checkOutputs(c *Card, f *family) {
	if !r.sound("outputs") {
		return
	}
	known := c.letters()
	for _, role := range roleNames {
		i := slices.IndexFunc(f.outputs, func(o output) bool { return o.role == role })
		t, field := c.Outputs.Of(role), "outputs."+role
		switch {
		case i >= 0 && t == nil && r.sound(field):
			r.fault(field, "is missing: %s needs it", c.kind())
		case i < 0 && t != nil:
			r.fault(field, "%s has no such output", c.kind())
		case t != nil && t.Shape != nil && r.sound(field+".shape"):
			if err := known.fitAny(f.outputs[i].shapes, t.Shape); err != nil {
				r.fault(field+".shape", "%v", err)
			}
		}
	}
}

// kind names task and family in messages.
func (c *Card) kind() string {
	if c.Family == "decoded" {
		return "a " + c.Task + " model"
	}
	return fmt.Sprintf("a %s model of family %s", c.Task, c.Family)
}

// letters are those that the card itself tells.
func (c *Card) letters() letters {
	if n := len(c.Classes); n > 0 && c.namesClasses() {
		return letters{"C": n}
	}
	return letters{}
}

// checkFamily checks and completes what only some families have.
func (r *reader) checkFamily(c *Card, f *family) {
	switch {
	case f.grid == nil && c.Strides != nil && r.sound("strides"):
		r.fault("strides", "%s has no grid", c.kind())
	case c.Strides == nil:
		c.Strides = f.grid
	case !slices.IsSorted(c.Strides) || len(c.Strides) > maxLevels || len(slices.Compact(slices.Clone(c.Strides))) < len(c.Strides):
		r.fault("strides", "expected at most %d, ascending, found %v", maxLevels, c.Strides)
	}
	if c.Family != "nanodet" && r.has("centre") {
		r.fault("centre", "only the family nanodet has it")
	}
	if c.Family != "heatmap" && r.has("refine") {
		r.fault("refine", "only the family heatmap has it")
	}
	switch {
	case c.Task == "classification" && c.Activation == "":
		c.Activation = "softmax"
	case c.Task == "detection" && c.Activation == "":
		c.Activation = "none"
		if c.Family == "detr" {
			c.Activation = "sigmoid"
		}
	case c.Family == "detr-softmax":
		r.fault("activation", "the family detr-softmax has its own")
	case c.Task == "detection" && c.Activation == "softmax":
		r.fault("activation", "expected none or sigmoid for a detection model")
	case c.Task != "detection" && c.Task != "classification" && c.Activation != "":
		r.fault("activation", "%s has none", c.kind())
	}
}

// maxLevels is how many strides a grid may have.
const maxLevels = 6

// fillDefaults fills in what depends on the task.
func (r *reader) fillDefaults(c *Card) {
	form, scale, outside := "box", 1.0, "edge"
	switch c.Task {
	case "detection":
		form = "aspect" // on objects, with whatever is beside them
		if !r.has("threshold") {
			c.Threshold = 0.4
		}
	case "pose":
		form, scale, outside = "square", 1.25, "black"
		if c.Family == "simcc" || c.Family == "heatmap" {
			form = "aspect"
		}
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
