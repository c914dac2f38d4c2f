package host

import (
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"sort"
	"testing"

	"sightline/internal/device"
)

type object struct {
	box    [4]float32
	score  float32
	class  int
	anchor int
}

// plainSelect is device.Select word by word.
func plainSelect(k device.Select, scores, boxes []float32) (objects []object) {
	var all []object
	for a := range k.Anchors {
		o := object{class: -1, anchor: a, score: float32(math.Inf(-1))}
		for c := range k.Classes {
			if v := scores[a*k.Classes+c]; v > o.score {
				o.score, o.class = v, c
			}
		}
		if o.class < 0 || o.score < k.ScoreMin || k.Wanted != nil && !k.Wanted[o.class] {
			continue
		}
		defined := true
		for i, v := range boxes[4*a : 4*a+4] {
			offset, limit := float32(k.Fit.Left), float32(k.Width)
			if i&1 == 1 {
				offset, limit = float32(k.Fit.Top), float32(k.Height)
			}
			defined = defined && v == v
			v = (v - offset) / k.Fit.ScaleX
			if v < 0 {
				v = 0
			}
			if v > limit {
				v = limit
			}
			o.box[i] = v
		}
		if defined && o.box[0] < o.box[2] && o.box[1] < o.box[3] {
			all = append(all, o)
		}
	}
	sort.SliceStable(all, func(i, j int) bool { return all[i].score > all[j].score })
	all = all[:min(len(all), device.MaxCandidates)]
	area := func(b [4]float32) float32 { return max(b[2]-b[0], 0) * max(b[3]-b[1], 0) }
	for _, o := range all {
		free := !slices.ContainsFunc(objects, func(k2 object) bool {
			if k2.class != o.class {
				return false
			}
			i := area([4]float32{max(o.box[0], k2.box[0]), max(o.box[1], k2.box[1]), min(o.box[2], k2.box[2]), min(o.box[3], k2.box[3])})
			return i/(area(k2.box)+area(o.box)-i) > k.IoU
		})
		if free && len(objects) < k.Limits.Objects {
			objects = append(objects, o)
		}
	}
	return objects
}

func checkSelect(t *testing.T, k device.Select, scores, boxes []float32) (objects int) {
	t.Helper()
	want := plainSelect(k, scores, boxes)
	ints, floats := intsOf(k.Out), floatsOf(k.Out)
	if int(ints[0]) != len(want) {
		t.Fatalf("%d objects, want %d", ints[0], len(want))
	}
	for i, o := range want {
		at := recordHeader + recordWords*i
		if got := floats[at:][:5]; [4]float32(got) != o.box || got[4] != o.score || int(ints[at+5]) != o.class || int(ints[at+6]) != o.anchor {
			t.Fatalf("object %d: %v class %d anchor %d, want %+v", i, got, ints[at+5], ints[at+6], o)
		}
	}
	return len(want)
}

func TestSelect(t *testing.T) {
	random := rand.New(rand.NewPCG(11, 12))
	b := newBench(t)
	for round := range 80 {
		k := device.Select{Anchors: 1 + random.IntN(3000), Classes: 1 + random.IntN(6), Width: 300, Height: 200,
			Fit: device.NewFit(300, 200, 128, 128), ScoreMin: .4, IoU: .5,
			Limits: device.Limits{Objects: random.IntN(60), People: random.IntN(20)}}
		if round&1 == 1 {
			k.Wanted = make([]bool, k.Classes)
			k.Wanted[random.IntN(k.Classes)] = true
		}
		scores, boxes := make([]float32, k.Anchors*k.Classes), make([]float32, 4*k.Anchors)
		for i := range scores {
			scores[i] = float32(random.IntN(50)) / 50 // many ties
			if round&2 == 2 {
				scores[i] *= random.Float32() * random.Float32()
			}
			if random.IntN(40) == 0 {
				scores[i] = float32(math.NaN())
			}
		}
		for i := range boxes {
			boxes[i] = float32(random.IntN(140)) - 6 // outside at times, upside down at times
			if i&2 == 2 {
				boxes[i] = boxes[i-2] + float32(random.IntN(40)) - 4
			}
			if random.IntN(500) == 0 {
				boxes[i] = float32(math.NaN())
			}
		}
		k.Head, k.Out = plainHead(upload(b, scores), upload(b, boxes), k.Classes), b.dirty(k.Limits.SelectionSize())
		k.Scratch = b.dirty(device.SelectScratch(k.Anchors))
		b.finish(kernels{}.Select(b.stream, k))
		checkSelect(t, k, scores, boxes)
	}
}

// TestSelectStopsAtMaxCandidates: 1024 boxes on one spot keep the 1025th, elsewhere, from being seen.
func TestSelectStopsAtMaxCandidates(t *testing.T) {
	b := newBench(t)
	const anchors = device.MaxCandidates + 1
	for _, beyond := range []float32{.5, .5 + 1e-3} { // a tie, which the lowest anchors win; and the best of all
		scores, boxes := make([]float32, anchors), make([]float32, 4*anchors)
		for i := range anchors {
			scores[i] = .5
			copy(boxes[4*i:], []float32{1, 1, 20, 20})
		}
		scores[anchors-1] = beyond
		copy(boxes[4*(anchors-1):], []float32{40, 40, 60, 60})
		k := device.Select{Head: plainHead(upload(b, scores), upload(b, boxes), 1), Anchors: anchors, Classes: 1, Width: 64, Height: 64,
			Fit: device.NewFit(64, 64, 64, 64), ScoreMin: .4, IoU: .5, Limits: testLimits, Out: b.dirty(testLimits.SelectionSize()), Scratch: b.dirty(device.SelectScratch(anchors))}
		b.finish(kernels{}.Select(b.stream, k))
		if got, want := checkSelect(t, k, scores, boxes), 1+int(min(1, (beyond-.5)*1e4)); got != want {
			t.Errorf("%d objects, want %d", got, want)
		}
	}
}

func TestSelectNothing(t *testing.T) {
	b := newBench(t)
	nan := float32(math.NaN())
	for name, c := range map[string]struct{ score, min, x float32 }{
		"low":         {.39, .4, 10},
		"no score":    {nan, .4, 10},
		"no minimum":  {.9, nan, 10},
		"no box":      {.9, .4, nan},
		"no area":     {.9, .4, 30},
		"outside":     {.9, .4, 500},
		"negative":    {-.1, 0, 10},
		"just enough": {.4, .4, 10},
	} {
		scores, boxes := []float32{c.score}, []float32{c.x, 10, 30, 30}
		k := device.Select{Head: plainHead(upload(b, scores), upload(b, boxes), 1), Anchors: 1, Classes: 1, Width: 64, Height: 64,
			Fit: device.NewFit(64, 64, 64, 64), ScoreMin: c.min, IoU: .5, Limits: testLimits, Out: b.dirty(testLimits.SelectionSize()), Scratch: b.dirty(device.SelectScratch(1))}
		b.finish(kernels{}.Select(b.stream, k))
		want := int32(0)
		if name == "just enough" {
			want = 1
		}
		none := int32(0)
		if name == "no score" || name == "no box" {
			none = 1
		}
		if got := intsOf(k.Out); got[0] != want || got[1] != none {
			t.Errorf("%s: %d objects, %d numbers that are none", name, got[0], got[1])
		}
	}
}

// Recorded calls of one scratch, with other candidates each, run one after the other, and are small themselves.
func TestSelectsShareScratch(t *testing.T) {
	random := rand.New(rand.NewPCG(15, 16))
	b := newBench(t)
	const most = 20_000
	shared := b.dirty(device.SelectScratch(most))
	var graphs []device.Graph
	var checks []func()
	for _, anchors := range []int{most, 300, 7} {
		scores, boxes := make([]float32, 3*anchors), make([]float32, 4*anchors)
		for i := range anchors {
			scores[3*i+i%3] = random.Float32()
			x, y := random.Float32()*50, random.Float32()*50
			copy(boxes[4*i:], []float32{x, y, x + 9, y + 9})
		}
		k := device.Select{Head: plainHead(upload(b, scores), upload(b, boxes), 3), Anchors: anchors, Classes: 3, Width: 64, Height: 64,
			Fit: device.NewFit(64, 64, 64, 64), ScoreMin: .4, IoU: .5, Limits: testLimits, Out: b.dirty(testLimits.SelectionSize()), Scratch: shared}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		graphs = append(graphs, record(t, b, func(s device.Stream) error { return kernels{}.Select(s, k) }))
		if runtime.ReadMemStats(&after); after.TotalAlloc-before.TotalAlloc > most {
			t.Errorf("%d anchors: %d bytes outside the pool", anchors, after.TotalAlloc-before.TotalAlloc)
		}
		checks = append(checks, func() { checkSelect(t, k, scores, boxes) })
	}
	for range 2 {
		for _, g := range graphs {
			if err := b.stream.Launch(g); err != nil {
				t.Fatal(err)
			}
		}
	}
	b.finish(nil)
	for _, check := range checks {
		check()
	}
}

func BenchmarkSelect(b *testing.B) {
	random := rand.New(rand.NewPCG(13, 14))
	bench := newBench(b)
	scores, boxes := make([]float32, 3549*80), make([]float32, 3549*4)
	for i := range scores {
		scores[i] = random.Float32() * .3
	}
	for i := range 3549 {
		if i%40 == 0 {
			scores[i*80] = .4 + random.Float32()/2
		}
		x, y := random.Float32()*400, random.Float32()*400
		copy(boxes[4*i:], []float32{x, y, x + 30, y + 80})
	}
	limits := device.Limits{Objects: 64, People: 16}
	k := device.Select{Head: plainHead(upload(bench, scores), upload(bench, boxes), 80), Anchors: 3549, Classes: 80, Width: 768, Height: 576,
		Fit: device.NewFit(768, 576, 416, 416), ScoreMin: .4, IoU: .5, Limits: limits, Out: bench.alloc(limits.SelectionSize()), Scratch: bench.alloc(device.SelectScratch(3549))}
	measure(b, bench, func(s device.Stream) error { return kernels{}.Select(s, k) })
}
