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
func (k *colour) convert(r, g, b []float32, la, lb, ca, cb []uint64, l, c tap) {
	lwa, lwb, cwa, cwb := uint64(l.a), uint64(l.b), uint64(c.a), uint64(c.b)
	lrest, crest := uint64(l.rest)<<weightBits*lanes, uint64(c.rest)<<weightBits*lanes
	n := len(r)
	g, b = g[:n], b[:n]
	pairs := n / 2
	la, lb, ca, cb = la[:(n+1)/2], lb[:(n+1)/2], ca[:(n+1)/2*2], cb[:(n+1)/2*2]
	for i := range pairs {
		luma := la[i]*lwa + lb[i]*lwb + lrest
		j := 2 * i
		chroma := ca[j]*cwa + cb[j]*cwb + crest
		r[j], g[j], b[j] = k.rgb(int64(luma&math.MaxUint32), chroma)
		chroma = ca[j+1]*cwa + cb[j+1]*cwb + crest
		r[j+1], g[j+1], b[j+1] = k.rgb(int64(luma>>32), chroma)
	}
	if n&1 == 1 {
		luma := la[pairs]*lwa + lb[pairs]*lwb + lrest
		chroma := ca[n-1]*cwa + cb[n-1]*cwb + crest
		r[n-1], g[n-1], b[n-1] = k.rgb(int64(luma&math.MaxUint32), chroma)
	}
}

func (k *colour) rgb(y int64, chroma uint64) (r, g, b float32) {
	const scale = 1. / colourWhite
	u, v := int64(chroma&math.MaxUint32), int64(chroma>>32)
	y *= k.luma
	red := clampWhite(y + v*k.redV + k.red)
	green := clampWhite(y + u*k.greenU + v*k.greenV + k.green)
	blue := clampWhite(y + u*k.blueU + k.blue)
	return float32(red) * scale, float32(green) * scale, float32(blue) * scale
}

func clampWhite(v int64) int64 { return max(0, min(v, colourWhite)) }
