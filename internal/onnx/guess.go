package onnx

import (
	"fmt"
	"slices"
	"strings"
)

// Guess is what a file seems to be.
type Guess struct {
	// Task and Family are those of docs/models.md; empty if none fits.
	Task   string `json:"task,omitempty"`
	Family string `json:"family,omitempty"`
	// Certainty is sure, likely or doubtful.
	Certainty string   `json:"certainty,omitempty"`
	Reasons   []string `json:"reasons"`
	// Notes are what to look after before the model is used.
	Notes []string `json:"notes,omitempty"`
	// Outputs are the outputs' names by what they mean.
	Outputs map[string]string `json:"outputs,omitempty"`
	// Classes are the classes' names; Count is how many there are where the file has no names.
	Classes []string `json:"classes,omitempty"`
	Count   int      `json:"class_count,omitempty"`
	// Joints is how many joints a pose has.
	Joints     int     `json:"joints,omitempty"`
	Activation string  `json:"activation,omitempty"`
	Strides    []int   `json:"strides,omitempty"`
	Centre     float64 `json:"centre,omitempty"`
	// Batch is that of the file: 0 for any.
	Batch int     `json:"batch"`
	Input Picture `json:"input"`
	// Constants fill the other inputs.
	Constants []Constant `json:"constants,omitempty"`
}

// Picture is the input that a picture goes into.
type Picture struct {
	Name   string `json:"name"`
	Layout string `json:"layout"`
	Width  int    `json:"width"`
	Height int    `json:"height"`
}

// open sets the height and the width if they are open.
func (p *Picture) open(height, width int) {
	if p.Height < 1 {
		p.Height = height
	}
	if p.Width < 1 {
		p.Width = width
	}
}

// target is what the input targetSizes gets.
func (p *Picture) target() Constant { return Constant{targetSizes, []int{p.Width, p.Height}} }

// Constant is an input that always gets the same numbers.
type Constant struct {
	Name   string `json:"name"`
	Values []int  `json:"values"`
}

// mostClasses is more than any model has; a broken shape may tell of any number.
const mostClasses = 1 << 16

// How sure a guess is.
const (
	sure     = "sure"
	likely   = "likely"
	doubtful = "doubtful"
)

// guesser is a guess in the making.
type guesser struct {
	Guess
	file *File
	// outs are the outputs, shapes without the batch.
	outs []out
}

type out struct {
	name  string
	shape []int
}

// Guess says which family the file is of, and why.
func (f *File) Guess() Guess {
	g := &guesser{Guess: Guess{Outputs: map[string]string{}, Reasons: []string{}, Classes: f.names()}, file: f}
	for _, o := range f.Outputs {
		g.outs = append(g.outs, out{o.Name, o.sizes()})
	}
	g.picture()
	if g.Input.Name != "" {
		g.family()
	}
	g.trouble()
	if g.Count > mostClasses {
		g.reason("%d classes are more than any model has", g.Count)
		g.Family, g.Count = "", 0
	}
	if g.Family == "" {
		g.Task, g.Certainty = "", ""
		if len(g.Reasons) == 0 {
			g.reason("no family has outputs like these")
		}
	}
	if g.Count == 0 {
		g.Count = len(g.Classes)
	}
	return g.Guess
}

func (g *guesser) reason(format string, args ...any) {
	g.Reasons = append(g.Reasons, fmt.Sprintf(format, args...))
}

func (g *guesser) note(format string, args ...any) {
	g.Notes = append(g.Notes, fmt.Sprintf(format, args...))
}

// is decides; outputs are pairs of a role and an output's name.
func (g *guesser) is(task, family, certainty string, outputs ...string) {
	g.Task, g.Family, g.Certainty = task, family, certainty
	for i := 0; i+1 < len(outputs); i += 2 {
		g.Outputs[outputs[i]] = outputs[i+1]
	}
}

// picture finds the input that takes a picture.
func (g *guesser) picture() {
	for _, v := range g.file.Inputs {
		s := v.sizes()
		layout := ""
		switch {
		case len(s) == 3 && s[0] == 3:
			layout = "nchw"
			g.Input.Height, g.Input.Width = s[1], s[2]
		case len(s) == 3 && s[2] == 3:
			layout = "nhwc"
			g.Input.Height, g.Input.Width = s[0], s[1]
		default:
			continue
		}
		g.Input.Name, g.Input.Layout = v.Name, layout
		if d := v.Shape[0]; d.Size > 0 {
			g.Batch = int(d.Size)
		}
		if !slices.Contains(append([]string{"int32", "uint8"}, floating...), v.Type) {
			g.note("input %s is %s, which no picture is given as: put a Cast in front of it", v.Name, v.Type)
		}
		break
	}
	if g.Input.Name == "" {
		g.reason("no input takes a picture: expected [batch, 3, height, width] or [batch, height, width, 3]")
		return
	}
	if size := g.file.numbersOf("imgsz"); g.dynamic() && len(size) == 2 && size[0] > 0 && size[1] > 0 {
		g.note("height and width are dynamic; the card's input.shape fixes them: the metadata says %d x %d (height x width)", size[0], size[1])
		g.Input.open(size[0], size[1])
	} else if g.dynamic() {
		g.note("height and width are dynamic: fix them with the card's input.shape")
	}
	g.constants()
}

// targetSizes is the input in which the post-processor of RT-DETR and D-FINE wants the picture's size.
const targetSizes = "orig_target_sizes"

// pixelMask is the input in which DETR-like models of Hugging Face are told which pixels are of the picture.
const pixelMask = "pixel_mask"

// constants looks at the inputs beside the picture, which a card can fill with numbers.
func (g *guesser) constants() {
	for _, v := range g.file.Inputs {
		switch {
		case v.Name == g.Input.Name:
		case v.Name == targetSizes:
			if !g.dynamic() { // else the card has it, with the size that it fixes
				g.Constants = append(g.Constants, g.Input.target())
			}
			g.reason("input %s: with the input's own width and height the boxes come in input pixels", v.Name)
		case v.Name == pixelMask:
			g.Constants = append(g.Constants, Constant{v.Name, []int{1}})
			g.reason("input %s: ones, as the picture fills the whole input", v.Name)
		default:
			g.note("input %s must be given numbers, in the card's input.constants", v.Name)
		}
	}
}

func (g *Guess) dynamic() bool { return g.Input.Width < 1 || g.Input.Height < 1 }

// anchors is how many cells the grids of some strides have; 0 if the size of the input is not known.
func (g *guesser) anchors(strides ...int) (n int) {
	if g.dynamic() {
		return 0
	}
	for _, s := range strides {
		n += ((g.Input.Width + s - 1) / s) * ((g.Input.Height + s - 1) / s)
	}
	return n
}

// floating are the types of outputs that are read, and of pictures too: what is not float32 gets a Cast.
var floating = []string{"float32", "float16", "bfloat16", "float64"}

// selecting are the families of graphs that select by themselves.
var selecting = []string{"yolov10", "yolov10-pose", "yolov10-segment", "rtdetr-end2end", "detr-deploy"}

// trouble notes what makes the file hard to run.
func (g *guesser) trouble() {
	for _, o := range g.file.Operators {
		if o.Trouble != "" {
			g.note("operator %s (%d times): %s", o.Type, o.Count, o.Trouble)
		}
	}
	if w := g.file.Weights; len(w.External) > 0 {
		g.note("weights lie in other files, which belong beside the model: %s", strings.Join(w.External, ", "))
		if len(w.Missing) > 0 {
			g.note("of these are missing: %s; without them the model cannot be run", strings.Join(w.Missing, ", "))
		}
	}
	if g.file.has("NonMaxSuppression") && !slices.Contains(selecting, g.Family) {
		g.note("the graph suppresses by itself (NonMaxSuppression): export without it, Sightline does that on the device")
	}
	for _, o := range g.file.Outputs {
		if !slices.Contains(floating, o.Type) && slices.Contains(g.names(), o.Name) && o.Name != g.Outputs["labels"] {
			g.note("output %s is %s, Sightline reads floating point", o.Name, o.Type)
		}
	}
}

func (g *guesser) names() (names []string) {
	for _, name := range g.Outputs {
		names = append(names, name)
	}
	return names
}

// family finds task and family by the number of outputs and their ranks.
func (g *guesser) family() {
	if g.finished() {
		return
	}
	named := func(words ...string) *out {
		for i := range g.outs {
			for _, w := range words {
				if strings.Contains(strings.ToLower(g.outs[i].name), w) {
					return &g.outs[i]
				}
			}
		}
		return nil
	}
	if len(g.outs) >= 2 {
		boxes, scores := g.pair()
		x, y := named("simcc_x"), named("simcc_y")
		switch {
		case x != nil && y != nil:
			g.simcc(*x, *y, sure)
		case boxes != nil:
			g.boxes(*boxes, *scores)
		case len(g.outs[0].shape) == 2 && len(g.outs[1].shape) == 3:
			g.segment(g.outs[0], g.outs[1])
		case len(g.outs[0].shape) == 3 && len(g.outs[1].shape) == 2:
			g.segment(g.outs[1], g.outs[0])
		case g.bins():
			g.simcc(g.outs[0], g.outs[1], likely)
		case !slices.ContainsFunc(g.outs, func(o out) bool { return len(o.shape) != 3 }):
			g.planes(g.outs[0]) // as torchvision and U2-Net have them: the first is the result, the rest serve training
		}
		if len(g.outs) > len(g.Outputs) && g.Family != "" {
			g.note("the graph has %d outputs, the family reads %d of them", len(g.outs), len(g.Outputs))
		}
		return
	}
	if len(g.outs) == 0 {
		g.reason("the graph has no outputs")
		return
	}
	switch o := g.outs[0]; len(o.shape) {
	case 1:
		g.vector(o)
	case 2:
		g.table(o)
	case 3:
		g.planes(o)
	}
}

// finished recognises graphs whose outputs are objects already, most of which no family reads.
func (g *guesser) finished() bool {
	has := func(name string) bool {
		return slices.ContainsFunc(g.outs, func(o out) bool { return strings.EqualFold(o.name, name) })
	}
	flat := slices.ContainsFunc(g.outs, func(o out) bool { return strings.EqualFold(o.name, "scores") && len(o.shape) == 0 })
	switch {
	case has("labels") && has("boxes") && has("scores") && flat:
		g.reason("outputs labels, boxes and scores of one picture, without a batch, as torchvision's detectors have them: no family reads them")
	case has("labels") && has("boxes") && has("scores"):
		g.reason("outputs labels, boxes and scores: the graph ends in its own selection, as the export scripts of RT-DETR, D-FINE and DEIM write it")
		if g.file.takes(targetSizes) {
			g.is("detection", "detr-deploy", sure)
		} else {
			g.is("detection", "detr-deploy", doubtful)
			g.note("check that boxes are x1, y1, x2, y2 in input pixels")
		}
		for _, o := range g.outs {
			g.Outputs[strings.ToLower(o.name)] = o.name
		}
	case has("num_dets") || has("num_detections"):
		g.reason("output num_dets: the graph suppresses by itself (EfficientNMS)")
		g.note("export without suppression")
	case g.file.Metadata["task"] == "obb":
		g.reason("oriented boxes (task obb), which no family reads")
	case g.selects() && g.selected():
	case g.selects() && g.file.Metadata["task"] != "detect" && g.file.Metadata["task"] != "":
		g.reason("an end-to-end export of task %s, which no family reads", g.file.Metadata["task"])
		g.note("export without a selection of its own: nms=None, before Ultralytics 8.4 end2end=False and nms=False")
	default:
		return false
	}
	return true
}

// selects says that an exporter of Ultralytics put the selection of objects into the graph: a model without need of
// suppression (end2end), or one that suppresses by itself (nms=True).
func (g *guesser) selects() bool {
	return g.file.Metadata["end2end"] == "True" || g.file.ultralytics() && g.file.has("NonMaxSuppression")
}

// selected recognises end-to-end exports that say more of each object than its box.
func (g *guesser) selected() bool {
	joints := g.file.numbersOf("kpt_shape")
	o := g.outs[0]
	if len(o.shape) != 2 {
		return false
	}
	switch task := g.file.Metadata["task"]; {
	case task == "pose" && len(joints) == 2 && joints[1] == 3 && o.shape[1] == 6+3*joints[0]:
		g.reason("an end-to-end export of task pose: corners, score, class and %d joints an object", joints[0])
		g.Joints = joints[0]
		g.is("detection", "yolov10-pose", sure, "predictions", o.name)
	case task == "segment" && len(g.outs) == 2 && len(g.outs[1].shape) == 3 && o.shape[1] == 6+g.outs[1].shape[0]:
		g.reason("an end-to-end export of task segment: corners, score, class and coefficients of %d prototypes an object", g.outs[1].shape[0])
		g.is("detection", "yolov10-segment", sure, "predictions", o.name, "prototypes", g.outs[1].name)
	default:
		return false
	}
	return true
}

// pair finds boxes [A,4] and scores [A,C] of as many anchors; where the file leaves sizes open a name may tell the boxes.
func (g *guesser) pair() (boxes, scores *out) {
	for i := range g.outs {
		b := &g.outs[i]
		four := len(b.shape) == 2 && (b.shape[1] == 4 || b.shape[1] < 0 && strings.Contains(strings.ToLower(b.name), "box"))
		if !four {
			continue
		}
		for j := range g.outs {
			s := &g.outs[j]
			if i != j && len(s.shape) == 2 && s.shape[0] == b.shape[0] && s.shape[1] > 0 && (s.shape[1] != 4 || j != 0) {
				return b, s
			}
		}
	}
	return nil, nil
}

// bins says whether two outputs are as many rows of bins, so many a pixel.
func (g *guesser) bins() bool {
	a, b := g.outs[0].shape, g.outs[1].shape
	return !g.dynamic() && len(a) == 2 && len(b) == 2 && a[0] == b[0] && a[0] > 0 &&
		a[1] > 0 && a[1]%g.Input.Width == 0 && b[1]%g.Input.Height == 0 && a[1]/g.Input.Width == b[1]/g.Input.Height
}
