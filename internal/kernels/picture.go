package kernels

import (
	"math"
	"slices"

	"sightline/internal/device"
)

// place mirrors Place of picture.cu.
type place struct {
	Luma, Chroma uint64
	Pitch        int64
}

// picture mirrors Picture of picture.cu.
type picture struct {
	Place                                   uint64
	At                                      place
	RedOffset, GreenOffset, BlueOffset      int64
	LumaFactor, RedV, GreenU, GreenV, BlueU uint32
	Black, Width, Height                    int32
}

// Fixed-point fractions, as in picture.cu, and the chroma of grey.
const (
	weightBits = 12
	colourBits = 20
	neutral    = 128
)

func newPicture(p *device.Picture) picture {
	kr, kb := 0.299, 0.114
	if p.Matrix == "bt709" {
		kr, kb = 0.2126, 0.0722
	}
	luma, chroma, black := 255./219, 255./224, int32(16)
	if p.FullRange {
		luma, chroma, black = 1, 1, 0
	}
	kg := 1 - kr - kb
	fixed := func(v float64) uint32 { return uint32(math.RoundToEven(v * (1 << colourBits))) }
	out := picture{
		LumaFactor: fixed(luma),
		RedV:       fixed(2 * (1 - kr) * chroma), BlueU: fixed(2 * (1 - kb) * chroma),
		GreenU: fixed(2 * (1 - kb) * kb / kg * chroma), GreenV: fixed(2 * (1 - kr) * kr / kg * chroma),
		Black: black, Width: int32(p.Width), Height: int32(p.Height),
	}
	if p.Place != nil {
		out.Place = address(p.Place)
	} else {
		at := p.Planes(p.Buffer.Address())
		out.At = place{uint64(at.Luma), uint64(at.Chroma), int64(at.Pitch)}
	}
	// The offsets are made of the rounded factors, so that black and grey come out exactly.
	offset := func(chroma int64) int64 {
		return -(int64(black)*int64(out.LumaFactor) + neutral*chroma) << (2 * weightBits)
	}
	out.RedOffset, out.GreenOffset, out.BlueOffset = offset(int64(out.RedV)), offset(-int64(out.GreenU+out.GreenV)), offset(int64(out.BlueU))
	return out
}

// A block of the picture kernels has tileX x tileY threads, each of which makes rows pixels of a column.
const tileX, tileY, rows = 32, 8, 4

func tiles(width, height, count int) (grid, block [3]uint32) {
	return [3]uint32{blocks(width, tileX), blocks(height, tileY*rows), uint32(count)}, [3]uint32{tileX, tileY, 1}
}

// picture bounds a picture: places in a plane are 32-bit numbers.
func (a *arguments) picture(p *device.Picture) {
	if p != nil && (p.Height < 0 || p.Pitch < 0 || p.Pitch > 0 && p.Height > math.MaxUint32/p.Pitch) {
		a.fail("picture", "is %d rows of %d bytes, expected less than 4 GiB", p.Height, p.Pitch)
	}
}

// outSize checks the size of a picture made by the device.
func (a *arguments) outSize(width, height int) {
	a.between("out width", width, 1, 1<<20)
	a.between("out height", height, 1, items*tileY*rows)
}

// pixels mirrors Pixels of picture.cu: factors in the order of red, green, blue.
type pixels struct {
	Scale, Offset      [3]float32
	Pad                float32
	BGR, Last, Integer int32
}

func newPixels(p device.Pixels) pixels {
	out := pixels{Scale: p.Scale, Offset: p.Offset, Pad: p.Pad, BGR: flag(p.BGR), Last: flag(p.Last), Integer: flag(p.Integer)}
	if p.BGR {
		slices.Reverse(out.Scale[:])
		slices.Reverse(out.Offset[:])
	}
	return out
}

type letterboxParams struct {
	Picture             picture
	Pixels              pixels
	Out                 uint64
	OutWidth, OutHeight int32
	Left, Top           int32
	Width, Height       int32
}

// Letterbox plans device.Kernels.Letterbox.
func Letterbox(k device.Letterbox) ([]Launch, error) {
	a := arguments{kernel: "letterbox"}
	a.outSize(k.OutWidth, k.OutHeight)
	a.picture(k.Picture)
	a.and(k.Check())
	if a.err != nil {
		return nil, a.err
	}
	f := k.Fit
	grid, block := tiles(k.OutWidth, k.OutHeight, 1)
	return []Launch{newLaunch("letterbox", grid, block, &letterboxParams{
		Picture: newPicture(k.Picture), Pixels: newPixels(k.Pixels), Out: address(k.Out), OutWidth: int32(k.OutWidth), OutHeight: int32(k.OutHeight),
		Left: int32(f.Left), Top: int32(f.Top), Width: int32(f.Width), Height: int32(f.Height),
	})}, nil
}

type cropParams struct {
	Picture                       picture
	Pixels                        pixels
	Subjects                      subjects
	Out                           uint64
	Region                        region
	First                         int32
	OutWidth, OutHeight, Reserved int32
}

// Crop plans device.Kernels.Crop.
func Crop(k device.Crop) ([]Launch, error) {
	a := arguments{kernel: "crop"}
	a.batch(k.First, k.Count)
	a.outSize(k.OutWidth, k.OutHeight)
	a.picture(k.Picture)
	a.and(k.Check())
	if a.err != nil {
		return nil, a.err
	}
	grid, block := tiles(k.OutWidth, k.OutHeight, k.Count)
	return []Launch{newLaunch("crop", grid, block, &cropParams{
		Picture: newPicture(k.Picture), Pixels: newPixels(k.Pixels), Subjects: newSubjects(k.Subjects, k.Limits), Out: address(k.Out),
		Region: newRegion(k.Region), First: int32(k.First), OutWidth: int32(k.OutWidth), OutHeight: int32(k.OutHeight),
	})}, nil
}
