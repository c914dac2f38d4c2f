package golden

import (
	"embed"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"image"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
)

//go:embed families/*.json families/*.card.yaml families/*.onnx.gz families/picture.png
var familyFiles embed.FS

// Family is a small model of one family with random weights, what it answers to a picture, and what the
// family's formula makes of the answer; families/README.md tells how it was made.
type Family struct {
	Name          string
	Width, Height int
	// Person is the box of the one that models of people look at.
	Person  [4]float64
	Outputs []Raw
	// Wrong is "nan" or "shape" where there is no result.
	Wrong string

	Objects   []FamilyObject
	Joints    [][3]float64
	Mask      *FamilyMask
	Vector    []float64
	Attribute *FamilyClass
	// NV12 is how far the results lie apart if the picture has lost its colour as NV12.
	NV12 struct{ Score, Box, Joints, Area, Vector float64 }
}

// Raw is an output as the model gave it, with its batch of 1.
type Raw struct {
	Name  string
	Shape []int
	// Type is empty for float32, or int64; Data are the same numbers as float32.
	Type string
	Data Floats
}

// Floats are float32 in base64, little-endian.
type Floats []float32

// UnmarshalText implements encoding.TextUnmarshaler.
func (f *Floats) UnmarshalText(text []byte) error {
	raw, err := base64.StdEncoding.DecodeString(string(text))
	if err != nil {
		return err
	}
	for ; len(raw) >= 4; raw = raw[4:] {
		*f = append(*f, math.Float32frombits(binary.LittleEndian.Uint32(raw)))
	}
	return nil
}

// FamilyObject is one object, in picture pixels.
type FamilyObject struct {
	Class  int
	Name   string
	Score  float64
	Box    [4]float64
	Joints [][3]float64
	Mask   *FamilyMask
}

// FamilyMask are the runs of a region, column by column, the first one of zeros.
type FamilyMask struct {
	ROI  [4]int
	Size [2]int
	Runs []int
	Area int
}

// FamilyClass is what a classifier says.
type FamilyClass struct {
	Class int
	Name  string
	Score float64
	Told  bool
}

// Families are the names of all of them.
func Families() (names []string) {
	files, err := fs.Glob(familyFiles, "families/*.json")
	if err != nil {
		panic(err) // only a broken pattern
	}
	for _, f := range files {
		names = append(names, strings.TrimSuffix(filepath.Base(f), ".json"))
	}
	return names
}

// ReadFamily reads one, and writes its card and model into a folder; card is the card's path.
func ReadFamily(name, folder string) (f Family, card string, err error) {
	raw, err := familyFiles.ReadFile("families/" + name + ".json")
	if err != nil {
		return f, "", err
	}
	if err := json.Unmarshal(raw, &f); err != nil {
		return f, "", fmt.Errorf("golden family %s: %w", name, err)
	}
	for _, file := range []string{name + ".card.yaml", name + ".onnx.gz"} {
		text, err := familyFiles.ReadFile("families/" + file)
		if err != nil {
			return f, "", err
		}
		if err := os.WriteFile(filepath.Join(folder, file), text, 0o600); err != nil {
			return f, "", err
		}
	}
	return f, filepath.Join(folder, name+".card.yaml"), nil
}

// FamilyPicture is the picture that all of them look at.
func FamilyPicture() (*image.NRGBA, error) {
	return decodePicture(familyFiles, "families/picture.png")
}
