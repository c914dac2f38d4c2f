package host

import (
	"math"

	"sightline/internal/device"
)

// colourBits are the fraction bits of colour's factors. Sampled values have 2*weightBits fraction bits;
// together with 8 bits of value and the sums this stays below 62 bits.
const (
	colourBits  = 20
	sampledOne  = 1 << (2 * weightBits)
	colourWhite = 255 * sampledOne << colourBits
)

// colour turns sampled YCbCr into RGB in 0..1: R = y*luma + v*redV + red, and so on, in fixed point.
type colour struct {
	black                             int64
	luma, redV, greenU, greenV, blueU int64
	red, green, blue                  int64
}

func newColour(f device.PictureFormat) colour {
	kr, kb := 0.299, 0.114
	if f.Matrix == "bt709" {
		kr, kb = 0.2126, 0.0722
	}
	luma, chroma, black := 255./219, 255./224, int64(16)
	if f.FullRange {
		luma, chroma, black = 1, 1, 0
	}
	kg := 1 - kr - kb
	fixed := func(v float64) int64 { return int64(math.RoundToEven(v * (1 << colourBits))) }
	c := colour{
		black: black,
		luma:  fixed(luma),
		redV:  fixed(2 * (1 - kr) * chroma), blueU: fixed(2 * (1 - kb) * chroma),
		greenU: fixed(-2 * (1 - kb) * kb / kg * chroma), greenV: fixed(-2 * (1 - kr) * kr / kg * chroma),
	}
	// The offsets are made of the rounded factors, so that black and grey come out exactly.
	c.red = -sampledOne * (black*c.luma + neutral*c.redV)
	c.green = -sampledOne * (black*c.luma + neutral*(c.greenU+c.greenV))
	c.blue = -sampledOne * (black*c.luma + neutral*c.blueU)
	return c
}

// convert blends two resampled rows of luma and of chroma with the weights of l and c, and writes one row
// of RGB.
func (k *colour) convert(r, g, b []float32, la, lb []uint32, ca, cb []uint64, l, c tap) {
	const scale = 1. / colourWhite
	lwa, lwb, cwa, cwb := uint64(l.a), uint64(l.b), uint64(c.a), uint64(c.b)
	lrest, crest := uint64(l.rest)<<weightBits, uint64(c.rest)<<weightBits*lanes
	luma, redV, greenU, greenV, blueU := k.luma, k.redV, k.greenU, k.greenV, k.blueU
	red, green, blue := k.red, k.green, k.blue
	n := len(r)
	g, b, la, lb, ca, cb = g[:n], b[:n], la[:n], lb[:n], ca[:n], cb[:n]
	for i := range r {
		y := int64(uint64(la[i])*lwa+uint64(lb[i])*lwb+lrest) * luma
		chroma := ca[i]*cwa + cb[i]*cwb + crest
		u, v := int64(chroma&math.MaxUint32), int64(chroma>>32)
		r[i] = float32(clampWhite(y+v*redV+red)) * scale
		g[i] = float32(clampWhite(y+u*greenU+v*greenV+green)) * scale
		b[i] = float32(clampWhite(y+u*blueU+blue)) * scale
	}
}

func clampWhite(v int64) int64 { return max(0, min(v, colourWhite)) }
