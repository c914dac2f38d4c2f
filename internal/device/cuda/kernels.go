package cuda

import (
	"fmt"
	"math"
	"unsafe"

	"sightline/internal/device"
	driver "sightline/internal/native/cuda"
)

// kernelSet implements device.Kernels with the functions of package kernels. The structs below mirror
// those of its sources; layout_test.go compares their sizes with the PTX.
type kernelSet struct {
	device *Device
	letterbox, crop, collect, pick, keypoints, masks,
	normalize, cosine, blend driver.Function
}

var _ device.Kernels = (*kernelSet)(nil)

func (k *kernelSet) find(d *Device, m driver.Module) error {
	k.device = d
	for name, f := range map[string]*driver.Function{
		"letterbox": &k.letterbox, "crop": &k.crop, "select_collect": &k.collect, "select_pick": &k.pick,
		"keypoints": &k.keypoints, "pack_masks": &k.masks, "normalize": &k.normalize, "cosine": &k.cosine, "blend": &k.blend,
	} {
		var err error
		if *f, err = m.Function(name); err != nil {
			return err
		}
	}
	return nil
}

// launch queues a kernel whose parameter is *p.
func launch[P any](s device.Stream, f driver.Function, shape driver.Shape, p *P) error {
	st := s.(*stream)
	return st.do(func() error { return f.Launch(st.handle, shape, unsafe.Pointer(p)) })
}

func blocks(n, size int) int { return (n + size - 1) / size }

// perPixel has a thread for every pixel of a picture, items deep.
func perPixel(width, height, items int) driver.Shape {
	return driver.Shape{GridX: blocks(width, 32), GridY: blocks(height, 8), GridZ: items, BlockX: 32, BlockY: 8}
}

type pictureParams struct {
	Luma, Chroma                              uint64
	Pitch, Width, Height                      int32
	Black, Scale, RedV, GreenU, GreenV, BlueU float32
}

func newPictureParams(p *device.Picture) pictureParams {
	kr, kb := 0.299, 0.114
	if p.Matrix == "bt709" {
		kr, kb = 0.2126, 0.0722
	}
	luma, chroma, black := 255./219, 255./224, 16.
	if p.FullRange {
		luma, chroma, black = 1, 1, 0
	}
	kg := 1 - kr - kb
	at := uint64(p.Buffer.Address())
	return pictureParams{
		Luma: at, Chroma: at + uint64(p.Pitch)*uint64(p.Height),
		Pitch: int32(p.Pitch), Width: int32(p.Width), Height: int32(p.Height),
		Black: float32(black), Scale: float32(luma), RedV: float32(2 * (1 - kr) * chroma),
		GreenU: float32(-2 * (1 - kb) * kb / kg * chroma), GreenV: float32(-2 * (1 - kr) * kr / kg * chroma),
		BlueU: float32(2 * (1 - kb) * chroma),
	}
}

type selectionParams struct {
	At              uint64
	Objects, People int32
}

func newSelectionParams(b *device.Buffer, l device.Limits) selectionParams {
	return selectionParams{uint64(b.Address()), int32(l.Objects), int32(l.People)}
}

type regionParams struct {
	Square int32
	Scale  float32
}

func newRegionParams(r device.Region) regionParams { return regionParams{flag(r.Square), r.Scale} }

func flag(b bool) int32 {
	if b {
		return 1
	}
	return 0
}

type letterboxParams struct {
	Picture                                       pictureParams
	Out                                           uint64
	OutWidth, OutHeight, Left, Top, Width, Height int32
}

func (k *kernelSet) Letterbox(s device.Stream, a device.Letterbox) error {
	if err := holds("letterbox out", a.Out, 4, 3, a.OutHeight, a.OutWidth); err != nil {
		return err
	}
	return launch(s, k.letterbox, perPixel(a.OutWidth, a.OutHeight, 1), &letterboxParams{
		Picture: newPictureParams(a.Picture), Out: uint64(a.Out.Address()), OutWidth: int32(a.OutWidth), OutHeight: int32(a.OutHeight),
		Left: int32(a.Fit.Left), Top: int32(a.Fit.Top), Width: int32(a.Fit.Width), Height: int32(a.Fit.Height),
	})
}

type cropParams struct {
	Picture                           pictureParams
	Selection                         selectionParams
	Out                               uint64
	Region                            regionParams
	Black, First, OutWidth, OutHeight int32
}

func (k *kernelSet) Crop(s device.Stream, a device.Crop) error {
	if err := holds("crop out", a.Out, 4, a.Count, 3, a.OutHeight, a.OutWidth); err != nil {
		return err
	}
	return launch(s, k.crop, perPixel(a.OutWidth, a.OutHeight, a.Count), &cropParams{
		Picture: newPictureParams(a.Picture), Selection: newSelectionParams(a.Selection, a.Limits), Out: uint64(a.Out.Address()),
		Region: newRegionParams(a.Region), Black: flag(a.Region.Black), First: int32(a.First),
		OutWidth: int32(a.OutWidth), OutHeight: int32(a.OutHeight),
	})
}

type selectParams struct {
	Scores, Boxes                           uint64
	Count, Keys, Found                      uint64
	Out                                     selectionParams
	Anchors, Classes, Width, Height, Person int32
	Left, Top, Scale, Below, IoU            float32
	Wanted                                  [32]uint32
}

func (k *kernelSet) Select(s device.Stream, a device.Select) error {
	for _, err := range []error{
		holds("select scores", a.Scores, 4, a.Anchors, a.Classes), holds("select boxes", a.Boxes, 4, a.Anchors, 4),
		holds("select out", a.Out, int(a.Limits.SelectionSize())), holds("select scratch", a.Scratch, int(device.SelectScratch(a.Anchors))),
	} {
		if err != nil {
			return err
		}
	}
	scratch := uint64(a.Scratch.Address())
	p := &selectParams{
		Scores: uint64(a.Scores.Address()), Boxes: uint64(a.Boxes.Address()),
		Count: scratch, Keys: scratch + 16, Found: scratch + 16 + 8*uint64(a.Anchors),
		Out: newSelectionParams(a.Out, a.Limits), Anchors: int32(a.Anchors), Classes: int32(a.Classes),
		Width: int32(a.Width), Height: int32(a.Height), Person: int32(a.Person),
		Left: float32(a.Fit.Left), Top: float32(a.Fit.Top), Scale: a.Fit.Scale,
		Below: math.Nextafter32(a.ScoreMin, float32(math.Inf(-1))), IoU: a.IoU,
	}
	for c := range min(a.Classes, 32*len(p.Wanted)) {
		if a.Wanted == nil || a.Wanted[c] {
			p.Wanted[c/32] |= 1 << (c % 32)
		}
	}
	const warps = 8
	if err := launch(s, k.collect, driver.Shape{GridX: blocks(a.Anchors, warps), BlockX: 32 * warps}, p); err != nil {
		return err
	}
	return launch(s, k.pick, driver.Shape{GridX: 1, BlockX: device.MaxCandidates}, p)
}

type keypointsParams struct {
	In, Out                  uint64
	Selection                selectionParams
	Region                   regionParams
	First, InWidth, InHeight int32
}

func (k *kernelSet) Keypoints(s device.Stream, a device.Keypoints) error {
	if err := holds("keypoints in", a.In, 4, a.Count, 17, 3); err != nil {
		return err
	}
	if err := holds("keypoints out", a.Out, 4, a.First+a.Count, 17, 3); err != nil {
		return err
	}
	return launch(s, k.keypoints, driver.Shape{GridX: a.Count, BlockX: 32}, &keypointsParams{
		In: uint64(a.In.Address()), Out: uint64(a.Out.Address()), Selection: newSelectionParams(a.Selection, a.Limits),
		Region: newRegionParams(a.Region), First: int32(a.First), InWidth: int32(a.InWidth), InHeight: int32(a.InHeight),
	})
}

type masksParams struct {
	In, Out                                 uint64
	Selection                               selectionParams
	Region                                  regionParams
	First, InWidth, InHeight, Width, Height int32
	Threshold                               float32
}

func (k *kernelSet) PackMasks(s device.Stream, a device.PackMasks) error {
	if err := holds("masks in", a.In, 4, a.Count, a.InHeight, a.InWidth); err != nil {
		return err
	}
	if err := holds("masks out", a.Out, device.MaskRecordSize, a.First+a.Count); err != nil {
		return err
	}
	return launch(s, k.masks, driver.Shape{GridX: device.MaskBits / 32 / 128, GridY: a.Count, BlockX: 128}, &masksParams{
		In: uint64(a.In.Address()), Out: uint64(a.Out.Address()), Selection: newSelectionParams(a.Selection, a.Limits),
		Region: newRegionParams(a.Region), First: int32(a.First), InWidth: int32(a.InWidth), InHeight: int32(a.InHeight),
		Width: int32(a.Width), Height: int32(a.Height), Threshold: a.Threshold,
	})
}

type normalizeParams struct {
	In, Out       uint64
	Length, First int32
}

func (k *kernelSet) Normalize(s device.Stream, a device.Normalize) error {
	if err := holds("normalize in", a.In, 4, a.Count, a.Length); err != nil {
		return err
	}
	if err := holds("normalize out", a.Out, 2, a.First+a.Count, a.Length); err != nil {
		return err
	}
	return launch(s, k.normalize, driver.Shape{GridX: a.Count, BlockX: 256},
		&normalizeParams{uint64(a.In.Address()), uint64(a.Out.Address()), int32(a.Length), int32(a.First)})
}

type cosineParams struct {
	A, B, Out             uint64
	Rows, Columns, Length int32
}

func (k *kernelSet) Cosine(s device.Stream, a device.Cosine) error {
	for _, err := range []error{
		holds("cosine a", a.A, 2, a.Rows, a.Length), holds("cosine b", a.B, 2, a.Columns, a.Length), holds("cosine out", a.Out, 4, a.Rows, a.Columns),
	} {
		if err != nil {
			return err
		}
	}
	const warps = 4
	return launch(s, k.cosine, driver.Shape{GridX: blocks(a.Rows*a.Columns, warps), BlockX: 32 * warps},
		&cosineParams{uint64(a.A.Address()), uint64(a.B.Address()), uint64(a.Out.Address()), int32(a.Rows), int32(a.Columns), int32(a.Length)})
}

type blendParams struct {
	Seen, Slots, Gallery     uint64
	Rows, Length, Remembered int32
	Keep                     float32
}

func (k *kernelSet) Blend(s device.Stream, a device.Blend) error {
	for _, err := range []error{
		holds("blend seen", a.Seen, 2, a.Rows, a.Length), holds("blend slots", a.Slots, 4, a.Rows), holds("blend gallery", a.Gallery, 2, a.Length),
	} {
		if err != nil {
			return err
		}
	}
	return launch(s, k.blend, driver.Shape{GridX: 1, BlockX: 256}, &blendParams{
		uint64(a.Seen.Address()), uint64(a.Slots.Address()), uint64(a.Gallery.Address()),
		int32(a.Rows), int32(a.Length), int32(a.Gallery.Size() / int64(2*a.Length)), a.Keep,
	})
}

// holds checks that a buffer has room for the product of sizes, in bytes.
func holds(what string, b *device.Buffer, sizes ...int) error {
	need := int64(1)
	for _, n := range sizes {
		if n < 1 {
			return fmt.Errorf("kernel %s: size %d", what, n)
		}
		need *= int64(n)
	}
	if b == nil || b.Size() < need {
		return fmt.Errorf("kernel %s: needs %d bytes of memory", what, need)
	}
	return nil
}
