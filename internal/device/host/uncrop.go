package host

import (
	"math"

	"sightline/internal/device"
)

func (kernels) Uncrop(s device.Stream, k device.Uncrop) error {
	if err := k.Check(); err != nil {
		return err
	}
	list := newSubjects(k.Subjects, k.Limits)
	found, in, out, records := intsOf(k.In), floatsOf(k.In), floatsOf(k.Out), intsOf(k.Out)
	own := k.Region
	own.Aspect = 0
	row := recordHeader + recordWords*k.Each
	return launch(s, func() {
		for i := range max(k.Limits.People-k.First, 0) {
			at := (k.First + i) * k.Each * recordWords
			clear(out[at:][:k.Each*recordWords])
			for j := range k.Each {
				out[at+recordWords*j+recordScore] = -1
			}
			box, ok := list.box(k.First + i)
			if !ok || i >= k.Count {
				continue
			}
			r, inside := k.Region.Of(box), own.Of(box)
			width, height := r[2]-r[0], r[3]-r[1]
			for j := range min(int(found[row*i]), k.Each) {
				from, to := row*i+recordHeader+recordWords*j, at+recordWords*j
				f := [4]float32{
					r[0] + in[from]*width/float32(k.InWidth), r[1] + in[from+1]*height/float32(k.InHeight),
					r[0] + in[from+2]*width/float32(k.InWidth), r[1] + in[from+3]*height/float32(k.InHeight),
				}
				if x, y := (f[0]+f[2])/2, (f[1]+f[3])/2; !(x >= inside[0] && x <= inside[2] && y >= inside[1] && y <= inside[3]) {
					continue
				}
				copy(out[to:], f[:])
				out[to+recordScore], records[to+recordScore+1] = in[from+recordScore], found[from+recordScore+1]
			}
			if found[row*i+1] > 0 {
				out[at+recordScore] = float32(math.NaN())
			}
		}
	})
}
