package host

import (
	"encoding/binary"
	"math"

	"sightline/internal/device"
)

// blend says where a stored row or column lies between two rows or columns of a mask.
type blend struct {
	a, b int32
	// part is b's share.
	part float32
}

// masker is the work and scratch of one PackMasks.
type masker struct {
	k        device.PackMasks
	subjects subjects
	in       []float32
	out      []byte
	// rows has an entry a stored row; column is one stored column over the rows of the mask.
	rows   []blend
	column []float32
}

// PackMasks also writes the records of items beyond the subjects: they are empty.
func (kernels) PackMasks(s device.Stream, k device.PackMasks) error {
	if err := k.Check(); err != nil {
		return err
	}
	w := &masker{
		k: k, subjects: newSubjects(k.Subjects, k.Limits), in: floatsOf(k.In), out: bytesOf(k.Out),
		rows: make([]blend, k.Height), column: make([]float32, k.InHeight),
	}
	return launch(s, w.run)
}

func (w *masker) run() {
	size := w.k.InWidth * w.k.InHeight
	for i := range w.k.Count {
		record := w.out[(w.k.First+i)*device.MaskRecordSize:][:device.MaskRecordSize]
		clear(record)
		binary.LittleEndian.PutUint32(record[16:], 1)
		if box, ok := w.subjects.box(w.k.First + i); ok {
			w.pack(record, w.in[i*size:][:size], w.k.Region.Of(box))
		}
	}
}

// edges are the whole pixels of lo..hi inside 0..size.
func edges(lo, hi float32, size int) (from, to int) {
	last := float64(size)
	return int(min(max(math.Floor(float64(lo)), 0), last)), int(min(max(math.Ceil(float64(hi)), 0), last))
}

// maskStep is the least power of two that makes the mask fit its record.
func maskStep(width, height int) int {
	step := 1
	for ((width+step-1)/step)*((height+step-1)/step) > device.MaskBits {
		step *= 2
	}
	return step
}

// at says where the centre of picture pixel p lies in a mask of size values over lo..hi.
func at(p int, lo, hi float32, size int) blend {
	s := (float64(p)+0.5-float64(lo))/(float64(hi)-float64(lo))*float64(size) - 0.5
	// The same as clamped taps: at the border both are one value.
	if s = min(s, float64(size-1)); !(s > 0) { // also not a number
		s = 0
	}
	a := int32(s)
	return blend{a, min(a+1, int32(size-1)), float32(s - float64(a))}
}

func (w *masker) pack(record []byte, mask []float32, region [4]float32) {
	for _, v := range region {
		if v != v {
			return
		}
	}
	x0, x1 := edges(region[0], region[2], w.k.Width)
	y0, y1 := edges(region[1], region[3], w.k.Height)
	if x1 <= x0 || y1 <= y0 {
		return
	}
	step := maskStep(x1-x0, y1-y0)
	for i, v := range [5]int{x0, y0, x1 - x0, y1 - y0, step} {
		binary.LittleEndian.PutUint32(record[4*i:], uint32(v))
	}
	if w.k.Plane != nil {
		region = *w.k.Plane
	}
	rows := w.rows[:(y1-y0+step-1)/step]
	for r := range rows {
		rows[r] = at(y0+r*step, region[1], region[3], w.k.InHeight)
	}
	first := int(rows[0].a)
	column := w.column[:rows[len(rows)-1].b+1]
	bits := packer{out: record[device.MaskHeader:]}
	for x := x0; x < x1; x += step {
		c := at(x, region[0], region[2], w.k.InWidth)
		for y := first; y < len(column); y++ {
			row := mask[y*w.k.InWidth:][:w.k.InWidth]
			a, b := row[c.a], row[c.b]
			column[y] = a + (b-a)*c.part
		}
		bits.add(column, rows, w.k.Threshold)
	}
	bits.flush()
}

// packer appends bits, the least significant of a word first.
type packer struct {
	out   []byte
	word  uint64
	count uint
}

// add appends the bits of one stored column.
func (p *packer) add(column []float32, rows []blend, threshold float32) {
	word, count := p.word, p.count
	for _, r := range rows {
		a, b := column[r.a], column[r.b]
		var bit uint64
		if a+(b-a)*r.part > threshold {
			bit = 1
		}
		word |= bit << (count & 63)
		if count++; count == 64 {
			binary.LittleEndian.PutUint64(p.out, word)
			p.out, word, count = p.out[8:], 0, 0
		}
	}
	p.word, p.count = word, count
}

// flush writes the last, unfinished word; the record has room for whole words.
func (p *packer) flush() {
	if p.count > 0 {
		binary.LittleEndian.PutUint64(p.out, p.word)
	}
}
