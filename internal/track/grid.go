package track

import (
	"math"
	"slices"
)

// grid finds the boxes near a place without looking at all of them. Its cells are hashed, so that a
// box far outside costs nothing, and a box lies in every cell it touches after growing by mostGrowth.
type grid struct {
	cell    float64
	mask    uint32
	start   []int32 // of a bucket's boxes in entries; one more than buckets
	entries []int32
	wide    []int32 // boxes that touch too many cells to be in them
	keys    []uint32
	owners  []int32
	stamp   []uint32 // of a box: the query that found it last
	queries uint32
	found   []int32
	boxes   []detection
}

// mostCells is in how many cells a box may lie, and how many a query looks into before it is
// cheaper to look at every box.
const mostCells = 64

// fill takes the boxes of a frame, which must stay as they are until the next fill.
func (g *grid) fill(boxes []detection) {
	g.boxes, g.queries = boxes, 0
	g.keys, g.owners, g.wide = g.keys[:0], g.owners[:0], g.wide[:0]
	g.stamp = slices.Grow(g.stamp[:0], len(boxes))[:len(boxes)]
	clear(g.stamp)
	var sum float64
	for i := range boxes {
		sum += max(boxes[i].box.w, boxes[i].box.h)
	}
	g.cell = max(sum/float64(max(len(boxes), 1))*(1+mostGrowth), 1)
	buckets := 16
	for buckets < 4*len(boxes) {
		buckets *= 2
	}
	g.mask = uint32(buckets - 1)
	g.start = slices.Grow(g.start[:0], buckets+1)[:buckets+1]
	clear(g.start)
	for i := range boxes {
		x1, y1, x2, y2 := g.cells(boxes[i].box.grown(mostGrowth))
		if (x2-x1+1)*(y2-y1+1) > mostCells {
			g.wide = append(g.wide, int32(i))
			continue
		}
		for y := y1; y <= y2; y++ {
			for x := x1; x <= x2; x++ {
				k := g.bucket(x, y)
				g.keys, g.owners = append(g.keys, k), append(g.owners, int32(i))
				g.start[k+1]++
			}
		}
	}
	for b := range buckets {
		g.start[b+1] += g.start[b]
	}
	g.entries = slices.Grow(g.entries[:0], len(g.keys))[:len(g.keys)]
	// start serves as the place of a bucket's next entry and ends one bucket ahead.
	for i, k := range g.keys {
		g.entries[g.start[k]] = g.owners[i]
		g.start[k]++
	}
	copy(g.start[1:], g.start[:buckets])
	g.start[0] = 0
}

func (g *grid) cells(b box) (x1, y1, x2, y2 int64) {
	at := func(v float64) int64 { return int64(math.Floor(v / g.cell)) }
	return at(b.cx - b.w/2), at(b.cy - b.h/2), at(b.cx + b.w/2), at(b.cy + b.h/2)
}

func (g *grid) bucket(x, y int64) uint32 {
	h := uint32(x)*0x9e3779b1 ^ uint32(y)*0x85ebca77
	return (h ^ h>>15) & g.mask
}

// query lists the boxes that may touch b when they have grown by mostGrowth at most; some of them do
// not. Each comes once. It is valid until the next query and the caller may reorder it.
func (g *grid) query(b box) []int32 {
	g.queries++
	g.found = append(g.found[:0], g.wide...)
	x1, y1, x2, y2 := g.cells(b)
	if (x2-x1+1)*(y2-y1+1) > mostCells {
		g.found = g.found[:0]
		for i := range g.boxes {
			g.found = append(g.found, int32(i))
		}
		return g.found
	}
	for y := y1; y <= y2; y++ {
		for x := x1; x <= x2; x++ {
			k := g.bucket(x, y)
			for _, i := range g.entries[g.start[k]:g.start[k+1]] {
				if g.stamp[i] != g.queries {
					g.stamp[i] = g.queries
					g.found = append(g.found, i)
				}
			}
		}
	}
	return g.found
}
