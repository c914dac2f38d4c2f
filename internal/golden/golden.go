// Package golden holds pictures and tensors with what the demo models make of them, computed by the
// plain reference of models/MODELS.md. It imports nothing of ours.
package golden

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"image"
	"image/draw"
	"image/png"
	"math"
)

//go:embed *.png *.json
var files embed.FS

// Pictures are the names of the pictures.
var Pictures = []string{"astronaut", "plaza"}

// Truth is what the models find in a picture, made from RGB.
type Truth struct {
	Width, Height int
	Detections    []Detection
	// Cosine compares the people's vectors, in the order of Detections; empty for a single person.
	Cosine [][]float64
}

// Detection is one object; what follows Box is there for people (class 0).
type Detection struct {
	Class int
	Name  string
	Score float64
	Box   [4]float64
	// Keypoints are x, y in picture pixels and a score.
	Keypoints [][3]float64
	// Region is what the mask was made from; Area is the mask's, in picture pixels.
	Region [4]float64 `json:"mask_roi"`
	Area   float64    `json:"mask_area"`
	// First are the first eight values of the appearance vector.
	First []float64 `json:"embedding_first8"`
}

// Picture reads a picture and its truth.
func Picture(name string) (Truth, *image.NRGBA, error) {
	var t Truth
	if err := read(name+".json", &t); err != nil {
		return t, nil, err
	}
	rgb, err := decodePicture(files, name+".png")
	return t, rgb, err
}

func decodePicture(from embed.FS, name string) (*image.NRGBA, error) {
	raw, err := from.ReadFile(name)
	if err != nil {
		return nil, err
	}
	decoded, err := png.Decode(bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("golden picture %s: %w", name, err)
	}
	rgb := image.NewNRGBA(decoded.Bounds())
	draw.Draw(rgb, rgb.Bounds(), decoded, image.Point{}, draw.Src)
	return rgb, nil
}

func read(name string, v any) error {
	raw, err := files.ReadFile(name)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(raw, v); err != nil {
		return fmt.Errorf("golden file %s: %w", name, err)
	}
	return nil
}

// NV12 converts a picture of even size to BT.601, full range, with centred chroma and rows of width
// bytes. It loses three quarters of the colour, as every camera does.
func NV12(rgb *image.NRGBA) []byte {
	size := rgb.Bounds().Size()
	w, h := size.X, size.Y
	raw := make([]byte, w*h*3/2)
	for y := 0; y < h; y += 2 {
		for x := 0; x < w; x += 2 {
			var u, v float64
			for _, d := range [4][2]int{{0, 0}, {1, 0}, {0, 1}, {1, 1}} {
				c := rgb.NRGBAAt(x+d[0], y+d[1])
				luma := .299*float64(c.R) + .587*float64(c.G) + .114*float64(c.B)
				raw[(y+d[1])*w+x+d[0]] = byte(math.Round(luma))
				u += (float64(c.B) - luma) / (2 * (1 - .114)) / 4
				v += (float64(c.R) - luma) / (2 * (1 - .299)) / 4
			}
			chroma := raw[w*h+y/2*w+x:]
			chroma[0], chroma[1] = byte(min(math.Round(u+128), 255)), byte(min(math.Round(v+128), 255))
		}
	}
	return raw
}

// Output is one output of a model for Input: its shape with the batch of 2, the sum and maximum of its
// values, and 16 of them, at flat index i*(n-1)/15.
type Output struct {
	Shape   []int
	Sum     float64
	Max     float64
	Samples []float64
}

// Outputs are what a model ("detection", "pose-lite", …) makes of Input, by output name. The values
// hold to 1e-3.
func Outputs(model string) (map[string]Output, error) {
	var all struct{ Models map[string]map[string]Output }
	if err := read("tensors.json", &all); err != nil {
		return nil, err
	}
	outputs := all.Models[model+".onnx"]
	if outputs == nil {
		return nil, fmt.Errorf("no golden tensors for model %s", model)
	}
	return outputs, nil
}

// Input is the input that Outputs belongs to: float32 [2,3,height,width] by a formula.
func Input(height, width int) []float32 {
	data := make([]float32, 0, 2*3*height*width)
	for b := range 2 {
		for c := range 3 {
			for y := range height {
				for x := range width {
					data = append(data, float32((7*c+3*y+5*x+11*b+x*y%13*9)%256)/255)
				}
			}
		}
	}
	return data
}
