package host

import (
	"math"
	"unsafe"

	"sightline/internal/device"
)

// toHalf rounds f to the nearest float16, ties to even; what is too large becomes infinite.
func toHalf(f float32) uint16 {
	b := math.Float32bits(f)
	sign := uint16(b>>16) & 0x8000
	b &= 0x7fffffff
	switch {
	case b > 0x7f800000: // NaN; the quiet bit keeps it one when the payload's top bits are zero
		return sign | 0x7e00 | uint16(b>>13)&0x3ff
	case b >= 0x47800000: // 65536 and above
		return sign | 0x7c00
	case b < 0x38800000: // subnormal: the sum with 0.5 has a last place of 2^-24, so the addition rounds
		return sign | uint16(math.Float32bits(math.Float32frombits(b)+0.5)-0x3f000000)
	}
	b += 0xfff + b>>13&1 // a carry out of the mantissa raises the exponent, as it should
	return sign | uint16((b-112<<23)>>13)
}

// fromHalf is exact.
func fromHalf(h uint16) float32 {
	b := uint32(h&0x7fff) << 13
	if h&0x7c00 == 0x7c00 {
		b |= 0x7f800000
	} else {
		b = math.Float32bits(math.Float32frombits(b) * (1 << 112)) // subnormals come out right too
	}
	return math.Float32frombits(b | uint32(h&0x8000)<<16)
}

// halvesOf is a float16 buffer's content.
func halvesOf(b *device.Buffer) []uint16 {
	raw := bytesOf(b)
	return unsafe.Slice((*uint16)(unsafe.Pointer(unsafe.SliceData(raw))), len(raw)/2)
}

// intsOf is an int32 buffer's content.
func intsOf(b *device.Buffer) []int32 {
	raw := bytesOf(b)
	return unsafe.Slice((*int32)(unsafe.Pointer(unsafe.SliceData(raw))), len(raw)/4)
}
