package kernels

import (
	"math"

	"sightline/internal/device"
)

// Numbers of vectors.cu: threads a vector; products a side of a block.
const (
	vectorThreads = 128
	cosineSide    = 16
)

type normalizeParams struct {
	In, Out       uint64
	Length, First int32
}

// Normalize plans device.Kernels.Normalize.
func Normalize(k device.Normalize) ([]Launch, error) {
	a := arguments{kernel: "normalize"}
	a.between("length", k.Length, 1, math.MaxInt32-vectorThreads)
	a.batch(k.First, k.Count)
	a.and(k.Check())
	if a.err != nil {
		return nil, a.err
	}
	return []Launch{newLaunch("normalize", [3]uint32{uint32(k.Count), 1, 1}, [3]uint32{vectorThreads, 1, 1}, &normalizeParams{
		In: address(k.In), Out: address(k.Out), Length: int32(k.Length), First: int32(k.First),
	})}, nil
}

type cosineParams struct {
	A, B, Out             uint64
	Rows, Columns, Length int32
	Reserved              int32
}

// Cosine plans device.Kernels.Cosine.
func Cosine(k device.Cosine) ([]Launch, error) {
	a := arguments{kernel: "cosine"}
	a.between("rows", k.Rows, 1, items*cosineSide)
	a.between("columns", k.Columns, 1, items*cosineSide)
	a.between("length", k.Length, 1, math.MaxInt32/2)
	a.and(k.Check())
	if a.err != nil {
		return nil, a.err
	}
	grid := [3]uint32{blocks(k.Columns, cosineSide), blocks(k.Rows, cosineSide), 1}
	return []Launch{newLaunch("cosine", grid, [3]uint32{cosineSide, cosineSide, 1}, &cosineParams{
		A: address(k.A), B: address(k.B), Out: address(k.Out),
		Rows: int32(k.Rows), Columns: int32(k.Columns), Length: int32(k.Length),
	})}, nil
}

type blendParams struct {
	Seen, Slots, Gallery uint64
	Rows, Length         int32
	Remembered           int32
	Keep, Fresh          float32
	Reserved             int32
}

// Blend plans device.Kernels.Blend. Slots that the gallery does not have are skipped.
func Blend(k device.Blend) ([]Launch, error) {
	a := arguments{kernel: "blend"}
	a.between("rows", k.Rows, 1, items)
	a.between("length", k.Length, 1, math.MaxInt32-vectorThreads)
	a.and(k.Check())
	if a.err != nil {
		return nil, a.err
	}
	remembered := min(k.Gallery.Size()/2/int64(k.Length), math.MaxInt32)
	return []Launch{newLaunch("blend", [3]uint32{uint32(k.Rows), 1, 1}, [3]uint32{vectorThreads, 1, 1}, &blendParams{
		Seen: address(k.Seen), Slots: address(k.Slots), Gallery: address(k.Gallery),
		Rows: int32(k.Rows), Length: int32(k.Length), Remembered: int32(remembered), Keep: k.Keep, Fresh: 1 - k.Keep,
	})}, nil
}
