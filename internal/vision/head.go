package vision

import (
	"fmt"

	"sightline/internal/device"
	"sightline/internal/model"
)

// head is how one detector's outputs are read, in floats of its context's buffers.
type head struct {
	device.Head
	anchors int
	// joints, if there, are K times three numbers an anchor; coefficients those of as many prototypes.
	joints       device.Values
	jointCount   int
	coefficients device.Values
	prototypes   *device.Buffer
	// planes are the prototypes' count, height and width.
	planes [3]int
	// yx: a joint's y comes before its x, both in 0..1.
	yx bool
}

// table reads one output as a table of anchors.
type table struct {
	buffer  *device.Buffer
	anchors int
	// row is the numbers of an anchor; columns says that a number's anchors are neighbours instead.
	row     int
	columns bool
}

func (t table) from(item int) device.Values {
	if t.columns {
		return device.Values{Buffer: t.buffer, Offset: item * t.anchors, Anchor: 1, Item: t.anchors}
	}
	return device.Values{Buffer: t.buffer, Offset: item, Anchor: t.row, Item: 1}
}

func (d *Detector) table(c *model.ExecutionContext, role string, columns bool) (table, error) {
	b, shape, err := output(c, d.Outputs[role], -1, -1)
	if err != nil {
		return table{}, err
	}
	if columns {
		return table{b, shape[1], shape[0], true}, nil
	}
	return table{b, shape[0], shape[1], false}, nil
}

// newHead reads a family; width and height are those of the model's input.
func (d *Detector) newHead(c *model.ExecutionContext, width, height int) (h head, err error) {
	role, columns := "predictions", false
	switch d.Family {
	case "", "decoded":
		role = "scores"
	case "detr", "detr-softmax":
		role = "logits"
	case "yolov8", "yolov8-pose", "yolov8-segment":
		columns = true
	}
	if d.Family == "detr-deploy" {
		return d.newDeployedHead(c)
	}
	t, err := d.table(c, role, columns)
	if err != nil {
		return h, err
	}
	h.anchors, h.UnitX, h.UnitY = t.anchors, 1, 1
	h.Sigmoid = d.Sigmoid
	classes, used := len(d.Classes), 0
	switch d.Family {
	case "", "decoded", "detr", "detr-softmax":
		if err := d.addBoxes(&h, c, t); err != nil {
			return h, err
		}
		used = classes
		if d.Family == "detr" || d.Family == "detr-softmax" {
			h.Form, h.UnitX, h.UnitY, h.Final = device.Centre, float32(width), float32(height), true
			h.Pairs, h.Background = d.Family == "detr", d.Family == "detr-softmax"
		}
		if h.Background {
			used++
		}
	case "yolox", "yolov5", "yolov5-segment":
		h.Boxes, h.Objectness, h.Scores, h.Form, used = t.from(0), t.from(4), t.from(5), device.Centre, 5+classes
		h.Unclipped = true
		if d.Family == "yolox" {
			h.Form = device.Grid
		}
	case "yolov8", "yolov8-pose", "yolov8-segment":
		h.Boxes, h.Scores, h.Form, h.Unclipped, used = t.from(0), t.from(4), device.Centre, true, 4+classes
	case "yolov10", "yolov10-pose", "yolov10-segment", "rtdetr-end2end":
		h.Boxes, h.Scores, h.Labels, h.Final, used = t.from(0), t.from(4), t.from(5), true, 6
		if d.Family == "rtdetr-end2end" {
			h.Form, h.UnitX, h.UnitY = device.Centre, float32(width), float32(height)
		}
	case "rtdetr":
		h.Boxes, h.Scores, h.Form, h.Final, used = t.from(0), t.from(4), device.Centre, true, 4+classes
		h.UnitX, h.UnitY = float32(width), float32(height)
	case "nanodet":
		h.Scores, h.Boxes, h.Form = t.from(0), t.from(classes), device.Distances
		h.Bins, h.Shift = max(0, t.row-classes)/4, d.Centre
		used = classes + 4*h.Bins
	case "movenet-multipose":
		h.joints, h.jointCount, h.yx = t.from(0), (t.row-5)/3, true
		h.Boxes, h.Scores, h.Form, h.Final, used = t.from(t.row-5), t.from(t.row-1), device.CornersYX, true, t.row
		h.UnitX, h.UnitY = float32(width), float32(height)
	default:
		return h, fmt.Errorf("model %s: no detector is of family %q", c.Engine().Name(), d.Family)
	}
	switch d.Family {
	case "yolov8-pose", "yolov10-pose":
		h.joints, h.jointCount = t.from(used), (t.row-used)/3
		used += 3 * h.jointCount
	case "yolov5-segment", "yolov8-segment", "yolov10-segment":
		b, shape, err := output(c, d.Outputs["prototypes"], -1, -1, -1)
		if err != nil {
			return h, err
		}
		h.coefficients, h.prototypes, h.planes = t.from(used), b, [3]int(shape)
		used += shape[0]
	}
	if used != t.row || classes == 0 {
		return h, fmt.Errorf("model %s has %d numbers an anchor, family %s with %d classes needs %d", c.Engine().Name(), t.row, d.Family, classes, used)
	}
	if h.Form == device.Grid || h.Form == device.Distances {
		err = d.addLevels(&h, c.Engine().Name(), width, height)
	}
	return h, err
}

// addBoxes reads scores and the boxes that lie beside them in an output of their own.
func (d *Detector) addBoxes(h *head, c *model.ExecutionContext, scores table) error {
	boxes, err := d.table(c, "boxes", false)
	if err != nil {
		return err
	}
	if boxes.anchors != scores.anchors || boxes.row != 4 {
		return fmt.Errorf("model %s has boxes of shape [%d %d], expected [%d 4]", c.Engine().Name(), boxes.anchors, boxes.row, scores.anchors)
	}
	h.Scores, h.Boxes = scores.from(0), boxes.from(0)
	return nil
}

// newDeployedHead reads what a graph has selected itself: labels, boxes in input pixels and scores.
func (d *Detector) newDeployedHead(c *model.ExecutionContext) (h head, err error) {
	boxes, err := d.table(c, "boxes", false)
	if err != nil {
		return h, err
	}
	h.anchors, h.UnitX, h.UnitY, h.Final = boxes.anchors, 1, 1, true
	h.Boxes = boxes.from(0)
	scores, err := outputIndex(c.Engine(), d.Outputs["scores"])
	if err != nil {
		return h, err
	}
	labels, err := anyOutput(c.Engine(), d.Outputs["labels"])
	if err != nil {
		return h, err
	}
	out := c.Engine().Outputs()
	if out[scores].Elements() != h.anchors || out[labels].Elements() != h.anchors || boxes.row != 4 {
		return h, fmt.Errorf("model %s has outputs %v, expected boxes [Q 4] and as many labels and scores", c.Engine().Name(), out)
	}
	h.Scores = device.Values{Buffer: c.Output(scores), Anchor: 1, Item: 1}
	h.Labels, h.LabelType = device.Values{Buffer: c.Output(labels), Anchor: 1, Item: 1}, out[labels].Type
	return h, nil
}

// addLevels lays the anchors out over the input.
func (d *Detector) addLevels(h *head, name string, width, height int) error {
	anchors := 0
	for _, stride := range d.Strides {
		columns, rows := (width+stride-1)/stride, (height+stride-1)/stride
		h.Levels = append(h.Levels, device.Level{First: anchors, Columns: columns, Stride: float32(stride)})
		anchors += columns * rows
	}
	if anchors != h.anchors {
		return fmt.Errorf("model %s has %d anchors, strides %v over an input of %dx%d make %d", name, h.anchors, d.Strides, width, height, anchors)
	}
	return nil
}
