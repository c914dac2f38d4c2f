package onnx

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Element types of ONNX.
const (
	float32s = 1
	uint8s   = 2
	int8s    = 3
	int32s   = 6
	int64s   = 7
)

// outputs makes outputs of float32 with a batch of 1, named as given and made by one kind of node.
func outputs(op string, list ...any) (n network) {
	for i := 0; i < len(list); i += 2 {
		name := list[i].(string)
		n.outputs = append(n.outputs, tensor(name, float32s, append([]int{1}, list[i+1].([]int)...)...))
		n.nodes = append(n.nodes, node(op, "", "x", name))
	}
	return n
}

func (n network) with(metadata map[string]string) network { n.metadata = metadata; return n }

func (n network) beside(inputs ...pb) network { n.inputs = append(n.inputs, inputs...); return n }

// export is a published export in outline, and what is to be found in it.
type export struct {
	name    string
	net     network
	input   pb
	want    string // task and family
	sure    string
	classes int
	says    string // in a note or reason
}

func images(name string, height, width int) pb { return tensor(name, float32s, 1, 3, height, width) }

var person = map[string]string{"names": "{0: 'person'}", "stride": "32", "kpt_shape": "[17, 3]", "task": "pose"}

var exports = []export{
	{"YOLOv8n", outputs("Sigmoid", "output0", []int{84, 8400}), images("images", 640, 640), "detection yolov8", sure, 80, "80 classes"},
	{"YOLOv8n rectangular", outputs("Sigmoid", "output0", []int{84, 5040}), images("images", 384, 640), "detection yolov8", sure, 80, ""},
	{"YOLOv8n of two classes", outputs("Sigmoid", "output0", []int{6, 8400}), images("images", 640, 640), "detection yolov8", sure, 2, ""},
	{"YOLOv8n-pose", outputs("Sigmoid", "output0", []int{56, 8400}).with(person), images("images", 640, 640), "detection yolov8-pose", sure, 1, "17 joints"},
	{"YOLOv8n-pose, bare", outputs("Sigmoid", "output0", []int{56, 8400}), images("images", 640, 640), "detection yolov8-pose", likely, 1, "52 classes would look the same"},
	{"YOLOv8n-seg", outputs("Sigmoid", "output0", []int{116, 8400}, "output1", []int{32, 160, 160}), images("images", 640, 640), "detection yolov8-segment", sure, 80, ""},
	{"YOLOv5s", outputs("Sigmoid", "output0", []int{25200, 85}), images("images", 640, 640), "detection yolov5", sure, 80, "three anchors"},
	{"YOLOv5s-seg", outputs("Sigmoid", "output0", []int{25200, 117}, "output1", []int{32, 160, 160}), images("images", 640, 640), "detection yolov5-segment", sure, 80, ""},
	{"YOLOv10n", outputs("Concat", "output0", []int{300, 6}), images("images", 640, 640), "detection yolov10", likely, 0, "corners, score and class"},
	{"YOLO26n-seg", outputs("Concat", "output0", []int{300, 38}, "output1", []int{32, 160, 160}).with(map[string]string{"end2end": "True", "task": "segment"}),
		images("images", 640, 640), "detection yolov10-segment", sure, 0, "coefficients of 32 prototypes"},
	{"YOLO11n-obb", outputs("Concat", "output0", []int{20, 8400}).with(map[string]string{"task": "obb"}), images("images", 640, 640), " ", "", 0, "oriented boxes"},
	{"YOLO11n-pose, nms=True", outputs("NonMaxSuppression", "output0", []int{300, 57}).with(person), images("images", 640, 640), "detection yolov10-pose", sure, 1, "17 joints an object"},
	{"YOLO11n-seg, nms=True", outputs("NonMaxSuppression", "output0", []int{300, 38}, "output1", []int{32, 160, 160}).with(map[string]string{"names": "{0: '0', 1: '1'}", "stride": "32", "task": "segment"}),
		images("images", 640, 640), "detection yolov10-segment", sure, 2, ""},
	{"YOLO11n, nms=True", outputs("NonMaxSuppression", "output0", []int{300, 6}).with(map[string]string{"stride": "32", "task": "detect"}), images("images", 640, 640), "detection yolov10", likely, 0, ""},
	{"a graph that suppresses, of some family", outputs("NonMaxSuppression", "output0", []int{84, 8400}), images("images", 640, 640), "detection yolov8", sure, 80, "export without it"},
	{"YOLO26n-obb", outputs("Concat", "output0", []int{300, 7}).with(map[string]string{"end2end": "True", "task": "obb"}), images("images", 640, 640), " ", "", 0, "oriented boxes"},
	{"YOLOX-s", outputs("Sigmoid", "output", []int{8400, 85}), images("images", 640, 640), "detection yolox", likely, 80, "one anchor for each cell"},
	{"NanoDet-Plus-m", outputs("Sigmoid", "output", []int{3598, 112}), images("data", 416, 416), "detection nanodet", likely, 80, "4 times 8 bins"},
	{"NanoDet-g", outputs("Sigmoid", "output", []int{3549, 124}), images("input.1", 416, 416), "detection nanodet", likely, 80, "4 times 11 bins"},
	{"RT-DETR, Hugging Face", outputs("Add", "logits", []int{300, 80}, "pred_boxes", []int{300, 4}), images("pixel_values", 640, 640), "detection detr", sure, 80, ""},
	{"RT-DETR, Hugging Face, by torchscript", outputs("Gather", "logits", []int{-1, 5}, "pred_boxes", []int{-1, -1}), images("pixel_values", 640, 640), "detection detr", sure, 5, ""},
	{"RF-DETR", outputs("Add", "dets", []int{300, 4}, "labels", []int{300, 91}), images("input", 560, 560), "detection detr", sure, 91, ""},
	{"DETR, Hugging Face", outputs("Add", "logits", []int{100, 92}, "pred_boxes", []int{100, 4}).beside(tensor("pixel_mask", int64s, 1, 800, 800)),
		images("pixel_values", 800, 800), "detection detr-softmax", likely, 91, "a last score of no object"},
	{"D-FINE", outputs("Mul", "labels", []int{300}, "boxes", []int{300, 4}, "scores", []int{300}).beside(tensor("orig_target_sizes", int64s, 1, 2)),
		images("images", 640, 640), "detection detr-deploy", sure, 0, "boxes come in input pixels"},
	{"RT-DETR, Ultralytics", outputs("Concat", "output0", []int{300, 84}), images("images", 640, 640), "detection rtdetr", likely, 80, "queries"},
	{"a graph with EfficientNMS", outputs("EfficientNMS_TRT", "num_dets", []int{1}, "det_boxes", []int{100, 4}), images("images", 640, 640), " ", "", 0, "plugin of TensorRT"},
	{"RTMPose-m", outputs("MatMul", "simcc_x", []int{17, 384}, "simcc_y", []int{17, 512}), images("input", 256, 192), "pose simcc", sure, 0, ""},
	{"RTMPose-m, other names", outputs("MatMul", "a", []int{17, 384}, "b", []int{17, 512}), images("input", 256, 192), "pose simcc", likely, 0, ""},
	{"HRNet-w32", outputs("Conv", "output", []int{17, 64, 48}), images("input", 256, 192), "pose heatmap", likely, 0, ""},
	{"ViTPose-wholebody", outputs("Conv", "heatmap", []int{133, 64, 48}), images("input", 256, 192), "pose heatmap", likely, 0, "133 joints"},
	{"MoveNet Lightning", outputs("Concat", "output_0", []int{1, 17, 3}), tensor("input", int32s, 1, 192, 192, 3), "pose movenet", sure, 0, ""},
	{"MoveNet MultiPose", outputs("Concat", "output_0", []int{6, 56}), tensor("input", int32s, 1, 256, 256, 3), "detection movenet-multipose", sure, 1, ""},
	{"DeepLabV3", outputs("Resize", "out", []int{21, 520, 520}), images("input", 520, 520), "segmentation semantic", likely, 21, ""},
	{"DeepLabV3 with its auxiliary head", outputs("Resize", "out", []int{21, 520, 520}, "aux", []int{21, 520, 520}), images("input", 520, 520), "segmentation semantic", likely, 21, "2 outputs, the family reads 1"},
	{"SSDLite of torchvision", network{outputs: []pb{tensor("boxes", float32s, -1, 4), tensor("scores", float32s, -1), tensor("labels", int64s, -1)}}, images("input", 320, 320), " ", "", 0, "without a batch"},
	{"U2-Net", outputs("Sigmoid", "d0", []int{1, 320, 320}), images("input", 320, 320), "segmentation decoded", sure, 0, ""},
	{"MODNet without sigmoid", outputs("Conv", "output", []int{1, 512, 512}), images("input", 512, 512), "segmentation logits", likely, 0, ""},
	{"OSNet", outputs("Relu", "output", []int{512}), images("input", 256, 128), "reid decoded", likely, 0, ""},
	{"ResNet-50", outputs("Gemm", "output", []int{1000}), images("input", 224, 224), "classification decoded", likely, 1000, ""},
	{"a classifier of 7", outputs("Gemm", "output", []int{7}), images("input", 224, 224), "classification decoded", likely, 7, "too short a vector"},
	{"Places", outputs("Gemm", "output", []int{365}), images("input", 224, 224), "reid decoded", doubtful, 0, "if these are scores of 365 classes"},
	{"DeepLabV3 by torchscript", network{outputs: []pb{tensor("out", float32s, 1, -1, -1, -1)}, weights: []pb{pb{}.number(1, 21).number(1, 256).number(2, 1).text(8, "w")},
		nodes: []pb{node("Conv", "", "x", "c").text(1, "w"), node("Resize", "", "c", "out")}}, images("input", 224, 320), "segmentation semantic", likely, 21, "the last convolution make 21 planes"},
	{"LR-ASPP of unknown planes", outputs("Resize", "out", []int{-1, -1, -1}), images("input", 224, 320), "segmentation semantic", doubtful, 0, "does not tell how many"},
	{"YOLOv8n-cls", outputs("Softmax", "output0", []int{1000}), images("images", 224, 224), "classification decoded", likely, 1000, "softmax"},
	{"a text model", outputs("Gemm", "logits", []int{2}), tensor("input_ids", int64s, 1, 128), " ", "", 0, "no input takes a picture"},
	{"signed bytes", outputs("Sigmoid", "output0", []int{84, 8400}), tensor("images", int8s, 1, 3, 640, 640), "detection yolov8", sure, 80, "put a Cast in front"},
	{"YOLOv8n of dynamic size", outputs("Sigmoid", "output0", []int{84, -1}), tensor("images", float32s, -1, 3, -1, -1), "detection yolov8", likely, 80, "fix them with the card's input.shape"},
	{"YOLOv8n-seg of dynamic size", outputs("Sigmoid", "output0", []int{116, -1}, "output1", []int{32, -1, -1}).with(map[string]string{"imgsz": "[480, 640]"}),
		tensor("images", float32s, -1, 3, -1, -1), "detection yolov8-segment", likely, 80, "the metadata says 480 x 640"},
	{"YOLOv5s-seg of dynamic size", outputs("Sigmoid", "output0", []int{-1, 117}, "output1", []int{32, -1, -1}), images("images", 640, 640), "detection yolov5-segment", likely, 80, ""},
	{"nothing fixed", outputs("Sigmoid", "output0", []int{-1, -1}), images("images", 640, 640), " ", "", 0, "export with a fixed size"},
	{"a broken shape", outputs("Sigmoid", "output0", []int{1 << 40, 1 << 41}), images("images", 640, 640), " ", "", 0, "more than any model has"},
	{"logits", outputs("Conv", "output0", []int{84, 8400}), images("images", 640, 640), "detection yolov8", sure, 80, "seem to be logits"},
}

// Shapes and names of published exports lead to their families.
func TestGuessExports(t *testing.T) {
	for _, c := range exports {
		t.Run(c.name, func(t *testing.T) {
			c.net.inputs = append([]pb{c.input}, c.net.inputs...)
			raw := c.net.file()
			f, err := parse(bytes.NewReader(raw), nil, int64(len(raw)))
			if err != nil {
				t.Fatal(err)
			}
			f.Path = filepath.Join(t.TempDir(), "model.onnx")
			g := f.Guess()
			if got := g.Task + " " + g.Family; got != c.want || g.Certainty != c.sure || g.Count != c.classes {
				t.Errorf("guessed %q, %q, %d classes; want %q, %q, %d: %q", got, g.Certainty, g.Count, c.want, c.sure, c.classes, g.Reasons)
			}
			if said := strings.Join(append(g.Reasons, g.Notes...), "\n"); !strings.Contains(said, c.says) {
				t.Errorf("no %q in:\n%s", c.says, said)
			} else if told := "export without it"; strings.Contains(said, told) && c.says != told {
				t.Errorf("%q in:\n%s", told, said)
			}
			if g.Family == "" {
				if _, err := g.Card(f, "."); err == nil {
					t.Error("a card of no family")
				}
				return
			}
			if err := os.WriteFile(f.Path, raw, 0o600); err != nil {
				t.Fatal(err)
			}
			card := written(t, &g, f, filepath.Dir(f.Path))
			known := c.name == "DETR, Hugging Face" // its mask is no constant that could be guessed
			in := tensors(f.Inputs)
			if f.Inputs[0].Shape[2].Size < 0 { // a device fixes it as the card says
				in[0].Shape = card.Input.Shape
			}
			if err := card.Check(in, tensors(f.Outputs)); err != nil && !known {
				t.Error(err)
			}
		})
	}
}

// A card fixes what the file leaves open of its size, and only that.
func TestCardOfOpenSizes(t *testing.T) {
	target := tensor(targetSizes, int64s, -1, 2)
	deployed := outputs("Mul", "labels", []int{300}, "boxes", []int{300, 4}, "scores", []int{300})
	for _, c := range []struct {
		net           network
		height, width int
		want          []int
		constants     []float64
		says          string
	}{
		{outputs("Sigmoid", "output0", []int{84, -1}), -1, -1, []int{3, 640, 640}, nil, "leaves height and width open"},
		{outputs("Sigmoid", "output0", []int{84, -1}), -1, 1280, []int{3, 640, 1280}, nil, "leaves the height open"},
		{outputs("Sigmoid", "output0", []int{84, -1}), 384, -1, []int{3, 384, 640}, nil, "leaves the width open"},
		{outputs("Sigmoid", "output0", []int{84, -1}).with(map[string]string{"imgsz": "[480, 480]"}), -1, 1280, []int{3, 480, 1280}, nil, ""},
		{deployed.beside(target), -1, -1, []int{3, 640, 640}, []float64{640, 640}, ""},
		{deployed.beside(target), -1, 1280, []int{3, 640, 1280}, []float64{1280, 640}, ""},
		{deployed.beside(target).with(map[string]string{"imgsz": "[480, 800]"}), -1, -1, []int{3, 480, 800}, []float64{800, 480}, ""},
	} {
		c.net.inputs = append([]pb{tensor("images", float32s, -1, 3, c.height, c.width)}, c.net.inputs...)
		raw := c.net.file()
		f, err := parse(bytes.NewReader(raw), nil, int64(len(raw)))
		if err != nil {
			t.Fatal(err)
		}
		f.Path = filepath.Join(t.TempDir(), "model.onnx")
		if err := os.WriteFile(f.Path, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		g := f.Guess()
		card := written(t, &g, f, filepath.Dir(f.Path))
		if !slices.Equal(card.Input.Shape, c.want) {
			t.Errorf("%d x %d: shape %v, want %v", c.height, c.width, card.Input.Shape, c.want)
		}
		prepared, err := Prepare(raw, "images", card.Input.Shape)
		if err != nil {
			t.Fatal(err)
		}
		fixed, err := parse(bytes.NewReader(prepared), nil, int64(len(prepared)))
		if err != nil {
			t.Fatal(err)
		}
		if err := card.Check(tensors(fixed.Inputs), tensors(fixed.Outputs)); err != nil {
			t.Errorf("%d x %d: %v", c.height, c.width, err)
		}
		if c.constants != nil && (len(card.Input.Constants) != 1 || !slices.Equal(card.Input.Constants[0].Values, c.constants) || g.Certainty != sure) {
			t.Errorf("%d x %d: constants %v, want %v; %s", c.height, c.width, card.Input.Constants, c.constants, g.Certainty)
		}
		if text, _ := os.ReadFile(card.Path); !strings.Contains(string(text), c.says) || strings.Contains(string(text), "must be given numbers") {
			t.Errorf("%d x %d: no %q in:\n%s", c.height, c.width, c.says, text)
		}
	}
}
