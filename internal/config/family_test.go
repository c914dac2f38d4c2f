package config

import (
	"strings"
	"testing"
)

// Shapes of real exports fit their families, and what does not is told with the classes it was held against.
func TestFamilies(t *testing.T) {
	for _, c := range []struct {
		task, family string
		classes      int
		shapes       [][]int
		says         string
	}{
		{"detection", "yolox", 80, [][]int{{8400, 85}}, ""},
		{"detection", "yolox", 3, [][]int{{8400, 85}}, "output o0 (predictions): expected shape [A, 5+C], C = 3, found [8400 85]"},
		{"detection", "yolov8", 80, [][]int{{84, 8400}}, ""},
		{"detection", "yolov8", 80, [][]int{{8400, 84}}, "expected shape [4+C, A], C = 80, found [8400 84]"},
		{"detection", "yolov10", 80, [][]int{{300, 6}}, ""},
		{"detection", "detr", 91, [][]int{{300, 91}, {300, 4}}, ""},
		{"detection", "detr", 91, [][]int{{300, 91}, {301, 4}}, "output o1 (boxes): expected shape [Q, 4], C = 91, Q = 300, found [301 4]"},
		{"detection", "detr-softmax", 91, [][]int{{100, 92}, {100, 4}}, ""},
		{"detection", "detr-softmax", 91, [][]int{{100, 91}, {100, 4}}, "output o0 (logits): expected shape [Q, 1+C], C = 91, found [100 91]"},
		{"detection", "detr-deploy", 80, [][]int{{300}, {300, 4}, {300}}, ""},
		{"detection", "detr-deploy", 80, [][]int{{300}, {300, 4}, {300, 80}}, "output o2 (scores): expected shape [Q], C = 80, Q = 300, found [300 80]"},
		{"detection", "rtdetr", 80, [][]int{{300, 84}}, ""},
		{"detection", "nanodet", 80, [][]int{{3598, 112}}, ""},
		{"detection", "nanodet", 80, [][]int{{3598, 111}}, "expected shape [A, C+4R], C = 80, found [3598 111]"},
		{"detection", "yolov8-pose", 1, [][]int{{56, 8400}}, ""},
		{"detection", "yolov8-pose", 1, [][]int{{55, 8400}}, "[4+C+3K, A]"},
		{"detection", "yolov8-segment", 80, [][]int{{116, 8400}, {32, 160, 160}}, ""},
		{"detection", "yolov8-segment", 80, [][]int{{116, 8400}, {31, 160, 160}}, "output o1 (prototypes): expected shape [M, h, w], A = 8400, C = 80, M = 32, found"},
		{"detection", "yolov5-segment", 80, [][]int{{25200, 117}, {32, 160, 160}}, ""},
		{"detection", "movenet-multipose", 1, [][]int{{6, 56}}, ""},
		{"pose", "movenet", 0, [][]int{{1, 17, 3}}, ""},
		{"pose", "simcc", 0, [][]int{{17, 384}, {17, 512}}, ""},
		{"pose", "simcc", 0, [][]int{{17, 384}, {26, 512}}, "output o1 (y): expected shape [K, Y], K = 17, X = 384, found [26 512]"},
		{"pose", "heatmap", 0, [][]int{{17, 64, 48}}, ""},
		{"segmentation", "semantic", 19, [][]int{{19, 64, 64}}, ""},
		{"segmentation", "semantic", 19, [][]int{{64, 64, 19}}, "[C, h, w]"},
		{"reid", "decoded", 0, [][]int{{512}}, ""},
		{"reid", "decoded", 0, [][]int{{512, 1, 1}}, ""},
		{"reid", "decoded", 0, [][]int{{512, 2, 1}}, "expected shape [L], found"},
		{"classification", "decoded", 4, [][]int{{4}}, ""},
	} {
		card := &Card{Task: c.task, Family: c.family, Input: Input{Name: "i"}}
		for i := range c.classes {
			card.Classes = append(card.Classes, string(rune('a'+i)))
		}
		var out []Tensor
		for i, o := range card.family().outputs {
			tensor := Tensor{"o" + string(rune('0'+i)), c.shapes[i]}
			out = append(out, tensor)
			setOutput(&card.Outputs, o.role, &Tensor{Name: tensor.Name})
		}
		err := card.Check([]Tensor{{"i", []int{3, 64, 64}}}, out)
		if c.says == "" && err != nil || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%s %s %v: %v, want %q", c.task, c.family, c.shapes, err, c.says)
		}
	}
}

func setOutput(o *Outputs, role string, t *Tensor) {
	for key, field := range map[string]**Tensor{"scores": &o.Scores, "boxes": &o.Boxes, "predictions": &o.Predictions, "logits": &o.Logits, "prototypes": &o.Prototypes,
		"keypoints": &o.Keypoints, "x": &o.X, "y": &o.Y, "heatmaps": &o.Heatmaps, "labels": &o.Labels, "mask": &o.Mask, "features": &o.Features} {
		if key == role {
			*field = t
		}
	}
}
