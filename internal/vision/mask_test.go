package vision

import (
	"encoding/binary"
	"math/rand/v2"
	"strings"
	"testing"

	"sightline/internal/device"
	"sightline/internal/result"
	"sightline/internal/result/rle"
)

// maskRecord makes a record whose stored pixel c, r is set where in says so.
func maskRecord(x0, y0, w, h, step int, in func(c, r int) bool) []byte {
	record := make([]byte, device.MaskRecordSize)
	for i, v := range []int{x0, y0, w, h, step} {
		binary.LittleEndian.PutUint32(record[4*i:], uint32(int32(v)))
	}
	if step < 1 || w < 0 || h < 0 {
		return record
	}
	rows := (h + step - 1) / step
	for c := range (w + step - 1) / step {
		for r := range rows {
			if i := c*rows + r; i < device.MaskBits && in(c, r) {
				record[device.MaskHeader+i/8] |= 1 << (i % 8)
			}
		}
	}
	return record
}

func TestMaskFromRecord(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, c := range []struct{ x0, y0, w, h, step int }{
		{0, 0, 1, 1, 1}, {10, 20, 64, 128, 1}, {3, 4, 33, 77, 1}, {3, 4, 33, 77, 2}, {0, 0, 8, 8, 4},
		{0, 0, 9, 9, 8}, {5, 5, 3, 2, 8}, {100, 0, 512, 256, 1}, {0, 0, 1920, 1080, 4},
	} {
		bits := make([]bool, c.w*c.h)
		for i := range bits {
			bits[i] = i == 0 && r.IntN(2) == 0 || i > 0 && bits[i-1] != (r.IntN(5) == 0)
		}
		in := func(x, y int) bool { return bits[x*((c.h+c.step-1)/c.step)+y] }
		m, err := maskOf(maskRecord(c.x0, c.y0, c.w, c.h, c.step, in))
		if err != nil {
			t.Fatalf("%+v: %v", c, err)
		}
		if want := [4]int{c.x0, c.y0, c.x0 + c.w, c.y0 + c.h}; m.ROI != want || m.Size != [2]int{c.h, c.w} {
			t.Errorf("%+v: roi %v, size %v", c, m.ROI, m.Size)
		}
		packed, err := rle.Decode(string(m.Counts), c.w*c.h)
		if err != nil {
			t.Fatalf("%+v: %v", c, err)
		}
		for x := range c.w {
			for y := range c.h {
				i := x*c.h + y
				if got, want := packed[i/8]>>(i%8)&1 == 1, in(x/c.step, y/c.step); got != want {
					t.Fatalf("%+v: pixel %d,%d is %v, want %v", c, x, y, got, want)
				}
			}
		}
	}
}

func TestMaskFromRecordRefuses(t *testing.T) {
	none := func(int, int) bool { return false }
	for name, c := range map[string]struct {
		record []byte
		says   string
	}{
		"short":         {make([]byte, 31), "31 bytes"},
		"cut":           {maskRecord(0, 0, 100, 100, 1, none)[:200], "has room for 1344"},
		"too many bits": {maskRecord(0, 0, 1920, 1080, 1, none), "1920x1080 bits"},
		"no step":       {maskRecord(0, 0, 10, 10, 0, none), "step 0"},
		"negative":      {maskRecord(0, 0, -1, 10, 1, none), "is broken"},
		"outside":       {maskRecord(-1, 0, 10, 10, 1, none), "is broken"},
		"huge":          {maskRecord(1<<30, 0, 10, 10, 1, none), "is broken"},
	} {
		if m, err := maskOf(c.record); err == nil || m != nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, %v, want %q", name, m, err, c.says)
		}
	}
	if m, err := maskOf(maskRecord(5, 5, 0, 10, 1, none)); m != nil || err != nil {
		t.Errorf("no area: %v, %v, want nil, nil", m, err)
	}
}

func FuzzMaskFromRecord(f *testing.F) {
	f.Add(maskRecord(1, 2, 9, 9, 2, func(c, r int) bool { return c > r })[:64])
	f.Fuzz(func(t *testing.T, record []byte) {
		m, err := maskOf(record)
		if err != nil || m == nil || m.Size[0]*m.Size[1] > 1<<22 {
			return
		}
		if _, err := rle.Decode(string(m.Counts), m.Size[0]*m.Size[1]); err != nil {
			t.Fatal(err)
		}
	})
}

// maskOf is the mask of a record, nil for one of no area.
func maskOf(record []byte) (*result.Mask, error) {
	m := &result.Mask{Counts: result.RLE("used before")}
	if ok, err := maskFromRecord(m, record); !ok {
		return nil, err
	}
	return m, nil
}
