// Package families holds a small ONNX graph of every family of models, its card, and what the family's
// published formula makes of it: README.md beside this file tells how they were made. It imports nothing of ours.
package families

import (
	"bytes"
	"embed"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"image"
	"image/draw"
	"image/png"
	"math"
	"strings"
)

//go:embed *.json picture.png
var files embed.FS

// Case is one graph's outputs for the picture, and the result. Sizes and places are in picture pixels.
type Case struct {
	Name string
	// Width and Height are the picture's.
	Width, Height int
	// Fit is where the whole picture lies in the input; nil for models that look at Region, around Person.
	Fit            *Fit
	Person, Region [4]float32
	Input          Input
	Outputs        []Output
	// Wrong is "nan" or "shape" for what must be refused; then there is no result.
	Wrong string

	Objects   []Object
	Counts    struct{ Candidates, Suppressed int }
	Joints    [][3]float32
	Mask      *Mask
	Vector    []float32
	Attribute *Attribute
	// NV12 is how far the result from NV12 lies away, by what is measured.
	NV12 map[string]float64
}

// Fit says input pixel = picture pixel * scale + (Left, Top).
type Fit struct {
	ScaleX                   float32 `json:"scale_x"`
	ScaleY                   float32 `json:"scale_y"`
	Left, Top, Width, Height int
}

// Input is what the picture became: 16 samples are at flat index i*(n-1)/15; NV12 is how far the same
// made from NV12 lies away at most.
type Input struct {
	Name    string
	Shape   []int
	Sum     float64
	Samples []float32
	NV12    float64
}

// Output is a raw output; its shape has the batch of 1.
type Output struct {
	Name  string
	Shape []int
	Data  Floats
}

// Object is one of a detector's, best first.
type Object struct {
	Class  int
	Name   string
	Score  float32
	Box    [4]float32
	Anchor int
	Joints [][3]float32
	Mask   *Mask
}

// Mask has COCO's run lengths: column by column, the first run of zeros.
type Mask struct {
	ROI  [4]int
	Size [2]int
	Runs []int
	Area int
	// Cells is a semantic mask at the output's own size, ROI in cells; Between is how many pixels depend on
	// whether the classes or the lead of one is sampled.
	Cells   *Mask
	Between int
}

// Attribute is a classifier's answer; Told says that it reaches the threshold.
type Attribute struct {
	Class  int
	Name   string
	Score  float32
	Told   bool
	Scores []float32
}

// Floats are base64 of little-endian float32 in JSON.
type Floats []float32

// UnmarshalText implements encoding.TextUnmarshaler.
func (f *Floats) UnmarshalText(text []byte) error {
	raw, err := base64.StdEncoding.AppendDecode(nil, text)
	if err != nil {
		return err
	}
	if len(raw)%4 != 0 {
		return fmt.Errorf("%d bytes are no float32 numbers", len(raw))
	}
	*f = make(Floats, len(raw)/4)
	for i := range *f {
		(*f)[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
	}
	return nil
}

// Names are those of all cases, in order. NAME.onnx.gz and NAME.card.yaml lie beside this file.
func Names() (names []string) {
	entries, _ := files.ReadDir(".") // an embedded root can always be read
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), ".json"); ok {
			names = append(names, name)
		}
	}
	return names
}

// Read reads a case.
func Read(name string) (c Case, err error) {
	raw, err := files.ReadFile(name + ".json")
	if err != nil {
		return c, err
	}
	if err := json.Unmarshal(raw, &c); err != nil {
		return c, fmt.Errorf("golden family %s: %w", name, err)
	}
	return c, nil
}

// Output is the raw output of a name.
func (c *Case) Output(name string) (Output, bool) {
	for _, o := range c.Outputs {
		if o.Name == name {
			return o, true
		}
	}
	return Output{}, false
}

// Picture is the one that all cases were made of.
func Picture() (*image.NRGBA, error) {
	raw, err := files.ReadFile("picture.png")
	if err != nil {
		return nil, err
	}
	decoded, err := png.Decode(bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("golden families' picture: %w", err)
	}
	rgb := image.NewNRGBA(decoded.Bounds())
	draw.Draw(rgb, rgb.Bounds(), decoded, image.Point{}, draw.Src)
	return rgb, nil
}
