package host

import "sightline/internal/device"

// kernels implements device.Kernels. Every method checks its arguments, prepares tables and scratch, and
// queues one closure that allocates nothing, because a captured closure is replayed for every frame.
// A closure owns its scratch, Select's is the caller's: replays of it are ordered, different closures may run side
// by side.
type kernels struct{}

var _ device.Kernels = kernels{}

// ArgumentError says which argument of a kernel is wrong.
type ArgumentError = device.ArgumentError

func launch(s device.Stream, work func()) error {
	return s.(*stream).enqueue(item{work: func() error { work(); return nil }})
}

// subjects reads a list of subjects while a kernel runs.
type subjects struct {
	ints   []int32
	floats []float32
	limit  int
}

func newSubjects(b *device.Buffer, l device.Limits) subjects {
	return subjects{intsOf(b), floatsOf(b), l.People}
}

// Words of a record.
const (
	recordHeader = device.RecordHeader / 4
	recordWords  = device.RecordSize / 4
	recordScore  = 4 // then the class
)

// box is the i-th subject's; false beyond them.
func (s subjects) box(i int) (box [4]float32, ok bool) {
	if i >= min(int(s.ints[0]), s.limit) {
		return box, false
	}
	return [4]float32(s.floats[recordHeader+recordWords*i:]), true
}

func (kernels) Letterbox(s device.Stream, k device.Letterbox) error {
	if err := k.Check(); err != nil {
		return err
	}
	f := k.Fit
	t := newSampler(k.Picture, f.Width, f.Height)
	t.aim([4]float32{0, 0, float32(k.Picture.Width), float32(k.Picture.Height)}, false)
	out := newCanvas(floatsOf(k.Out), k.Pixels, k.OutWidth, k.OutHeight)
	return launch(s, func() {
		t.open()
		out.pad(f.Left, f.Top, f.Width, f.Height)
		t.sample(&out, f.Left, f.Top)
	})
}

func (kernels) Crop(s device.Stream, k device.Crop) error {
	if err := k.Check(); err != nil {
		return err
	}
	t := newSampler(k.Picture, k.OutWidth, k.OutHeight)
	list, out := newSubjects(k.Subjects, k.Limits), floatsOf(k.Out)
	size := 3 * k.OutWidth * k.OutHeight
	item := newCanvas(out, k.Pixels, k.OutWidth, k.OutHeight)
	return launch(s, func() {
		t.open()
		for i := range k.Count {
			item.values = out[size*i:][:size]
			box, ok := list.box(k.First + i)
			if !ok {
				clear(item.values)
				continue
			}
			t.aim(k.Region.Of(box), k.Region.Black)
			t.sample(&item, 0, 0)
		}
	})
}

func (kernels) Keypoints(s device.Stream, k device.Keypoints) error {
	if err := k.Check(); err != nil {
		return err
	}
	row := k.Joints * device.JointValues
	list := newSubjects(k.Subjects, k.Limits)
	in, out := floatsOf(k.In), floatsOf(k.Out)[k.First*row:]
	return launch(s, func() {
		for i := range k.Count {
			from, to := in[i*row:][:row], out[i*row:][:row]
			box, ok := list.box(k.First + i)
			if !ok {
				clear(to)
				continue
			}
			r := k.Region.Of(box)
			width, height := r[2]-r[0], r[3]-r[1]
			for j := 0; j+2 < row; j += device.JointValues {
				to[j] = r[0] + from[j]*width/float32(k.InWidth)
				to[j+1] = r[1] + from[j+1]*height/float32(k.InHeight)
				to[j+2] = from[j+2]
			}
		}
	})
}
