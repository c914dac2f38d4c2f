package host

import (
	"math"
	"math/rand/v2"
	"testing"

	"sightline/internal/device"
)

// checkMask compares a record with device.PackMasks word by word.
func checkMask(t *testing.T, k device.PackMasks, item int, box [4]float32) (step int) {
	t.Helper()
	record := bytesOf(k.Out)[(k.First+item)*device.MaskRecordSize:][:device.MaskRecordSize]
	header := intsOf(k.Out)[(k.First+item)*device.MaskRecordSize/4:][:8]
	mask := floatsOf(k.In)[item*k.InWidth*k.InHeight:][:k.InWidth*k.InHeight]
	r := k.Region.Of(box)
	x0, y0 := max(0, int(math.Floor(float64(r[0])))), max(0, int(math.Floor(float64(r[1]))))
	x1, y1 := min(k.Width, int(math.Ceil(float64(r[2])))), min(k.Height, int(math.Ceil(float64(r[3]))))
	w, h, step := x1-x0, y1-y0, 1
	up := func(n int) int { return (n + step - 1) / step }
	for up(w)*up(h) > device.MaskBits {
		step *= 2
	}
	for i, want := range []int{x0, y0, w, h, step} {
		if int(header[i]) != want {
			t.Fatalf("header %v, want %v", header, []int{x0, y0, w, h, step})
		}
	}
	axis := func(p int, lo, hi float32, size int) (a, b int, f float64) {
		s := (float64(p)+.5-float64(lo))/float64(hi-lo)*float64(size) - .5
		a = int(math.Floor(s))
		return max(0, min(a, size-1)), max(0, min(a+1, size-1)), s - math.Floor(s)
	}
	used := up(w) * up(h)
	for c := range up(w) {
		for row := range up(h) {
			xa, xb, fx := axis(x0+c*step, r[0], r[2], k.InWidth)
			ya, yb, fy := axis(y0+row*step, r[1], r[3], k.InHeight)
			at := func(x, y int) float64 { return float64(mask[y*k.InWidth+x]) }
			v := (at(xa, ya)*(1-fx)+at(xb, ya)*fx)*(1-fy) + (at(xa, yb)*(1-fx)+at(xb, yb)*fx)*fy
			if math.Abs(v-float64(k.Threshold)) < 1e-4 {
				continue // float32 may fall on either side
			}
			i := c*up(h) + row
			if got := record[device.MaskHeader+i/8]>>(i%8)&1 == 1; got != (v > float64(k.Threshold)) {
				t.Fatalf("bit of column %d row %d is %v, probability %v", c, row, got, v)
			}
		}
	}
	for i := used; i < device.MaskBits; i++ {
		if record[device.MaskHeader+i/8]>>(i%8)&1 != 0 {
			t.Fatalf("bit %d beyond the %d used is set", i, used)
		}
	}
	return step
}

func TestPackMasks(t *testing.T) {
	random := rand.New(rand.NewPCG(15, 16))
	b := newBench(t)
	for round, c := range []struct {
		width, height, inWidth, inHeight int
		box                              [4]float32
		step                             int
	}{
		{100, 80, 16, 16, [4]float32{10, 10, 50, 70}, 1},
		{100, 80, 256, 256, [4]float32{20.3, 10.7, 21.1, 11.9}, 1},
		{100, 80, 9, 31, [4]float32{0, 0, 100, 80}, 1},
		{101, 81, 1, 1, [4]float32{60, 60, 101, 81}, 1},
		{64, 64, 8, 8, [4]float32{3, 3, 3.2, 60}, 1},
		{512, 256, 32, 32, [4]float32{0, 0, 512, 256}, 1},
		{513, 256, 32, 32, [4]float32{0, 0, 513, 256}, 2},
		{1920, 1080, 64, 48, [4]float32{0, 0, 1920, 1080}, 4},
		{3840, 2160, 20, 20, [4]float32{0, 0, 3840, 2160}, 8},
		{70000, 3, 16, 16, [4]float32{0, 0, 70000, 3}, 2},
	} {
		mask := make([]float32, c.inWidth*c.inHeight*2)
		for i := range mask {
			mask[i] = random.Float32()
		}
		k := device.PackMasks{In: upload(b, mask), InWidth: c.inWidth, InHeight: c.inHeight, Subjects: b.subjects(testLimits, c.box, c.box), Limits: testLimits,
			First: 1, Count: 2, Region: device.Region{Scale: 1.2, Aspect: float32(round & 1)}, Threshold: .5, Width: c.width, Height: c.height, Out: b.dirty(3 * device.MaskRecordSize)}
		b.finish(kernels{}.PackMasks(b.stream, k))
		if step := checkMask(t, k, 0, c.box); step != c.step {
			t.Errorf("%+v: step %d", c, step)
		}
		if first := intsOf(k.Out)[0]; first != 0x41414141 {
			t.Errorf("record before the first was written: %#x", first)
		}
		beyond := intsOf(k.Out)[2*device.MaskRecordSize/4:]
		for i, v := range beyond {
			if i != 4 && v != 0 || i == 4 && v != 1 {
				t.Fatalf("record beyond the people has %d at %d", v, i)
			}
		}
	}
}

func TestPackMasksSurvivesAnything(t *testing.T) {
	b := newBench(t)
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	mask := upload(b, []float32{nan, nan, nan, nan})
	for _, box := range [][4]float32{{nan, 0, 4, 4}, {-inf, 0, inf, 4}, {8, 8, 2, 2}, {50, 50, 60, 60}, {0, 0, 8, 8}} {
		k := device.PackMasks{In: mask, InWidth: 2, InHeight: 2, Subjects: b.subjects(testLimits, box), Limits: testLimits, Count: 1,
			Region: device.Region{Scale: 1}, Threshold: .5, Width: 8, Height: 8, Out: b.dirty(device.MaskRecordSize)}
		b.finish(kernels{}.PackMasks(b.stream, k))
		for i, v := range bytesOf(k.Out)[device.MaskHeader:] {
			if v != 0 {
				t.Fatalf("box %v: byte %d is %#x, but no probability is above the threshold", box, i, v)
			}
		}
	}
}

func BenchmarkPackMasks(b *testing.B) {
	for name, box := range map[string][4]float32{"plaza": {616, 265, 651, 369}, "large": {200, 20, 500, 420}} {
		b.Run(name, func(b *testing.B) {
			bench := newBench(b)
			mask := make([]float32, 256*256)
			for i := range mask {
				mask[i] = float32(math.Exp(-math.Hypot(float64(i%256-128), float64(i/256-128)) / 100))
			}
			k := device.PackMasks{In: upload(bench, mask), InWidth: 256, InHeight: 256, Subjects: bench.subjects(testLimits, box), Limits: testLimits,
				Count: 1, Region: device.Region{Scale: 1.2}, Threshold: .5, Width: 768, Height: 576, Out: bench.alloc(device.MaskRecordSize)}
			measure(b, bench, func(s device.Stream) error { return kernels{}.PackMasks(s, k) })
		})
	}
}
