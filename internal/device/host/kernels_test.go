package host

import (
	"errors"
	"math/rand/v2"
	"testing"
	"unsafe"

	"sightline/internal/device"
)

// bench is a stream and a pool for tests of kernels.
type bench struct {
	t      testing.TB
	pool   *device.Pool
	stream *stream
}

func newBench(t testing.TB) *bench {
	b := &bench{t: t, pool: device.NewPool(allocator{}, 0), stream: newStream("test")}
	t.Cleanup(func() { _ = b.stream.Close() })
	return b
}

func (b *bench) alloc(size int64) *device.Buffer {
	b.t.Helper()
	buffer, err := b.pool.Alloc("test", "test", device.OnDevice, size)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = buffer.Close() })
	return buffer
}

// dirty is a buffer of old content, which a kernel must not leave where it has to write.
func (b *bench) dirty(size int64) *device.Buffer {
	buffer := b.alloc(size)
	for i := range bytesOf(buffer) {
		bytesOf(buffer)[i] = 0x41
	}
	return buffer
}

func upload[T any](b *bench, values []T) *device.Buffer {
	size := int(unsafe.Sizeof(values[0])) * len(values)
	buffer := b.alloc(int64(size))
	copy(bytesOf(buffer), unsafe.Slice((*byte)(unsafe.Pointer(&values[0])), size))
	return buffer
}

// finish fails the test unless the kernel could be queued and ran.
func (b *bench) finish(err error) {
	b.t.Helper()
	if err := errors.Join(err, b.stream.Synchronize()); err != nil {
		b.t.Fatal(err)
	}
}

// measure replays one captured kernel.
func measure(b *testing.B, bench *bench, queue func(device.Stream) error) {
	g := record(b, bench, queue)
	b.ReportAllocs()
	for b.Loop() {
		bench.finish(bench.stream.Launch(g))
	}
}

func record(t testing.TB, b *bench, queue func(device.Stream) error) device.Graph {
	t.Helper()
	if err := errors.Join(b.stream.BeginCapture(), queue(b.stream)); err != nil {
		t.Fatal(err)
	}
	g, err := b.stream.EndCapture()
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func (b *bench) picture(random *rand.Rand, f device.PictureFormat) *device.Picture {
	p := &device.Picture{PictureFormat: f, Buffer: b.alloc(f.Size())}
	raw := bytesOf(p.Buffer)
	for i := range raw {
		raw[i] = byte(random.Uint32())
	}
	return p
}

var testLimits = device.Limits{Objects: 6, People: 4}

// subjects writes a list of them.
func (b *bench) subjects(l device.Limits, boxes ...[4]float32) *device.Buffer {
	s := b.dirty(l.SubjectsSize())
	intsOf(s)[0] = int32(len(boxes))
	for i, box := range boxes {
		copy(floatsOf(s)[recordHeader+recordWords*i:], box[:])
	}
	return s
}

// plainHead is scores [anchors,classes] and boxes of two corners.
func plainHead(scores, boxes *device.Buffer, classes int) device.Head {
	return device.Head{
		Scores: device.Values{Buffer: scores, Anchor: classes, Item: 1},
		Boxes:  device.Values{Buffer: boxes, Anchor: 4, Item: 1}, UnitX: 1, UnitY: 1,
	}
}

// mixedHead has a background and a sigmoid, which do not go together.
func mixedHead(b *device.Buffer) device.Head {
	h := plainHead(b, b, 2)
	h.Background, h.Sigmoid = true, true
	return h
}

// everyKernel is one valid call of each, for tests of what they have in common.
func everyKernel(b *bench) map[string]func(device.Stream) error {
	random := rand.New(rand.NewPCG(1, 2))
	p := b.picture(random, device.PictureFormat{Width: 96, Height: 64, Pitch: 96, Matrix: "bt601"})
	chosen := b.subjects(testLimits, [4]float32{10, 10, 30, 60}, [4]float32{40, 5, 60, 62})
	region := device.Region{Scale: 1.2}
	calls := kernels{}
	letterbox := device.Letterbox{Picture: p, Pixels: device.RGB, Fit: device.NewFit(96, 64, 64, 64), Out: b.alloc(3 * 64 * 64 * 4), OutWidth: 64, OutHeight: 64}
	scores, boxes := b.alloc(500*3*4), b.alloc(500*16)
	choose := device.Select{Head: plainHead(scores, boxes, 3), Anchors: 500, Classes: 3, Fit: letterbox.Fit,
		Width: 96, Height: 64, ScoreMin: .4, IoU: .5, Limits: testLimits, Out: b.alloc(testLimits.SelectionSize()), Scratch: b.alloc(device.SelectScratch(500))}
	for i := range 500 {
		floatsOf(scores)[3*i] = random.Float32()
		copy(floatsOf(boxes)[4*i:], []float32{float32(i % 60), 12, float32(i%60 + 4), 20})
	}
	list := device.Choose{Selection: choose.Out, Limits: testLimits, Out: b.alloc(testLimits.SubjectsSize())}
	crop := device.Crop{Picture: p, Pixels: device.RGB, Subjects: chosen, Limits: testLimits, Count: 3, Region: region, Out: b.alloc(3 * 3 * 32 * 16 * 4), OutWidth: 16, OutHeight: 32}
	keypoints := device.Keypoints{Joints: 17, In: b.alloc(3 * 51 * 4), InWidth: 16, InHeight: 32, Subjects: chosen, Limits: testLimits,
		Count: 3, Region: region, Out: b.alloc(4 * 51 * 4)}
	uncrop := device.Uncrop{In: b.alloc(3 * 112), Each: 3, InWidth: 16, InHeight: 32, Subjects: chosen, Limits: testLimits, Count: 3, Region: region,
		Out: b.alloc(int64(testLimits.People) * 3 * device.RecordSize)}
	masks := device.PackMasks{In: b.alloc(3 * 16 * 32 * 4), InWidth: 16, InHeight: 32, Subjects: chosen, Limits: testLimits,
		Count: 3, Region: region, Threshold: .5, Width: 96, Height: 64, Out: b.alloc(4 * device.MaskRecordSize)}
	vectors, halves := b.alloc(3*20*4), b.alloc(3*20*2)
	normalise := device.Normalize{In: vectors, Length: 20, Count: 3, Out: halves}
	cosine := device.Cosine{A: halves, B: halves, Rows: 3, Columns: 2, Length: 20, Out: b.alloc(3 * 2 * 4)}
	joints := device.Joints{Form: device.Heatmaps, In: b.alloc(2 * 17 * 12 * 4), Count: 2, Joints: 17, Columns: 4, Rows: 3, InWidth: 16, InHeight: 12, Quarter: true, Out: b.alloc(2 * 17 * 12)}
	anchorJoints := device.AnchorJoints{Values: device.Values{Buffer: b.alloc(500 * 51 * 4), Anchor: 51, Item: 1}, Joints: 17, UnitX: 1, UnitY: 1,
		Fit: letterbox.Fit, Subjects: chosen, Limits: testLimits, Anchors: 500, Out: b.alloc(int64(testLimits.People) * 51 * 4)}
	combine := device.Combine{Coefficients: device.Values{Buffer: b.alloc(500 * 8 * 4), Anchor: 8, Item: 1}, Anchors: 500, Prototypes: b.alloc(8 * 16 * 16 * 4),
		Count: 8, Width: 16, Height: 16, InWidth: 64, InHeight: 64, Fit: letterbox.Fit, Subjects: chosen, Limits: testLimits, Out: b.alloc(int64(testLimits.People) * 16 * 16 * 4)}
	margin := device.Margin{In: b.alloc(2 * 3 * 20 * 4), Out: b.alloc(2 * 20 * 4), Count: 2, Channels: 3, Channel: 1, Cells: 20}
	classify := device.Classify{In: b.alloc(3 * 7 * 4), Classes: 7, Activation: device.Softmax, Count: 3, Out: b.alloc(3 * 8)}
	move := device.Blend{Seen: halves, Slots: b.alloc(3 * 4), Gallery: b.alloc(5 * 20 * 2), Rows: 3, Length: 20, Keep: .9}
	return map[string]func(device.Stream) error{
		"letterbox": func(s device.Stream) error { return calls.Letterbox(s, letterbox) },
		"select":    func(s device.Stream) error { return calls.Select(s, choose) },
		"choose":    func(s device.Stream) error { return calls.Choose(s, list) },
		"crop":      func(s device.Stream) error { return calls.Crop(s, crop) },
		"keypoints": func(s device.Stream) error { return calls.Keypoints(s, keypoints) },
		"uncrop":    func(s device.Stream) error { return calls.Uncrop(s, uncrop) },
		"masks":     func(s device.Stream) error { return calls.PackMasks(s, masks) },
		"normalize": func(s device.Stream) error { return calls.Normalize(s, normalise) },
		"cosine":    func(s device.Stream) error { return calls.Cosine(s, cosine) },
		"blend":     func(s device.Stream) error { return calls.Blend(s, move) },
		"joints":    func(s device.Stream) error { return calls.Joints(s, joints) },
		"anchors":   func(s device.Stream) error { return calls.AnchorJoints(s, anchorJoints) },
		"combine":   func(s device.Stream) error { return calls.Combine(s, combine) },
		"margin":    func(s device.Stream) error { return calls.Margin(s, margin) },
		"classify":  func(s device.Stream) error { return calls.Classify(s, classify) },
	}
}

// The garbage collector's own allocations are averaged away by AllocsPerRun.
func TestReplayAllocatesNothing(t *testing.T) {
	b := newBench(t)
	for name, queue := range everyKernel(b) {
		g := record(t, b, queue)
		b.finish(b.stream.Launch(g)) // the queue grows to its size
		if n := testing.AllocsPerRun(50, func() { b.finish(b.stream.Launch(g)) }); n != 0 {
			t.Errorf("%s: %v allocations a replay", name, n)
		}
	}
}

func TestKernelsOnlyQueue(t *testing.T) {
	b := newBench(t)
	all := everyKernel(b)
	release := make(chan struct{})
	_ = b.stream.Do(func() { <-release })
	for name, queue := range all {
		if err := queue(b.stream); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	close(release) // reached only if no kernel waited for its turn
	b.finish(nil)
}

func TestBadArgumentsAreNamed(t *testing.T) {
	b := newBench(t)
	f := device.PictureFormat{Width: 9, Height: 5, Pitch: 10, Matrix: "bt709"}
	p := &device.Picture{PictureFormat: f, Buffer: b.alloc(f.Size())}
	with := func(change func(*device.Picture)) *device.Picture {
		q := *p
		change(&q)
		return &q
	}
	small, s := b.alloc(2), b.subjects(testLimits)
	region, fit, calls := device.Region{Scale: 1}, device.NewFit(9, 5, 4, 4), kernels{}
	out := b.alloc(1 << 12)
	letterbox := func(p *device.Picture, f device.Fit, out *device.Buffer) error {
		return calls.Letterbox(b.stream, device.Letterbox{Picture: p, Pixels: device.RGB, Fit: f, Out: out, OutWidth: 4, OutHeight: 4})
	}
	crop := device.Crop{Picture: p, Pixels: device.RGB, Subjects: s, Limits: testLimits, Count: 1, Region: region, Out: out, OutWidth: 4, OutHeight: 4}
	huge := crop
	huge.OutWidth, huge.OutHeight, huge.Count = 1<<30, 1<<30, 1<<30
	none := crop
	none.Subjects = small
	before := crop
	before.First = -1
	flat := crop
	flat.Region.Scale = 0
	for argument, err := range map[string]error{
		"picture":        letterbox(nil, fit, out),
		"picture pitch":  letterbox(with(func(p *device.Picture) { p.Pitch = 9 }), fit, out),
		"picture matrix": letterbox(with(func(p *device.Picture) { p.Matrix = "bt2020" }), fit, out),
		"picture width":  letterbox(with(func(p *device.Picture) { p.Width = 0 }), fit, out),
		"fit":            letterbox(p, device.NewFit(9, 5, 8, 8), out),
		"out":            letterbox(p, fit, small),
		"out ":           calls.Crop(b.stream, huge),
		"subjects":       calls.Crop(b.stream, none),
		"first":          calls.Crop(b.stream, before),
		"region scale":   calls.Crop(b.stream, flat),
		"in":             calls.Keypoints(b.stream, device.Keypoints{Joints: 17, In: small, InWidth: 4, InHeight: 4, Subjects: s, Limits: testLimits, Count: 1, Region: region, Out: out}),
		"in ":            calls.PackMasks(b.stream, device.PackMasks{In: small, InWidth: 4, InHeight: 4, Subjects: s, Limits: testLimits, Count: 1, Region: region, Width: 9, Height: 5, Out: out}),
		"each":           calls.Uncrop(b.stream, device.Uncrop{In: out, Each: device.MaxEach + 1, InWidth: 4, InHeight: 4, Subjects: s, Limits: testLimits, Count: 1, Region: region, Out: out}),
		"head":           calls.Select(b.stream, device.Select{Head: mixedHead(out), Anchors: 2, Classes: 2, Fit: fit, Width: 9, Height: 5, Limits: testLimits, Out: out}),
		"wanted":         calls.Select(b.stream, device.Select{Head: plainHead(out, out, 2), Anchors: 2, Classes: 2, Fit: fit, Width: 9, Height: 5, Wanted: []bool{true}, Limits: testLimits, Out: out}),
		"scores":         calls.Select(b.stream, device.Select{Head: plainHead(nil, out, 2), Anchors: 2, Classes: 2, Fit: fit, Width: 9, Height: 5, Limits: testLimits, Out: out}),
		"scratch":        calls.Select(b.stream, device.Select{Head: plainHead(out, out, 2), Anchors: 1, Classes: 2, Fit: fit, Width: 9, Height: 5, Limits: testLimits, Out: out, Scratch: out}),
		"scratch ":       calls.Select(b.stream, device.Select{Head: plainHead(out, out, 2), Anchors: 1, Classes: 2, Fit: fit, Width: 9, Height: 5, Limits: testLimits, Out: out}),
		"length":         calls.Normalize(b.stream, device.Normalize{In: out, Out: out, Count: 1}),
		"b":              calls.Cosine(b.stream, device.Cosine{A: out, B: small, Rows: 1, Columns: 1, Length: 2, Out: out}),
		"keep":           calls.Blend(b.stream, device.Blend{Seen: out, Slots: out, Gallery: out, Rows: 1, Length: 2, Keep: 2}),
		"joints":         calls.Joints(b.stream, device.Joints{Form: device.Relative, In: out, Count: 1, Joints: device.MaxJoints + 1, InWidth: 4, InHeight: 4, Out: out}),
		"columns":        calls.Joints(b.stream, device.Joints{Form: device.Heatmaps, In: out, Count: 1, Joints: 1, Columns: device.MaxCells + 1, Rows: 1, InWidth: 4, InHeight: 4, Out: out}),
		"in y":           calls.Joints(b.stream, device.Joints{Form: device.Axes, In: out, Count: 1, Joints: 1, Columns: 2, Rows: 2, InWidth: 4, InHeight: 4, Out: out}),
		"values":         calls.AnchorJoints(b.stream, device.AnchorJoints{Values: device.Values{Buffer: out, Anchor: 51, Item: 1}, Joints: 17, UnitX: 1, UnitY: 1, Fit: fit, Subjects: s, Limits: testLimits, Anchors: 500, Out: out}),
		"count":          calls.Combine(b.stream, device.Combine{Count: device.MaxPrototypes + 1, Width: 1, Height: 1, Anchors: 1, InWidth: 4, InHeight: 4, Fit: fit, Subjects: s, Limits: testLimits, Out: out}),
		"channel":        calls.Margin(b.stream, device.Margin{In: out, Out: out, Count: 1, Channels: 2, Channel: 2, Cells: 3}),
		"activation":     calls.Classify(b.stream, device.Classify{In: out, Classes: 2, Activation: 9, Count: 1, Out: out}),
		"classes":        calls.Classify(b.stream, device.Classify{In: out, Count: 1, Out: out}),
		"gallery":        calls.Blend(b.stream, device.Blend{Seen: out, Slots: out, Gallery: small, Rows: 1, Length: 2, Keep: 1}),
	} {
		for argument[len(argument)-1] == ' ' { // keys of a map differ
			argument = argument[:len(argument)-1]
		}
		var e *ArgumentError
		if !errors.As(err, &e) || e.Argument != argument {
			t.Errorf("%s: got %v", argument, err)
		}
	}
	b.finish(nil)
}
