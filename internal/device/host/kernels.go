package host

import "sightline/internal/device"

// kernels implements device.Kernels. Every method checks its arguments, prepares tables and scratch, and
// queues one closure that allocates nothing, because a captured closure is replayed for every frame.
// A closure owns its scratch: replays of it are ordered, different closures may run side by side.
type kernels struct{}

var _ device.Kernels = kernels{}

func launch(s device.Stream, work func()) error {
	return s.(*stream).enqueue(item{work: func() error { work(); return nil }})
}

// selection reads a device.Selection while a kernel runs.
type selection struct {
	ints   []int32
	floats []float32
	limits device.Limits
}

func newSelection(b *device.Buffer, l device.Limits) selection {
	return selection{intsOf(b), floatsOf(b), l}
}

// person is the box of the i-th person; false beyond the people.
func (s selection) person(i int) (box [4]float32, ok bool) {
	if i >= min(int(s.ints[1]), s.limits.People) {
		return box, false
	}
	index := int(s.ints[2+6*s.limits.Objects+i])
	if index < 0 || index >= s.limits.Objects {
		return box, false
	}
	return [4]float32(s.floats[2+6*index:]), true
}

func (kernels) Letterbox(s device.Stream, k device.Letterbox) error {
	a := arguments{kernel: "letterbox"}
	a.picture(k.Picture)
	f := k.Fit
	if f.Width < 1 || f.Height < 1 || f.Left < 0 || f.Top < 0 || f.Left+f.Width > k.OutWidth || f.Top+f.Height > k.OutHeight {
		a.fail("fit", "%+v does not lie in %dx%d", f, k.OutWidth, k.OutHeight)
	}
	a.holds("out", k.Out, 4, 3, k.OutHeight, k.OutWidth)
	if a.err != nil {
		return a.err
	}
	t := newSampler(k.Picture, f.Width, f.Height)
	t.aim([4]float32{0, 0, float32(k.Picture.Width), float32(k.Picture.Height)}, false)
	width, plane := k.OutWidth, k.OutWidth*k.OutHeight
	out := floatsOf(k.Out)[:3*plane]
	corner := f.Top*width + f.Left
	return launch(s, func() {
		for c := range 3 {
			p := out[c*plane:][:plane]
			clear(p[:corner])
			for y := range f.Height - 1 { // the right border of a row and the left one of the next
				clear(p[corner+y*width+f.Width : corner+(y+1)*width])
			}
			clear(p[corner+(f.Height-1)*width+f.Width:])
		}
		t.sample(out[corner:], width, plane)
	})
}

func (kernels) Crop(s device.Stream, k device.Crop) error {
	a := arguments{kernel: "crop"}
	a.picture(k.Picture)
	a.people(k.Selection, k.Limits, k.First, k.Count)
	a.region(k.Region)
	a.atLeast("out width", k.OutWidth, 1)
	a.atLeast("out height", k.OutHeight, 1)
	a.holds("out", k.Out, 4, k.Count, 3, k.OutHeight, k.OutWidth)
	if a.err != nil {
		return a.err
	}
	t := newSampler(k.Picture, k.OutWidth, k.OutHeight)
	people, out := newSelection(k.Selection, k.Limits), floatsOf(k.Out)
	plane := k.OutWidth * k.OutHeight
	return launch(s, func() {
		for i := range k.Count {
			item := out[3*plane*i:][:3*plane]
			box, ok := people.person(k.First + i)
			if !ok {
				clear(item)
				continue
			}
			t.aim(k.Region.Of(box), k.Region.Black)
			t.sample(item, k.OutWidth, plane)
		}
	})
}

// joints and the values of one: x, y, score.
const joints, jointValues = 17, 3

// Keypoints also writes rows beyond the people: zeros.
func (kernels) Keypoints(s device.Stream, k device.Keypoints) error {
	a := arguments{kernel: "keypoints"}
	a.people(k.Selection, k.Limits, k.First, k.Count)
	a.region(k.Region)
	a.atLeast("input width", k.InWidth, 1)
	a.atLeast("input height", k.InHeight, 1)
	a.holds("in", k.In, 4, k.Count, joints, jointValues)
	a.holds("out", k.Out, 4, k.First+k.Count, joints, jointValues)
	if a.err != nil {
		return a.err
	}
	const row = joints * jointValues
	people := newSelection(k.Selection, k.Limits)
	in, out := floatsOf(k.In), floatsOf(k.Out)[k.First*row:]
	return launch(s, func() {
		for i := range k.Count {
			from, to := in[i*row:][:row], out[i*row:][:row]
			box, ok := people.person(k.First + i)
			if !ok {
				clear(to)
				continue
			}
			r := k.Region.Of(box)
			width, height := r[2]-r[0], r[3]-r[1]
			for j := 0; j+2 < row; j += jointValues {
				to[j] = r[0] + from[j]*width/float32(k.InWidth)
				to[j+1] = r[1] + from[j+1]*height/float32(k.InHeight)
				to[j+2] = from[j+2]
			}
		}
	})
}
