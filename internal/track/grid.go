package track

import (
	"slices"
)

// grid finds the boxes near a place without looking at all of them. Its cells are hashed, so that a
// box far outside costs nothing, and a box lies in every cell it touches.
type grid struct {
	per     float64 // cells in a pixel
	mask    uint32
	start   []int32 // of a bucket's boxes in entries; one more than buckets
	entries []int32
	wide    []int32 // boxes that touch too many cells to be in them; all, where there are few
	largest box     // width and height that none of the others exceeds
	keys    []uint32
	owners  []int32
	stamp   []uint32 // of a box: the query that found it last
	queries uint32
	found   []int32
	boxes   []box
}

// mostCells is in how many cells a box may lie, and how many a query looks into before it is
// cheaper to look at every box.
const mostCells = 64

// few is how many boxes are looked at one by one: cheaper than to look where they are.
const few = 32

// fill takes the boxes of a frame.
func (g *grid) fill(seen []detection) {
	g.boxes, g.queries = g.boxes[:0], 0
	for i := range seen {
		g.boxes = append(g.boxes, seen[i].box)
	}
	boxes := g.boxes
	g.keys, g.owners, g.wide = g.keys[:0], g.owners[:0], g.wide[:0]
	g.stamp = slices.Grow(g.stamp[:0], len(boxes))[:len(boxes)]
	clear(g.stamp)
	var sum float64
	for i := range boxes {
		sum += max(boxes[i].w, boxes[i].h)
	}
	g.per, g.largest = 1/max(sum/float64(max(len(boxes), 1)), 1), box{}
	if len(boxes) <= few {
		g.mask, g.entries = 0, g.entries[:0]
		g.start = append(g.start[:0], 0, 0)
		for i := range boxes {
			g.wide = append(g.wide, int32(i))
		}
		return
	}
	buckets := 16
	for buckets < 4*len(boxes) {
		buckets *= 2
	}
	g.mask = uint32(buckets - 1)
	g.start = slices.Grow(g.start[:0], buckets+1)[:buckets+1]
	clear(g.start)
	for i := range boxes {
		b := boxes[i]
		x1, y1, x2, y2 := g.cells(b)
		if (x2-x1+1)*(y2-y1+1) > mostCells {
			g.wide = append(g.wide, int32(i))
			continue
		}
		g.largest.w, g.largest.h = max(g.largest.w, b.w), max(g.largest.h, b.h)
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
	at := func(v float64) int64 {
		i := int64(v * g.per)
		if v < 0 { // towards the left, as everywhere
			i--
		}
		return i
	}
	return at(b.cx - b.w/2), at(b.cy - b.h/2), at(b.cx + b.w/2), at(b.cy + b.h/2)
}

func (g *grid) bucket(x, y int64) uint32 {
	h := uint32(x)*0x9e3779b1 ^ uint32(y)*0x85ebca77
	return (h ^ h>>15) & g.mask
}

// query lists the boxes that touch b when both have grown by the share grow of their size on every side. Each comes
// once. It is valid until the next query and the caller may reorder it.
func (g *grid) query(b box, grow float64) []int32 {
	g.queries++
	g.found = g.found[:0]
	reach := 0.5 + grow
	// That boxes grow towards b is as if b grew by as much as the largest does.
	x1, y1, x2, y2 := g.cells(box{b.cx, b.cy, b.w + 2*grow*(b.w+g.largest.w), b.h + 2*grow*(b.h+g.largest.h)})
	if len(g.boxes) <= few || (x2-x1+1)*(y2-y1+1) > mostCells {
		for i := range g.boxes {
			if !g.boxes[i].apart(b, reach) {
				g.found = append(g.found, int32(i))
			}
		}
		return g.found
	}
	for _, i := range g.wide {
		if !g.boxes[i].apart(b, reach) {
			g.found = append(g.found, i)
		}
	}
	for y := y1; y <= y2; y++ {
		for x := x1; x <= x2; x++ {
			k := g.bucket(x, y)
			for _, i := range g.entries[g.start[k]:g.start[k+1]] {
				if g.stamp[i] == g.queries {
					continue
				}
				g.stamp[i] = g.queries
				if !g.boxes[i].apart(b, reach) {
					g.found = append(g.found, i)
				}
			}
		}
	}
	return g.found
}

// pairs visits the pairs of boxes that touch, some of them more than once.
func (g *grid) pairs(visit func(i, j int32)) {
	for k := range g.mask + 1 {
		in := g.entries[g.start[k]:g.start[k+1]]
		for n, i := range in {
			b := g.boxes[i]
			for _, j := range in[n+1:] {
				if i != j && !g.boxes[j].apart(b, 0.5) {
					visit(i, j)
				}
			}
		}
	}
	for _, i := range g.wide {
		for j := range g.boxes {
			if int32(j) != i && !g.boxes[j].apart(g.boxes[i], 0.5) {
				visit(i, int32(j))
			}
		}
	}
}
