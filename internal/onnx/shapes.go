package onnx

import (
	"slices"
	"strings"
)

// count learns how many classes there are; names of another number are not believed.
func (g *guesser) count(n int) {
	if len(g.Classes) != n {
		if len(g.Classes) > 0 {
			g.note("the metadata names %d classes, the outputs have %d: the names are left out", len(g.Classes), n)
		}
		g.Classes = nil
	}
	g.Count = n
}

// activate says whether raw scores need a sigmoid: there is none near the output.
func (g *guesser) activate(name string) {
	if g.file.ends(name)["Sigmoid"] || g.file.ultralytics() {
		return
	}
	if len(g.file.makers) == 0 {
		return
	}
	g.Activation = "sigmoid"
	g.reason("no sigmoid near the end of the graph: the scores seem to be logits")
}

func (g *guesser) simcc(x, y out, certainty string) {
	if len(x.shape) != 2 || len(y.shape) != 2 {
		g.reason("outputs %s %s and %s %s: expected [joints, columns] and [joints, rows]", x.name, say(x.shape), y.name, say(y.shape))
		return
	}
	g.reason("outputs %s %s and %s %s: bins along x and y for %d joints, as RTMPose has them", x.name, say(x.shape), y.name, say(y.shape), x.shape[0])
	g.Joints = x.shape[0]
	g.is("pose", "simcc", certainty, "x", x.name, "y", y.name)
}

// boxes decides between a graph that decodes itself and the raw heads of DETR's kin.
func (g *guesser) boxes(boxes, scores out) {
	names := strings.ToLower(boxes.name + " " + scores.name)
	ends := g.file.ends(scores.name)
	sigmoid := ends["Sigmoid"] || ends["Softmax"]
	probable := strings.Contains(strings.ToLower(scores.name), "score") || strings.Contains(strings.ToLower(scores.name), "prob")
	raw := strings.Contains(names, "logit") || strings.Contains(names, "pred_boxes") || strings.Contains(names, "dets")
	grid := slices.Contains([]int{g.anchors(8, 16, 32), g.anchors(8, 16, 32, 64), g.anchors(4, 8, 16, 32, 64)}, scores.shape[0])
	g.reason("outputs %s %s and %s %s: scores and boxes of as many anchors", scores.name, say(scores.shape), boxes.name, say(boxes.shape))
	switch {
	case raw && !sigmoid:
		g.reason("the names are those of DETR-like heads, and no sigmoid makes probabilities of the scores")
		g.queries(boxes, scores, sure)
	case sigmoid || grid || probable:
		certainty := likely
		if sigmoid && grid {
			certainty = sure
		}
		g.count(scores.shape[1])
		g.is("detection", "decoded", certainty, "scores", scores.name, "boxes", boxes.name)
		switch {
		case sigmoid:
			g.reason("the scores come from a sigmoid or softmax: they are probabilities")
		case probable:
			g.Certainty = doubtful
			g.reason("the scores are probabilities by their name only: no sigmoid or softmax makes them")
		default:
			g.Activation = "sigmoid"
			g.reason("as many anchors as cells at strides 8, 16 and 32, and no sigmoid: the scores seem to be logits")
		}
		g.note("check that boxes are x1, y1, x2, y2 in input pixels")
	default:
		g.reason("no sigmoid makes probabilities of the scores, and %d is no number of cells: queries of a DETR-like head", boxes.shape[0])
		g.queries(boxes, scores, likely)
	}
}

// queries tells the first DETR, whose scores go through a softmax with one class more, of no object, from those
// whose scores go through a sigmoid: nothing in the graph does either.
func (g *guesser) queries(boxes, scores out, certainty string) {
	family, columns := "detr", scores.shape[1]
	switch {
	case columns > 1 && len(g.Classes) == columns-1:
		family = "detr-softmax"
		g.reason("%d scores a query for %d classes: the last is of no object, as the first DETR has it", columns, columns-1)
	case columns > 1 && boxes.shape[0] == firstQueries && len(g.Classes) != columns:
		family, certainty = "detr-softmax", likely
		g.reason("%d queries, as the first DETR and YOLOS have them: a softmax, with a last score of no object", firstQueries)
		g.note("if the model is trained with a sigmoid (RT-DETR, D-FINE, RF-DETR, Deformable DETR), family: detr and one class more")
	}
	if family == "detr-softmax" {
		columns--
	}
	g.count(columns)
	g.is("detection", family, certainty, "logits", scores.name, "boxes", boxes.name)
}

// firstQueries is how many objects the first DETR asks for.
const firstQueries = 100

// segment reads one-stage masks: a table of anchors and prototypes.
func (g *guesser) segment(t, p out) {
	m := p.shape[0]
	if m < 1 || t.shape[0] < 1 && t.shape[1] < 1 {
		g.reason("outputs %s %s and %s %s: sizes are dynamic", t.name, say(t.shape), p.name, say(p.shape))
		return
	}
	g.reason("outputs %s %s and %s %s: anchors with coefficients for %d prototypes", t.name, say(t.shape), p.name, say(p.shape), m)
	if t.shape[1] < 1 || 0 < t.shape[0] && t.shape[0] < t.shape[1] {
		if t.shape[0]-4-m < 1 {
			return
		}
		g.count(t.shape[0] - 4 - m)
		g.reason("%d numbers an anchor come first: 4 of a box, %d classes, %d coefficients", t.shape[0], g.Count, m)
		g.is("detection", "yolov8-segment", g.sureIf(t.shape[1] == g.anchors(8, 16, 32)), "predictions", t.name, "prototypes", p.name)
	} else {
		if t.shape[1]-5-m < 1 {
			return
		}
		g.count(t.shape[1] - 5 - m)
		g.reason("%d numbers an anchor come last: 4 of a box, objectness, %d classes, %d coefficients", t.shape[1], g.Count, m)
		g.is("detection", "yolov5-segment", g.sureIf(t.shape[0] == 3*g.anchors(8, 16, 32)), "predictions", t.name, "prototypes", p.name)
	}
	g.activate(t.name)
}

func (g *guesser) sureIf(grid bool) string {
	if grid || g.file.ultralytics() {
		return sure
	}
	return likely
}

// shortest is the length below which a vector is no embedding.
const shortest = 32

func (g *guesser) vector(o out) {
	ends, name := g.file.ends(o.name), strings.ToLower(o.name)
	n := o.shape[0]
	contains := func(words ...string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(name, w) })
	}
	activation := ""
	switch {
	case ends["Softmax"]:
		activation = "none"
		g.reason("output %s %s comes from a softmax", o.name, say(o.shape))
	case ends["Sigmoid"]:
		activation = "none"
		g.reason("output %s %s comes from a sigmoid", o.name, say(o.shape))
	case g.file.Metadata["task"] == "classify" || len(g.Classes) > 0 && len(g.Classes) == n:
		activation = "softmax"
		g.reason("output %s %s has a number a class of the metadata", o.name, say(o.shape))
	case contains("feat", "emb", "reid", "vector"):
	case contains("logit", "prob", "score", "class", "cls") || n == 1000 || n == 21841:
		activation = "softmax"
		g.reason("output %s %s: scores of classes by its name or length, without a softmax in the graph", o.name, say(o.shape))
	}
	if activation == "" && 0 < n && n < shortest {
		activation = "softmax"
		g.reason("output %s %s: too short a vector to tell people apart, so scores of classes", o.name, say(o.shape))
	}
	if activation != "" {
		g.count(n)
		g.Activation = activation
		g.is("classification", "decoded", likely, "scores", o.name)
		if activation == "softmax" {
			g.note("if several attributes may hold at once, activation: sigmoid")
		}
		return
	}
	g.reason("output %s %s: a vector of each picture", o.name, say(o.shape))
	certainty := doubtful
	if contains("feat", "emb", "reid", "vector") || ends["LpNormalization"] || slices.Contains([]int{128, 256, 384, 512, 576, 768, 1024, 1280, 2048}, n) {
		certainty = likely
	}
	if g.is("reid", "decoded", certainty, "features", o.name); certainty == doubtful && n > 0 {
		g.note("if these are scores of %d classes: task: classification, outputs: { scores: %s } and the classes", n, o.name)
	}
}

// planes reads one output of three dimensions.
func (g *guesser) planes(o out) {
	s, name, ends := o.shape, strings.ToLower(o.name), g.file.ends(o.name)
	g.reason("output %s %s", o.name, say(s))
	switch {
	case s[1] == 1 && s[2] == 1:
		g.vector(out{o.name, s[:1]})
	case s[0] == 1 && s[2] == 3:
		g.Joints = s[1]
		g.reason("%d joints of y, x and score, as MoveNet has them", s[1])
		g.is("pose", "movenet", sure, "keypoints", o.name)
	case s[0] == 1:
		if ends["Sigmoid"] {
			g.reason("one mask out of a sigmoid")
			g.is("segmentation", "decoded", sure, "mask", o.name)
			return
		}
		g.reason("one mask without a sigmoid")
		g.is("segmentation", "logits", likely, "mask", o.name)
	case strings.Contains(name, "heat") || g.quarter(s) && slices.Contains([]int{17, 133, 26, 21, 16, 14, 18}, s[0]):
		g.Joints = s[0]
		g.reason("a heatmap a joint, %d joints", s[0])
		g.is("pose", "heatmap", g.likelyIf(g.quarter(s)), "heatmaps", o.name)
	case s[0] < 1 && g.file.planes(o.name) > 0:
		o.shape = []int{g.file.planes(o.name), s[1], s[2]}
		g.reason("the weights of the last convolution make %d planes", o.shape[0])
		g.planes(o)
	case s[0] < 1:
		g.reason("planes, the file does not tell how many: one for each class")
		g.note("name all classes of the model: the file does not tell how many there are")
		g.is("segmentation", "semantic", doubtful, "mask", o.name)
	default:
		g.count(s[0])
		g.reason("a plane a class, %d classes", s[0])
		g.is("segmentation", "semantic", likely, "mask", o.name)
	}
}

func (g *guesser) likelyIf(sound bool) string {
	if sound {
		return likely
	}
	return doubtful
}

// quarter says whether planes have a quarter of the input's size, as heatmaps do.
func (g *guesser) quarter(s []int) bool {
	return s[1] > 0 && s[1]*4 == g.Input.Height && s[2]*4 == g.Input.Width
}
