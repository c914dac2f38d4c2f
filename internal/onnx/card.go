package onnx

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// roles are the outputs in the order in which a card names them.
var roles = []string{"scores", "boxes", "predictions", "logits", "labels", "prototypes", "keypoints", "x", "y", "heatmaps", "mask", "features"}

// Card writes a model card to start from, for a file that will lie in folder. Only a guess with a family
// makes one. What the file does not tell is filled in as the family's published code has it, with a comment.
func (g *Guess) Card(f *File, folder string) (string, error) {
	if g.Family == "" {
		return "", fmt.Errorf("%s is of no known family: %s", f.Path, strings.Join(g.Reasons, "; "))
	}
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	file := f.Path
	if relative, err := filepath.Rel(folder, f.Path); err == nil {
		file = relative
	}
	line("# A card to start from, by `sightline inspect`; docs/models.md tells what each line means.")
	line("# The family is %s: %s.", map[string]string{sure: "sure", likely: "likely", doubtful: "doubtful, check it"}[g.Certainty], comment(strings.Join(g.Reasons, "; ")))
	for _, n := range g.Notes {
		line("# To look after: %s.", comment(n))
	}
	line("task: %s", g.Task)
	line("family: %s", g.Family)
	line("file: %s", yaml(file))
	if text := f.Metadata["description"]; text != "" {
		line("description: %s", yaml(text))
	}
	p := g.preset(f)
	line("# The picture: %s.", p.why)
	if g.dynamic() {
		open := "height and width"
		switch {
		case g.Input.Height > 0:
			open = "the width"
		case g.Input.Width > 0:
			open = "the height"
		}
		g = g.fixed(f)
		line("# The file leaves %s open: shape fixes the size. This is a usual one, not one that the file tells.", open)
	}
	line("input: { name: %s%s, layout: %s, %s%s }", yaml(g.Input.Name), g.shape(), g.Input.Layout, p.input, g.constants())
	line("outputs:")
	for _, role := range roles {
		if name, ok := g.Outputs[role]; ok {
			key := role
			if role == "y" { // a boolean for some readers of YAML
				key = `"y"`
			}
			line("  %s: %s", key, yaml(name))
		}
	}
	g.cardOfFamily(line, p)
	if g.Batch > 0 {
		line("batch: %d  # the file's own, fixed", g.Batch)
	} else {
		line("batch: 4  # any is possible: the batch is dynamic")
	}
	if text := f.Metadata["license"]; text != "" {
		line("licence: %s", yaml(text))
	}
	return b.String(), nil
}

// cardOfFamily writes what only some tasks and families have.
func (g *Guess) cardOfFamily(line func(string, ...any), p preset) {
	switch {
	case g.Task == "detection" && g.Family != "movenet-multipose" || g.Task == "classification" || g.Family == "semantic":
		g.writeClasses(line)
	case g.Family == "movenet-multipose":
		line("classes: [person]")
	}
	switch g.Task {
	case "detection":
		line("threshold: 0.4")
		if p.iou != "" {
			line("iou: %s", p.iou)
		}
	case "segmentation":
		if g.Family != "semantic" {
			line("threshold: 0.5")
		}
	case "classification":
		line("threshold: 0.5  # below it no attribute is told")
	}
	if g.Activation != "" {
		line("activation: %s", g.Activation)
	}
	if g.Strides != nil {
		line("strides: %s", say(g.Strides))
	}
	if g.Family == "nanodet" {
		line("centre: %v  # 0 for NanoDet-Plus, 0.5 for NanoDet", g.Centre)
	}
	if g.Family == "heatmap" {
		line("refine: quarter")
	}
	switch {
	case g.Family == "simcc" || g.Family == "heatmap":
		line("region: { form: aspect, scale: 1.25, outside: black }")
	case g.Task == "pose":
		line("region: { form: square, scale: 1.25, outside: black }")
	case g.Task == "segmentation":
		line("region: { form: box, scale: 1.2, outside: edge }")
	case g.Task == "reid" || g.Task == "classification":
		line("region: { form: box, scale: 1.0, outside: edge }")
	}
}

// fixed is the guess with a usual height and width where the file leaves them open, and what goes by them.
func (g *Guess) fixed(f *File) *Guess {
	out, size := *g, usual[g.Task]
	out.Input.open(size[0], size[1])
	if f.takes(targetSizes) {
		out.Constants = append(slices.Clone(g.Constants), out.Input.target())
	}
	return &out
}

// shape is the input's.
func (g *Guess) shape() string {
	if g.Input.Layout == "nhwc" {
		return fmt.Sprintf(", shape: [%d, %d, 3]", g.Input.Height, g.Input.Width)
	}
	return fmt.Sprintf(", shape: [3, %d, %d]", g.Input.Height, g.Input.Width)
}

// constants are the numbers for other inputs.
func (g *Guess) constants() string {
	var list []string
	for _, c := range g.Constants {
		list = append(list, fmt.Sprintf("{ name: %s, values: %s }", yaml(c.Name), say(c.Values)))
	}
	if list == nil {
		return ""
	}
	return ", constants: [" + strings.Join(list, ", ") + "]"
}

// writeClasses names the classes: the file's own, COCO's where their number is COCO's, or numbers.
func (g *Guess) writeClasses(line func(string, ...any)) {
	var names []string
	switch {
	case named(g.Classes):
		names = g.Classes
	case g.Family == "yolov10" || g.Family == "detr-deploy":
		line("# The file does not name its classes and its shapes do not tell how many there are; these are COCO's.")
		names = coco
	case g.Count == len(coco):
		line("# 80 classes: COCO's, it seems. The file does not name them.")
		names = coco
	default:
		line("# The file does not name its classes; people must be called person.")
		for i := range max(g.Count, 1) {
			names = append(names, fmt.Sprintf("class_%d", i))
		}
		switch {
		case g.Count == 1 && g.Task == "detection":
			names[0] = "person"
		case g.Family == "semantic":
			line("# The mask is made of the class person (or what `of` names): give one of these that name.")
			line("of: %s", names[0])
		}
	}
	if g.Family == "semantic" && named(g.Classes) && !slices.Contains(names, "person") {
		line("of: %s  # the class that the mask is made of", yaml(names[0]))
	}
	seen := map[string]int{}
	quoted := make([]string, len(names))
	for i, name := range names {
		if seen[name]++; seen[name] > 1 { // a card names each class once
			name = fmt.Sprintf("%s_%d", name, i)
		}
		quoted[i] = yaml(name)
	}
	line("classes:\n  [%s]", wrap(quoted, 100))
}

// wrap joins items by commas, with lines of about so many letters.
func wrap(items []string, width int) string {
	var b strings.Builder
	length := 0
	for i, item := range items {
		switch {
		case i == 0:
		case length+len(item) > width:
			b.WriteString(",\n   ")
			length = 0
		default:
			b.WriteString(", ")
		}
		b.WriteString(item)
		length += len(item) + 2
	}
	return b.String()
}

var (
	plain    = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_./-]*$`)
	reserved = regexp.MustCompile(`^(?i:y|n|yes|no|on|off|true|false|null)$`)
)

// yaml quotes a text where YAML might read it as something else.
func yaml(text string) string {
	if plain.MatchString(text) && !reserved.MatchString(text) {
		return text
	}
	return strconv.Quote(strings.ToValidUTF8(text, "?"))
}

// comment keeps a text on one line.
func comment(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
}

// coco are COCO's 80 classes in their usual order.
var coco = strings.Fields(`person bicycle car motorcycle airplane bus train truck boat traffic_light fire_hydrant
	stop_sign parking_meter bench bird cat dog horse sheep cow elephant bear zebra giraffe backpack umbrella handbag tie
	suitcase frisbee skis snowboard sports_ball kite baseball_bat baseball_glove skateboard surfboard tennis_racket bottle
	wine_glass cup fork knife spoon bowl banana apple sandwich orange broccoli carrot hot_dog pizza donut cake chair couch
	potted_plant bed dining_table toilet tv laptop mouse remote keyboard cell_phone microwave oven toaster sink refrigerator
	book clock vase scissors teddy_bear hair_drier toothbrush`)
