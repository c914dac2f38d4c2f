package host

import (
	"encoding/binary"
	"math"

	"sightline/internal/device"
)

// Weights of taps are fixed-point numbers: an 8-bit value times a weight in x and one in y just fits
// 32 bits, so that two values share a 64-bit word. The error is below a tenth of a grey level.
const (
	weightBits = 12
	weightOne  = 1 << weightBits
	lanes      = 1<<32 | 1
)

// tap says what one target column or row reads along one axis: at times a plus at+1 times b, plus
// rest, which is the share of black.
type tap struct {
	at   int32
	a, b uint16
	rest uint32
}

// newTap makes the tap at coordinate s of size pixels. A weight of 0 may stand for a pixel that does
// not exist, if size is 1.
func newTap(s float64, size int, black bool, blackLevel uint32) tap {
	if !(s >= -2) { // also not a number
		s = -2
	}
	s = min(s, float64(size)+1)
	at := int(math.Floor(s))
	b := int(math.RoundToEven((s - float64(at)) * weightOne))
	a := weightOne - b
	if black {
		if at < 0 || at >= size {
			a = 0
		}
		if at+1 < 0 || at+1 >= size {
			b = 0
		}
	}
	rest := uint32(weightOne-a-b) * blackLevel
	switch {
	case at < 0: // both taps are at the first pixel or before it
		at, a, b = 0, a+b, 0
	case at > size-2 && size > 1:
		at, a, b = size-2, 0, a+b
	case at > size-2:
		at, a, b = 0, a+b, 0
	}
	return tap{int32(at), uint16(a), uint16(b), rest}
}

// aimAxis fills the taps of as many target pixels over lo..hi, for luma and chroma.
func aimAxis(full, half []tap, lo, hi float64, size int, black bool, blackLuma uint32) {
	n := float64(len(full))
	for i := range full {
		s := lo + (float64(i)+0.5)*(hi-lo)/n - 0.5
		full[i] = newTap(s, size, black, blackLuma)
		half[i] = newTap((s+0.5)/2-0.5, (size+1)/2, black, neutral)
	}
}

// neutral is the chroma of grey.
const neutral = 128

// resampled is a source row at the target's columns; words of chroma hold U below V.
type resampled[T uint32 | uint64] struct {
	source int
	words  []T
}

// sampler resamples a region of a picture to width x height RGB. Rows are resampled in x first and
// remembered, because neighbouring target rows share source rows.
type sampler struct {
	picture      *device.Picture
	luma, chroma []byte
	pitch        int
	format       device.PictureFormat
	width        int
	colour       colour
	x, y         []tap
	cx, cy       []tap
	// rows are direct-mapped by the parity of the source row.
	lumaRows   [2]resampled[uint32]
	chromaRows [2]resampled[uint64]
	// narrow stands in for rows of a plane that is one pixel wide.
	narrow [4]byte
}

func newSampler(p *device.Picture, width, height int) *sampler {
	t := &sampler{
		picture: p, format: p.PictureFormat, width: width, colour: newColour(p.PictureFormat),
		x: make([]tap, width), y: make([]tap, height), cx: make([]tap, width), cy: make([]tap, height),
	}
	for i := range 2 {
		t.lumaRows[i].words, t.chromaRows[i].words = make([]uint32, width), make([]uint64, width)
	}
	return t
}

// open finds the picture, which is another one at every run.
func (t *sampler) open() {
	at := planesOf(t.picture)
	t.pitch = at.Pitch
	t.luma, t.chroma = pixelsOf(t.format, at)
}

// aim sets the region that is sampled, as x1, y1, x2, y2 in picture pixels.
func (t *sampler) aim(region [4]float32, black bool) {
	level := uint32(t.colour.black)
	aimAxis(t.x, t.cx, float64(region[0]), float64(region[2]), t.format.Width, black, level)
	aimAxis(t.y, t.cy, float64(region[1]), float64(region[3]), t.format.Height, black, level)
}

// sample writes the region to out, from the pixel at left, top on.
func (t *sampler) sample(out *canvas, left, top int) {
	for i := range 2 { // the picture is a new one
		t.lumaRows[i].source, t.chromaRows[i].source = -1, -1
	}
	for y, l := range t.y {
		r, g, b := out.rows(left, top+y, t.width)
		c := t.cy[y]
		if l.a|l.b|c.a|c.b == 0 {
			clear(r)
			clear(g)
			clear(b)
			out.finish(left, top+y, t.width)
			continue
		}
		la, lb := pair(t, l, (*sampler).lumaRow)
		ca, cb := pair(t, c, (*sampler).chromaRow)
		t.colour.convert(r, g, b, la, lb, ca, cb, l, c)
		out.finish(left, top+y, t.width)
	}
}

// pair fetches the two rows of a tap; one without weight is not touched, it may not exist.
func pair[T any](t *sampler, v tap, row func(*sampler, int) []T) (a, b []T) {
	switch {
	case v.b == 0:
		a = row(t, int(v.at))
		return a, a
	case v.a == 0:
		b = row(t, int(v.at)+1)
		return b, b
	}
	return row(t, int(v.at)), row(t, int(v.at)+1)
}

func (t *sampler) lumaRow(y int) []uint32 {
	cached := &t.lumaRows[y&1]
	if cached.source == y {
		return cached.words
	}
	cached.source = y
	row := t.luma[y*t.pitch:][:t.format.Width]
	if len(row) == 1 {
		t.narrow = [4]byte{row[0], row[0]}
		row = t.narrow[:2]
	}
	words := cached.words
	taps := t.x[:len(words)]
	for i := range words {
		p := &taps[i]
		v := uint32(binary.LittleEndian.Uint16(row[p.at:])) // both pixels with one check of the bounds
		words[i] = v&0xff*uint32(p.a) + v>>8*uint32(p.b) + p.rest
	}
	return words
}

func (t *sampler) chromaRow(y int) []uint64 {
	cached := &t.chromaRows[y&1]
	if cached.source == y {
		return cached.words
	}
	cached.source = y
	row := t.chroma[y*t.pitch:][:t.format.Width+t.format.Width&1]
	if len(row) == 2 {
		t.narrow = [4]byte{row[0], row[1], row[0], row[1]}
		row = t.narrow[:]
	}
	words := cached.words
	taps := t.cx[:len(words)]
	for i := range words {
		p := &taps[i]
		v := uint64(binary.LittleEndian.Uint32(row[2*p.at:]))
		first := v&0xff | v&0xff00<<24
		second := v>>16&0xff | v>>24<<32
		words[i] = first*uint64(p.a) + second*uint64(p.b) + uint64(p.rest)*lanes
	}
	return words
}
