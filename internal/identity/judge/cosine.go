package main

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"sightline/internal/result"
)

// apart is how long after each other two views are when they are to be more than the same picture once again.
const apart = 2.0

// cosines of pairs of views of the same and of other people.
type cosines struct{ same, other []float64 }

func (c *cosines) add(same bool, v float64) {
	if same {
		c.same = append(c.same, v)
	} else {
		c.other = append(c.other, v)
	}
}

// view is one vector.
type view struct {
	sight
	pts    float64
	vector []float32
}

func views(camera string, frames []result.Frame) (list []view) {
	for _, f := range frames {
		for _, o := range people(f) {
			if len(o.ReID) > 0 {
				list = append(list, view{sight{seen{camera, o.Track}, f.Seq}, f.PTS, widen(o.ReID)})
			}
		}
	}
	return list
}

// across compares views of west with those of east, of the same moment or at least so far apart.
func (t *truth) across(w, e []result.Frame, gap float64) (c cosines) {
	for _, a := range views(west, w) {
		for _, b := range views(east, e) {
			d := math.Abs(a.pts - b.pts)
			if gap == 0 && d > 1e-3 || d < gap {
				continue
			}
			if same, known := t.together(a.sight, b.sight); known {
				c.add(same, cosine(a.vector, b.vector))
			}
		}
	}
	return c
}

// within compares views of one camera: those of one track are of one person, tracks that are in sight at once are two.
func within(clips ...[]result.Frame) (c cosines) {
	for _, frames := range clips {
		together := map[[2]int64]bool{}
		for _, f := range frames {
			for _, a := range people(f) {
				for _, b := range people(f) {
					together[[2]int64{a.Track, b.Track}] = a.Track != b.Track
				}
			}
		}
		all := views("", frames)
		for i, a := range all {
			for _, b := range all[:i] {
				same := a.track == b.track
				if math.Abs(a.pts-b.pts) >= apart && (same || together[[2]int64{a.track, b.track}]) {
					c.add(same, cosine(a.vector, b.vector))
				}
			}
		}
	}
	return c
}

func cosine(a, b []float32) (sum float64) {
	for i := range min(len(a), len(b)) {
		sum += float64(a[i]) * float64(b[i])
	}
	return sum
}

// widen makes float32 of little-endian float16.
func widen(raw []byte) []float32 {
	out := make([]float32, len(raw)/2)
	for i := range out {
		h := binary.LittleEndian.Uint16(raw[2*i:])
		exponent, fraction := int(h>>10&31), float64(h&0x3ff)
		v := math.Ldexp(1+fraction/1024, exponent-15)
		if exponent == 0 {
			v = math.Ldexp(fraction, -24)
		}
		if h>>15 == 1 {
			v = -v
		}
		out[i] = float32(v)
	}
	return out
}

// auc is the chance that a pair of the same person is more alike than one of two.
func (c cosines) auc() float64 {
	same, other := slices.Sorted(slices.Values(c.same)), slices.Sorted(slices.Values(c.other))
	won := 0.0
	for _, v := range same {
		below, _ := slices.BinarySearch(other, v)
		upTo := below
		for upTo < len(other) && other[upTo] == v {
			upTo++
		}
		won += float64(below) + float64(upTo-below)/2
	}
	return won / float64(max(len(same)*len(other), 1))
}

func (c cosines) String() string {
	part := func(v []float64, q float64) string {
		if len(v) == 0 {
			return "0 | | "
		}
		sum, sorted := 0.0, slices.Sorted(slices.Values(v))
		for _, x := range v {
			sum += x
		}
		return fmt.Sprintf("%d | %.3f | %.3f", len(v), sum/float64(len(v)), sorted[int(q*float64(len(v)-1))])
	}
	return fmt.Sprintf("%s | %s | %.3f", part(c.same, 0.05), part(c.other, 0.95), c.auc())
}
