package vision

import (
	"encoding/binary"
	"fmt"

	"sightline/internal/device"
	"sightline/internal/result"
	"sightline/internal/result/rle"
)

// maskFromRecord turns a mask record (see device.MaskBits) into a mask of its whole area: where the
// record holds only every step-th pixel, each stands for the step x step pixels from it on. m's memory is
// used again. A record of no area gives false.
func maskFromRecord(m *result.Mask, record []byte) (bool, error) {
	if len(record) < device.MaskHeader {
		return false, fmt.Errorf("mask record of %d bytes, want at least %d", len(record), device.MaskHeader)
	}
	field := func(i int) int { return int(int32(binary.LittleEndian.Uint32(record[4*i:]))) }
	x0, y0, w, h, step := field(0), field(1), field(2), field(3), field(4)
	packed := record[device.MaskHeader:]
	const largest = 1 << 20
	if x0 < 0 || y0 < 0 || w < 0 || h < 0 || x0+w > largest || y0+h > largest || step < 1 || step > largest {
		return false, fmt.Errorf("mask record of area %d,%d %dx%d and step %d is broken", x0, y0, w, h, step)
	}
	if w == 0 || h == 0 {
		return false, nil
	}
	columns, rows := (w+step-1)/step, (h+step-1)/step
	if columns*rows > 8*len(packed) {
		return false, fmt.Errorf("mask record of %dx%d bits, has room for %d", columns, rows, 8*len(packed))
	}
	var e rle.Encoder
	e.Reset(m.Counts[:0])
	if step == 1 {
		e.AddBits(packed, 0, w*h)
	} else {
		for x := range w {
			addColumn(&e, packed, x/step*rows, rows, step, h)
		}
	}
	m.ROI, m.Size, m.Counts = [4]int{x0, y0, x0 + w, y0 + h}, [2]int{h, w}, e.Finish()
	return true, nil
}

// addColumn adds one column of h pixels from rows bits, each of which stands for step pixels.
func addColumn(e *rle.Encoder, packed []byte, start, rows, step, h int) {
	value := false
	for done := 0; done < rows; value = !value {
		run := rle.Run(packed, start+done, rows-done, value)
		e.Add(value, min((done+run)*step, h)-done*step)
		done += run
	}
}
