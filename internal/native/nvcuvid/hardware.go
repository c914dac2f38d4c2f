package nvcuvid

import "sightline/internal/native/cuda"

// hardware is an NVDEC session.
type hardware struct {
	handle uintptr // 0 if there is none
	// generation counts the changes of format, so that pictures from before are known.
	generation int
	surfaces   int
	format     Format
	// The largest picture and number of surfaces it was made for.
	maxWidth, maxHeight uint32
	maxSurfaces         int
	// damaged means that a change failed half-way: it must be replaced.
	damaged bool
}

// fits tells whether the session can go on as it is.
func (h *hardware) fits(f *Format, surfaces int) bool {
	return h.handle != 0 && !h.damaged && sameKind(&h.format, f) && surfaces <= h.surfaces &&
		f.CodedWidth == h.format.CodedWidth && f.CodedHeight == h.format.CodedHeight && f.DisplayArea == h.format.DisplayArea
}

// sameKind compares what a session can never change.
func sameKind(a, b *Format) bool {
	return a.Codec == b.Codec && a.ChromaFormat == b.ChromaFormat && a.BitDepthLumaMinus8 == b.BitDepthLumaMinus8
}

// reconfigure changes the session to another size, which is faster than making one. It reports false if
// the driver does not allow that; the session must then be replaced.
func (h *hardware) reconfigure(f *Format, surfaces int) bool {
	if h.handle == 0 || h.damaged || api.ReconfigureDecoder == nil || !sameKind(&h.format, f) ||
		f.CodedWidth > h.maxWidth || f.CodedHeight > h.maxHeight || surfaces > h.maxSurfaces {
		return false
	}
	info := reconfigureInfo{
		Width: f.CodedWidth, Height: f.CodedHeight,
		TargetWidth: uint32(even(f.Width())), TargetHeight: uint32(even(f.Height())),
		DecodeSurfaces: uint32(surfaces),
		DisplayArea:    displayArea(f),
	}
	var r cuda.Result
	_ = cuda.NoCapture(func() error { r = api.ReconfigureDecoder(h.handle, &info); return nil })
	if h.damaged = r != cuda.Success; h.damaged {
		return false
	}
	h.format, h.surfaces = *f, surfaces
	return true
}

func (h *hardware) create(f *Format, surfaces int, c Config) error {
	const preferCUVID, nv12, weave = 4, 0, 0
	info := createInfo{
		Width: uint64(f.CodedWidth), Height: uint64(f.CodedHeight),
		MaxWidth:       uint64(max(f.CodedWidth, uint32(max(c.MaxWidth, 0)))),
		MaxHeight:      uint64(max(f.CodedHeight, uint32(max(c.MaxHeight, 0)))),
		DecodeSurfaces: uint64(surfaces),
		OutputSurfaces: uint64(outputs(c)),
		Codec:          f.Codec,
		ChromaFormat:   f.ChromaFormat,
		CreationFlags:  preferCUVID,
		BitDepthMinus8: uint64(f.BitDepthLumaMinus8), // more than 8 bits come out as NV12 too, rounded
		DisplayArea:    displayArea(f),
		OutputFormat:   nv12,
		Deinterlace:    weave, // the default of some examples, adaptive, costs memory
		TargetWidth:    uint64(even(f.Width())),
		TargetHeight:   uint64(even(f.Height())),
	}
	err := cuda.NoCapture(func() error {
		return cuda.Check("cuvidCreateDecoder", api.CreateDecoder(&h.handle, &info))
	})
	if err != nil {
		h.handle = 0
		return err
	}
	h.format, h.surfaces, h.maxSurfaces, h.damaged = *f, surfaces, surfaces, false
	h.maxWidth, h.maxHeight = uint32(info.MaxWidth), uint32(info.MaxHeight)
	return nil
}

func (h *hardware) close() error {
	if h.handle == 0 {
		return nil
	}
	handle := h.handle
	h.handle = 0
	return cuda.NoCapture(func() error {
		return cuda.Check("cuvidDestroyDecoder", api.DestroyDecoder(handle))
	})
}

func displayArea(f *Format) rect16 {
	a := f.DisplayArea
	return rect16{int16(a.Left), int16(a.Top), int16(a.Right), int16(a.Bottom)}
}

func outputs(c Config) int { return max(c.Outputs, 1) }

func even(n int) int { return (n + 1) &^ 1 }
