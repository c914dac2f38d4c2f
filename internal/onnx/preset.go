package onnx

// preset is how the published code of a family prepares its pictures, as lines of a card.
type preset struct {
	// input are keys of `input`, in the form of a card.
	input string
	// why tells where the input comes from.
	why string
	// iou is written where the family suppresses.
	iou string
}

const (
	zeroToOne = "range: [0, 1]"
	imagenet  = "range: [0, 1], mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225]"
	mmpose    = "range: [0, 255], mean: [123.675, 116.28, 103.53], std: [58.395, 57.12, 57.375]"
)

// presets are by task and family.
var presets = map[string]preset{
	"detection decoded":           {"colour: rgb, " + zeroToOne + ", fit: letterbox", "plain; check it against the code that the model was trained with", "0.5"},
	"detection yolox":             {"colour: bgr, range: [0, 255], fit: corner, pad: 114", "as YOLOX since 0.2 has it", "0.45"},
	"detection yolov5":            {"colour: rgb, " + zeroToOne + ", fit: letterbox, pad: 114", "as YOLOv5 and v7 have it", "0.45"},
	"detection yolov8":            {"colour: rgb, " + zeroToOne + ", fit: letterbox, pad: 114", "as Ultralytics has it", "0.7"},
	"detection yolov8-pose":       {"colour: rgb, " + zeroToOne + ", fit: letterbox, pad: 114", "as Ultralytics has it", "0.7"},
	"detection yolov8-segment":    {"colour: rgb, " + zeroToOne + ", fit: letterbox, pad: 114", "as Ultralytics has it", "0.7"},
	"detection yolov5-segment":    {"colour: rgb, " + zeroToOne + ", fit: letterbox, pad: 114", "as YOLOv5 has it", "0.45"},
	"detection yolov10":           {"colour: rgb, " + zeroToOne + ", fit: letterbox, pad: 114", "as Ultralytics has it", ""},
	"detection yolov10-pose":      {"colour: rgb, " + zeroToOne + ", fit: letterbox, pad: 114", "as Ultralytics has it", ""},
	"detection yolov10-segment":   {"colour: rgb, " + zeroToOne + ", fit: letterbox, pad: 114", "as Ultralytics has it", ""},
	"detection rtdetr-end2end":    {"colour: rgb, " + zeroToOne + ", fit: stretch", "as Ultralytics has it", ""},
	"detection detr":              {"colour: rgb, " + zeroToOne + ", fit: stretch", "as RT-DETR and D-FINE have it", ""},
	"detection detr-softmax":      {"colour: rgb, " + imagenet + ", fit: stretch", "mean and std of ImageNet, as DETR has them (at another size: it keeps proportions)", ""},
	"detection detr-deploy":       {"colour: rgb, " + zeroToOne + ", fit: stretch", "as RT-DETR and D-FINE have it", ""},
	"detection rtdetr":            {"colour: rgb, " + zeroToOne + ", fit: stretch", "as Ultralytics has it", ""},
	"detection nanodet":           {"colour: bgr, range: [0, 255], mean: [103.53, 116.28, 123.675], std: [57.375, 57.12, 58.395], fit: stretch", "as NanoDet has it (keep_ratio: False)", "0.6"},
	"detection movenet-multipose": {"colour: rgb, range: [0, 255], fit: letterbox", "as MoveNet has it", ""},
	"pose decoded":                {"colour: rgb, " + zeroToOne, "plain; check it against the code that the model was trained with", ""},
	"pose movenet":                {"colour: rgb, range: [0, 255]", "as MoveNet has it", ""},
	"pose simcc":                  {"colour: rgb, " + mmpose, "as MMPose has it (mean and std of ImageNet, times 255)", ""},
	"pose heatmap":                {"colour: rgb, " + mmpose, "as MMPose has it (mean and std of ImageNet, times 255)", ""},
	"segmentation decoded":        {"colour: rgb, " + zeroToOne, "plain; check it against the code that the model was trained with", ""},
	"segmentation logits":         {"colour: rgb, " + zeroToOne, "plain; check it against the code that the model was trained with", ""},
	"segmentation semantic":       {"colour: rgb, " + imagenet, "mean and std of ImageNet, as torchvision has them", ""},
	"reid decoded":                {"colour: rgb, " + imagenet, "mean and std of ImageNet, as torchreid has them", ""},
	"classification decoded":      {"colour: rgb, " + imagenet, "mean and std of ImageNet, as torchvision has them", ""},
}

// usual is the height and width that a card gets where the file leaves them open.
var usual = map[string][2]int{
	"detection": {640, 640}, "pose": {256, 192}, "segmentation": {512, 512}, "reid": {256, 128}, "classification": {224, 224},
}

// preset is that of the guess, with what the names of outputs and the metadata tell besides.
func (g *Guess) preset(f *File) preset {
	p := presets[g.Task+" "+g.Family]
	switch {
	case g.Family == "detr" && g.Outputs["boxes"] == "dets":
		p.input, p.why = "colour: rgb, "+imagenet+", fit: stretch", "mean and std of ImageNet, as RF-DETR has them"
	case g.Family == "detr" && g.Input.Name == "pixel_values":
		p.why += "; Conditional and Deformable DETR have besides mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225]"
	case g.Task == "classification" && f.ultralytics():
		p.input, p.why = "colour: rgb, "+zeroToOne, "as Ultralytics has it"
	case g.Task == "pose" && g.Input.Name == "pixel_values":
		p.input, p.why = "colour: rgb, "+imagenet, "mean and std of ImageNet, as Hugging Face has them"
	}
	return p
}
