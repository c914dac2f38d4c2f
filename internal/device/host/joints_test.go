package host

import (
	"math"
	"math/rand/v2"
	"testing"

	"sightline/internal/device"
)

func near(a, b float32) bool { return math.Abs(float64(a-b)) <= 1e-4*math.Max(1, math.Abs(float64(b))) }

// TestJointsFormula: joints that were put into each form of output come out where they were put.
func TestJointsFormula(t *testing.T) {
	const count, joints, width, height = 3, 5, 96, 128
	r := rand.New(rand.NewPCG(5, 6))
	for _, c := range []struct {
		name          string
		form          device.JointForm
		columns, rows int
		quarter       bool
	}{
		{"relative", device.Relative, 0, 0, false},
		{"axes", device.Axes, 192, 256, false},
		{"heat maps", device.Heatmaps, 24, 32, false},
		{"heat maps, refined", device.Heatmaps, 24, 32, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			size := map[device.JointForm]int{device.Relative: 3, device.Axes: c.columns, device.Heatmaps: c.columns * c.rows}[c.form]
			in, inY := make([]float32, count*joints*size), make([]float32, count*joints*max(c.rows, 1))
			var want [][3]float32
			for j := range count * joints {
				row, score := in[j*size:][:size], 0.2+0.7*r.Float32()
				x, y := 2+r.IntN(max(c.columns-4, 1)), 2+r.IntN(max(c.rows-4, 1))
				switch c.form {
				case device.Relative:
					row[0], row[1], row[2] = r.Float32(), r.Float32(), score
					want = append(want, [3]float32{row[1] * width, row[0] * height, score})
				case device.Axes:
					row[x], inY[j*c.rows+y] = score, 1.5
					want = append(want, [3]float32{float32(x) / 2, float32(y) / 2, score})
				case device.Heatmaps:
					row[y*c.columns+x] = score
					p := [3]float32{float32(x), float32(y), score}
					if right, below := r.IntN(2) == 1, r.IntN(2) == 1; c.quarter {
						row[y*c.columns+x+map[bool]int{true: 1, false: -1}[right]] = 0.1
						row[(y+map[bool]int{true: 1, false: -1}[below])*c.columns+x] = 0.1
						p[0] += map[bool]float32{true: 0.25, false: -0.25}[right]
						p[1] += map[bool]float32{true: 0.25, false: -0.25}[below]
					}
					want = append(want, [3]float32{p[0] * 4, p[1] * 4, score})
				}
			}
			out := b.dirty(count * joints * 3 * 4)
			b.finish(kernels{}.Joints(b.stream, device.Joints{
				Form: c.form, In: upload(b, in), InY: upload(b, inY), Count: count, Joints: joints,
				Columns: c.columns, Rows: c.rows, InWidth: width, InHeight: height, Quarter: c.quarter, Out: out,
			}))
			for j, w := range want {
				if got := [3]float32(floatsOf(out)[3*j:]); !near(got[0], w[0]) || !near(got[1], w[1]) || !near(got[2], w[2]) {
					t.Errorf("joint %d is %v, want %v", j, got, w)
				}
			}
		})
	}
}

// TestAnchorJointsFormula: a subject has the joints of its anchor in picture pixels, nobody has zeros.
func TestAnchorJointsFormula(t *testing.T) {
	const anchors, joints = 40, 3
	r := rand.New(rand.NewPCG(7, 8))
	b := newBench(t)
	values := make([]float32, anchors*joints*3) // [item, anchor], as one-stage models write
	for i := range values {
		values[i] = r.Float32()
	}
	subjects := b.subjects(testLimits, [4]float32{}, [4]float32{})
	chosen := []int{17, 4}
	for i, anchor := range chosen {
		intsOf(subjects)[recordHeader+recordWords*i+5] = int32(anchor)
	}
	fit := device.NewFit(320, 100, 64, 64)
	for _, yx := range []bool{false, true} {
		out := b.dirty(int64(testLimits.People) * joints * 3 * 4)
		b.finish(kernels{}.AnchorJoints(b.stream, device.AnchorJoints{
			Values: device.Values{Buffer: upload(b, values), Anchor: 1, Item: anchors}, Joints: joints, YX: yx, Sigmoid: true,
			UnitX: 64, UnitY: 32, Fit: fit, Subjects: subjects, Limits: testLimits, Anchors: anchors, Out: out,
		}))
		for i := range testLimits.People {
			for j := range joints {
				var want [3]float32
				if i < len(chosen) {
					of := func(item int) float64 { return float64(values[(3*j+item)*anchors+chosen[i]]) }
					x, y := of(0), of(1)
					if yx {
						x, y = y, x
					}
					want = [3]float32{
						float32((x*64 - float64(fit.Left)) / float64(fit.ScaleX)), float32((y*32 - float64(fit.Top)) / float64(fit.ScaleY)),
						float32(1 / (1 + math.Exp(-of(2)))),
					}
				}
				if got := [3]float32(floatsOf(out)[3*(i*joints+j):]); !near(got[0], want[0]) || !near(got[1], want[1]) || !near(got[2], want[2]) {
					t.Errorf("y before x %v: subject %d, joint %d is %v, want %v", yx, i, j, got, want)
				}
			}
		}
	}
}

// TestMarginFormula: above 0 exactly where the channel is the largest.
func TestMarginFormula(t *testing.T) {
	const count, channels, channel, cells = 2, 4, 2, 50
	r := rand.New(rand.NewPCG(9, 10))
	b := newBench(t)
	in := make([]float32, count*channels*cells)
	for i := range in {
		in[i] = float32(r.NormFloat64())
	}
	out := b.dirty(count * cells * 4)
	b.finish(kernels{}.Margin(b.stream, device.Margin{In: upload(b, in), Out: out, Count: count, Channels: channels, Channel: channel, Cells: cells}))
	for i := range count {
		for cell := range cells {
			of := func(c int) float32 { return in[(i*channels+c)*cells+cell] }
			want := of(channel) - max(of(0), of(1), of(3))
			if got := floatsOf(out)[i*cells+cell]; got != want {
				t.Errorf("item %d, cell %d: %v, want %v", i, cell, got, want)
			}
		}
	}
}
