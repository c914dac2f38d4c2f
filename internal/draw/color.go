package draw

import (
	"image/color"
	"math"
)

// Color is a track's colour, the same in every picture. Hues go round by the golden ratio, so that
// neighbouring numbers are far apart; lightness alternates too, so that tracks whose hues look alike to
// a colour-blind eye differ in brightness. Track 0, which means none yet, is grey.
func Color(track int64) color.RGBA {
	if track <= 0 {
		return color.RGBA{200, 200, 200, 255}
	}
	const golden = 0.6180339887498949
	_, hue := math.Modf(float64(track)*golden + 0.31)
	lightness := [3]float64{0.76, 0.66, 0.84}[track%3]
	return oklch(lightness, 0.17, 2*math.Pi*hue)
}

// oklch converts from the OKLCh space, where equal steps look equal; what sRGB does not have is
// brought in by lowering the chroma.
func oklch(l, c, h float64) color.RGBA {
	for ; ; c *= 0.95 {
		r, g, b := oklab(l, c*math.Cos(h), c*math.Sin(h))
		if c < 0.01 || min(r, g, b) >= -1e-4 && max(r, g, b) <= 1.0001 {
			return color.RGBA{encode(r), encode(g), encode(b), 255}
		}
	}
}

// oklab converts to linear sRGB.
func oklab(l, a, b float64) (red, green, blue float64) {
	cube := func(v float64) float64 { return v * v * v }
	x := cube(l + 0.3963377774*a + 0.2158037573*b)
	y := cube(l - 0.1055613458*a - 0.0638541728*b)
	z := cube(l - 0.0894841775*a - 1.2914855480*b)
	return 4.0767416621*x - 3.3077115913*y + 0.2309699292*z,
		-1.2684380046*x + 2.6097574011*y - 0.3413193965*z,
		-0.0041960863*x - 0.7034186147*y + 1.7076147010*z
}

// encode applies sRGB's transfer curve.
func encode(v float64) uint8 {
	v = min(max(v, 0), 1)
	if v <= 0.0031308 {
		v *= 12.92
	} else {
		v = 1.055*math.Pow(v, 1/2.4) - 0.055
	}
	return uint8(v*255 + 0.5)
}

// mix is a with the share t of b; the result is opaque.
func mix(a, b color.RGBA, t float64) color.RGBA {
	m := func(x, y uint8) uint8 { return uint8(float64(x)*(1-t) + float64(y)*t + 0.5) }
	return color.RGBA{m(a.R, b.R), m(a.G, b.G), m(a.B, b.B), 255}
}

// alpha is an opaque colour made translucent.
func alpha(c color.RGBA, a float64) color.RGBA {
	m := func(x uint8) uint8 { return uint8(float64(x)*a + 0.5) }
	return color.RGBA{m(c.R), m(c.G), m(c.B), m(255)}
}
