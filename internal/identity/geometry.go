package identity

import (
	"cmp"
	"math"
	"slices"
	"time"

	"sightline/internal/result"
)

// point is where a track's feet were in the picture.
type point struct {
	at     int64 // nanoseconds since 1970
	x, y   float32
	height float32
	// whole says that no edge of the picture cuts the box: then its lower edge is where the feet are.
	whole bool
}

const (
	// mostPoints is how many points of a track are kept: cameras may be that far out of step.
	mostPoints = 256
	// bridged is the longest pause between two points between which a track is taken to have gone straight.
	bridged = int64(time.Second)
	// border is how near the picture's edge, in pixels, a box counts as cut.
	border = 2
)

func newPoint(at time.Time, b result.Box, width, height int) point {
	return point{
		at: at.UnixNano(), x: (b[0] + b[2]) / 2, y: b[3], height: b.Height(),
		whole: b[0] > border && b[1] > border && b[2] < float32(width)-border && b[3] < float32(height)-border,
	}
}

// between is where the feet were at a time from p to q.
func between(p, q point, at int64) point {
	f := float32(0)
	if q.at > p.at {
		f = float32(float64(at-p.at) / float64(q.at-p.at))
	}
	mix := func(a, b float32) float32 { return a + f*(b-a) }
	return point{at: at, x: mix(p.x, q.x), y: mix(p.y, q.y), height: mix(p.height, q.height), whole: p.whole && q.whole}
}

// at is where a track was at a time; false where its points do not tell.
func (t *track) at(when int64) (point, bool) {
	i, exact := slices.BinarySearchFunc(t.points, when, func(p point, when int64) int { return cmp.Compare(p.at, when) })
	if exact {
		return t.points[i], true
	}
	if i == 0 || i == len(t.points) || t.points[i].at-t.points[i-1].at > bridged {
		return point{}, false
	}
	return between(t.points[i-1], t.points[i], when), true
}

// meeting is what the pictures of two overlapping cameras say of two tracks in sight at once.
type meeting struct {
	near, far, all int
	sum            float64 // of the distances
}

// least is how many pictures geometry must agree in.
const least = 3

func (m *meeting) same() bool  { return m.near >= least && 5*m.near >= 4*m.all }
func (m *meeting) apart() bool { return m.far >= least && m.far > m.near }

// unlikely says that geometry, without being sure yet, does not speak for one person: then appearance must not either.
func (m *meeting) unlikely() bool { return 2*m.near < m.all }

// distance is the mean one, in heights of a person.
func (m *meeting) distance() float64 { return m.sum / float64(m.all) }

func (m *meeting) add(distance, reach float64) {
	m.all++
	m.sum += distance
	switch {
	case distance <= reach:
		m.near++
	case distance > 2*reach:
		m.far++
	}
}

// meet counts what t's newest point says of u, in a camera that l leads to: each time at which either was
// looked at counts once, when the later of the two reports has come.
func (b *book) meet(t, u *track, ground *Homography) {
	now := t.points[len(t.points)-1]
	before := now.at - 1
	if n := len(t.points); n > 1 {
		before = t.points[n-2].at
	}
	exact := false
	for i := len(u.points) - 1; i >= 0 && u.points[i].at > before; i-- {
		p := u.points[i]
		if p.at > now.at {
			continue
		}
		exact = exact || p.at == now.at
		if q, ok := t.at(p.at); ok {
			b.compare(t, u, q, p, ground)
		}
	}
	if exact {
		return
	}
	if p, ok := u.at(now.at); ok {
		b.compare(t, u, now, p, ground)
	}
}

func (b *book) compare(t, u *track, p, q point, ground *Homography) {
	if !p.whole || !q.whole || q.height <= 0 {
		return
	}
	x, y, ok := ground.apply(float64(p.x), float64(p.y))
	if !ok {
		return
	}
	m := t.meetings[u]
	if m == nil {
		m = &meeting{}
		t.meetings[u], u.meetings[t] = m, m
	}
	m.add(math.Hypot(x-float64(q.x), y-float64(q.y))/float64(q.height), b.o.Reach)
}

// partner is the track in a camera whose feet are nearest t's, of those that stay together with them.
func (t *track) partner(camera string) *track {
	var best *track
	for u, m := range t.meetings {
		if u.camera == camera && m.same() && (best == nil || m.distance() < t.meetings[best].distance() ||
			m.distance() == t.meetings[best].distance() && u.number < best.number) {
			best = u
		}
	}
	return best
}

// partners are the tracks in other cameras of which geometry says that they show the same person: each is the
// other's nearest.
func (t *track) partners() (list []*track) {
	for u, m := range t.meetings {
		if m.same() && t.partner(u.camera) == u && u.partner(t.camera) == t {
			list = append(list, u)
		}
	}
	slices.SortFunc(list, func(a, b *track) int {
		return cmp.Or(cmp.Compare(t.meetings[a].distance(), t.meetings[b].distance()), cmp.Compare(a.camera, b.camera))
	})
	return list
}
