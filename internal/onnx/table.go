package onnx

import "strings"

// table reads one output of two dimensions: anchors with their numbers, one way or the other.
func (g *guesser) table(o out) {
	rows, columns := o.shape[0], o.shape[1]
	if rows >= 5 && columns < 0 {
		g.reason("output %s %s: as many anchors as the size of the input makes, along the last dimension", o.name, say(o.shape))
		g.columnsFirst(o, rows, false)
		return
	}
	if rows < 1 || columns < 1 {
		g.reason("output %s %s: its sizes are dynamic, export with a fixed size", o.name, say(o.shape))
		g.note("onnxslim, or an export with dynamo=True write sizes that follow from the input's into the file; " +
			"a card written by hand does without: they are learnt when the model is loaded")
		return
	}
	g.reason("output %s %s", o.name, say(o.shape))
	cells := g.anchors(8, 16, 32)
	switch {
	case columns == 3 && rows <= 256:
		g.Joints = rows
		g.reason("%d joints of x, y and score", rows)
		g.is("pose", "decoded", likely, "keypoints", o.name)
		g.note("check that x and y are input pixels")
	case columns == 56 && rows <= 16:
		g.Joints = 17
		g.reason("17 joints, a box and a score for each of %d people, as MoveNet MultiPose has them", rows)
		g.count(1)
		g.is("detection", "movenet-multipose", sure, "predictions", o.name)
	case columns == 6 && strings.Contains(strings.ToLower(g.file.Metadata["description"]), "rtdetr"):
		g.reason("6 numbers an object and an RT-DETR by its description: centre, size, score and class")
		g.is("detection", "rtdetr-end2end", likely, "predictions", o.name)
	case columns == 6 && rows != cells && rows != 3*cells:
		g.reason("6 numbers an object: corners, score and class, as end-to-end exports have them")
		if g.is("detection", "yolov10", likely, "predictions", o.name); g.selects() {
			g.Certainty = sure
			return
		}
		g.note("the newest exports of Ultralytics' RT-DETR have the same shape with cx, cy, w, h in 0..1: family rtdetr-end2end")
	case rows < columns:
		g.columnsFirst(o, rows, columns == cells)
	default:
		g.rowsFirst(o, rows, columns)
	}
}

// columnsFirst reads [numbers of an anchor, anchors].
func (g *guesser) columnsFirst(o out, numbers int, grid bool) {
	joints := g.file.numbersOf("kpt_shape")
	names := max(1, len(g.Classes))
	switch {
	case numbers < 5:
		g.reason("%d numbers an anchor are too few for a box and a class", numbers)
		return
	case len(joints) == 2 && joints[0] > 0 && joints[1] == 3 && numbers == 4+names+3*joints[0]:
		g.reason("the metadata tells of %d joints: 4 of a box, %d classes, 3 a joint", joints[0], names)
		g.count(names)
		g.Joints = joints[0]
		g.is("detection", "yolov8-pose", sure, "predictions", o.name)
	case len(joints) == 2 && joints[0] > 0:
		g.reason("the metadata tells of %d joints of %d numbers each, which no family reads: 3 are wanted", joints[0], joints[1])
	case numbers == 56 && len(g.Classes) <= 1:
		g.reason("56 numbers an anchor: 4 of a box, one class, 17 joints, as YOLOv8-pose has them (52 classes would look the same)")
		g.count(1)
		g.Joints = 17
		g.is("detection", "yolov8-pose", likely, "predictions", o.name)
	default:
		g.count(numbers - 4)
		g.reason("%d numbers an anchor come first: 4 of a box, %d classes", numbers, g.Count)
		g.is("detection", "yolov8", g.sureIf(grid), "predictions", o.name)
	}
	if g.Family != "" {
		g.activate(o.name)
	}
}

// rowsFirst reads [anchors, numbers of an anchor].
func (g *guesser) rowsFirst(o out, rows, numbers int) {
	three, four := g.anchors(8, 16, 32), g.anchors(8, 16, 32, 64)
	nano := strings.EqualFold(g.Input.Name, "data") || numbers-80 == 32 || numbers-80 == 44
	switch {
	case len(g.Classes) > 0 && numbers == 4+len(g.Classes) && rows != three:
		g.reason("%d queries of 4 of a box and the metadata's %d classes, as Ultralytics' RT-DETR has them", rows, len(g.Classes))
		g.is("detection", "rtdetr", sure, "predictions", o.name)
		return
	case rows == 3*three && numbers > 5:
		g.count(numbers - 5)
		g.reason("three anchors for each cell at strides 8, 16 and 32; 4 of a box, objectness, %d classes", g.Count)
		g.is("detection", "yolov5", sure, "predictions", o.name)
	case rows == four && rows != three:
		g.nanodet(o, numbers, []int{8, 16, 32, 64}, 0)
	case rows == three && nano:
		g.nanodet(o, numbers, []int{8, 16, 32}, 0.5)
	case rows == three && numbers > 5:
		g.count(numbers - 5)
		g.reason("one anchor for each cell at strides 8, 16 and 32; 4 of a box, objectness, %d classes", g.Count)
		if g.file.has("Exp") {
			g.reason("the graph decodes the grid itself (Exp)")
			g.is("detection", "yolov5", likely, "predictions", o.name)
		} else {
			g.Strides = []int{8, 16, 32}
			g.is("detection", "yolox", likely, "predictions", o.name)
		}
	case rows >= 100 && rows <= 1000 && numbers > 4:
		g.count(numbers - 4)
		g.reason("%d is no number of cells: queries of 4 of a box and %d classes", rows, g.Count)
		g.is("detection", "rtdetr", likely, "predictions", o.name)
		return
	case numbers > 5:
		g.count(numbers - 5)
		g.reason("%d numbers an anchor come last: 4 of a box, objectness, %d classes; %d is no number of cells of this input", numbers, g.Count, rows)
		g.is("detection", "yolov5", doubtful, "predictions", o.name)
	}
	if g.Family != "" {
		g.activate(o.name)
	}
}

// nanodet reads classes and four distributions; how many of the numbers are bins is not told, 8 and 11 are usual.
func (g *guesser) nanodet(o out, numbers int, strides []int, centre float64) {
	certainty := likely
	bins := 8
	if n := len(g.Classes); n > 0 && (numbers-n)%4 == 0 {
		bins = (numbers - n) / 4
	} else if numbers == 80+44 || numbers <= 4*bins {
		bins = 11
	} else if numbers != 80+32 {
		certainty = doubtful
		g.note("%d numbers an anchor may be %d classes and 4 times 8 bins, or others: check the classes", numbers, numbers-32)
	}
	if numbers <= 4*bins {
		g.reason("%d numbers an anchor are too few for NanoDet's distributions", numbers)
		return
	}
	g.count(numbers - 4*bins)
	g.Strides, g.Centre = strides, centre
	g.reason("an anchor for each cell at strides %s; %d classes and 4 times %d bins, as NanoDet has them", say(strides), g.Count, bins)
	g.is("detection", "nanodet", certainty, "predictions", o.name)
}
