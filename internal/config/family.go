package config

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// output is one output of a family: what it means and its shapes without the batch, the usual one first. A
// size is a sum of numbers and letters: C is the number of classes, other letters stand for any size, the
// same wherever they occur; 4R is four times R.
type output struct {
	role   string
	shapes []string
}

// families are, by task, the ways in which models of the task say what they found; docs/models.md tells the
// formulas. The first one is the default.
var families = map[string][]family{
	"detection": {
		{name: "decoded", outputs: []output{{"scores", []string{"A C"}}, {"boxes", []string{"A 4"}}}},
		{name: "yolox", outputs: []output{{"predictions", []string{"A 5+C"}}}, grid: []int{8, 16, 32}},
		{name: "yolov5", outputs: []output{{"predictions", []string{"A 5+C"}}}},
		{name: "yolov8", outputs: []output{{"predictions", []string{"4+C A"}}}},
		{name: "yolov10", outputs: []output{{"predictions", []string{"Q 6"}}}},
		{name: "yolov10-pose", outputs: []output{{"predictions", []string{"Q 6+3K"}}}, oneStage: true},
		{name: "yolov10-segment", outputs: []output{{"predictions", []string{"Q 6+M"}}, {"prototypes", []string{"M h w"}}}, oneStage: true},
		{name: "detr", outputs: []output{{"logits", []string{"Q C"}}, {"boxes", []string{"Q 4"}}}},
		{name: "detr-softmax", outputs: []output{{"logits", []string{"Q 1+C"}}, {"boxes", []string{"Q 4"}}}},
		{name: "detr-deploy", outputs: []output{{"labels", []string{"Q"}}, {"boxes", []string{"Q 4"}}, {"scores", []string{"Q"}}}},
		{name: "rtdetr", outputs: []output{{"predictions", []string{"Q 4+C"}}}},
		{name: "rtdetr-end2end", outputs: []output{{"predictions", []string{"Q 6"}}}},
		{name: "nanodet", outputs: []output{{"predictions", []string{"A C+4R"}}}, grid: []int{8, 16, 32, 64}},
		{name: "yolov8-pose", outputs: []output{{"predictions", []string{"4+C+3K A"}}}, oneStage: true},
		{name: "yolov8-segment", outputs: []output{{"predictions", []string{"4+C+M A"}}, {"prototypes", []string{"M h w"}}}, oneStage: true},
		{name: "yolov5-segment", outputs: []output{{"predictions", []string{"A 5+C+M"}}, {"prototypes", []string{"M h w"}}}, oneStage: true},
		{name: "movenet-multipose", outputs: []output{{"predictions", []string{"Q 56"}}}, oneStage: true},
	},
	"pose": {
		{name: "decoded", outputs: []output{{"keypoints", []string{"K 3"}}}},
		{name: "movenet", outputs: []output{{"keypoints", []string{"1 K 3", "K 3"}}}},
		{name: "simcc", outputs: []output{{"x", []string{"K X"}}, {"y", []string{"K Y"}}}},
		{name: "heatmap", outputs: []output{{"heatmaps", []string{"K h w"}}}},
	},
	"segmentation": {
		{name: "decoded", outputs: []output{{"mask", []string{"1 h w"}}}},
		{name: "logits", outputs: []output{{"mask", []string{"1 h w"}}}},
		{name: "semantic", outputs: []output{{"mask", []string{"C h w"}}}},
	},
	"reid":           {{name: "decoded", outputs: []output{{"features", []string{"L", "L 1 1"}}}}},
	"classification": {{name: "decoded", outputs: []output{{"scores", []string{"C", "C 1 1"}}}}},
}

type family struct {
	name    string
	outputs []output
	// grid are the strides that anchors lie on if the card names none; nil where there is no grid.
	grid []int
	// oneStage: a detector that also tells joints or masks.
	oneStage bool
}

// family is the card's, or nil if its task has none of that name.
func (c *Card) family() *family {
	list := families[c.Task]
	i := slices.IndexFunc(list, func(f family) bool { return f.name == c.Family })
	if i < 0 {
		return nil
	}
	return &list[i]
}

func familyNames(task string) (names []string) {
	for _, f := range families[task] {
		names = append(names, f.name)
	}
	return names
}

// namesClasses says whether a card of this task and family must name classes.
func (c *Card) namesClasses() bool {
	return c.Task == "detection" || c.Task == "classification" || c.Family == "semantic"
}

// letters are the sizes that the letters of a family stand for.
type letters map[string]int

// fit compares a shape with one of a family and learns the letters; sizes below 0 stand for any.
func (l letters) fit(want string, shape []int) error {
	known := ""
	for _, name := range slices.Sorted(maps.Keys(l)) {
		known += fmt.Sprintf(", %s = %d", name, l[name])
	}
	sizes := strings.Fields(want)
	ok := len(sizes) == len(shape)
	for i := 0; ok && i < len(sizes); i++ {
		ok = shape[i] < 0 || l.size(sizes[i], shape[i])
	}
	if ok {
		return nil
	}
	return fmt.Errorf("expected shape [%s]%s, found %v", strings.Join(sizes, ", "), known, shape)
}

// size compares one size, a sum of terms of which one letter may be unknown.
func (l letters) size(sum string, size int) bool {
	rest, unknown, factor := size, "", 1
	for term := range strings.SplitSeq(sum, "+") {
		digits := strings.TrimRight(term, "ACKLMQRXYhw")
		letter, times := term[len(digits):], 1
		if digits != "" {
			times, _ = strconv.Atoi(digits)
		}
		value, known := l[letter]
		switch {
		case letter == "":
			rest -= times
		case known:
			rest -= times * value
		default:
			unknown, factor = letter, times
		}
	}
	if unknown == "" {
		return rest == 0
	}
	if rest < factor || rest%factor != 0 {
		return false
	}
	l[unknown] = rest / factor
	return true
}

// fitAny is fit with the first of several shapes that does; its error is the first one's.
func (l letters) fitAny(shapes []string, shape []int) error {
	var first error
	for _, want := range shapes {
		trial := maps.Clone(l)
		err := trial.fit(want, shape)
		if err == nil {
			maps.Copy(l, trial)
			return nil
		}
		if first == nil {
			first = err
		}
	}
	return first
}
