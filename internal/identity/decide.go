package identity

import (
	"fmt"
	"math"
	"slices"
)

// patience is in how many looks in a row appearance must speak against a decision before it is taken back.
const patience = 3

// decide gives a track an identity, or looks again at the one it has. cosines are those of its vector with the
// gallery's rows.
func (b *book) decide(t *track, cosines []float32) {
	switch {
	case t.identity != nil:
		b.review(t, cosines)
	case t.views >= b.o.Views:
		b.settle(t, cosines)
	}
}

// settle is a track's first decision: geometry, else appearance, else it is somebody new.
func (b *book) settle(t *track, cosines []float32) {
	for _, u := range t.partners() {
		if u.identity != nil && b.welcome(t, u) {
			b.join(t, u.identity, byGeometry, similarity(cosines, u), b.together(t, u))
			return
		}
	}
	if p, s, ok := b.alike(t, cosines); ok {
		b.join(t, p, byAppearance, s, "appearance")
		return
	}
	b.found(t, "nobody known is like it")
}

// together is the reason that geometry gives.
func (b *book) together(t, u *track) string {
	m := t.meetings[u]
	return fmt.Sprintf("geometry: feet %.2f of a height apart in %d pictures", m.distance(), m.all)
}

// review looks again at a track's identity with what is known now.
func (b *book) review(t *track, cosines []float32) {
	b.untangle(t)
	for _, u := range t.partners() {
		if u.identity != nil && u.identity != t.identity {
			b.reunite(t, u, similarity(cosines, u))
		}
	}
	b.doubt(t, cosines)
}

// impossible says that two tracks are of two people.
func (b *book) impossible(t, u *track) (reason string) {
	if m := t.meetings[u]; m != nil && m.apart() {
		return fmt.Sprintf("geometry: feet %.2f of a height apart in %d pictures", m.distance(), m.all)
	}
	if b.where.atOnce(t.seen, u.seen) {
		return fmt.Sprintf("in %s and %s at once", t.camera, u.camera)
	}
	return ""
}

// untangle splits an identity whose tracks cannot be one person's: what was joined for the weaker reason leaves,
// of two equal ones the later.
func (b *book) untangle(t *track) {
	for i := 0; i < len(t.identity.tracks); i++ {
		u := t.identity.tracks[i]
		if u == t {
			continue
		}
		reason := b.impossible(t, u)
		if reason == "" {
			continue
		}
		leaves := t
		if u.tie < t.tie || u.tie == t.tie && older(u, t) > 0 {
			leaves = u
		}
		b.split(leaves, nil, reason)
		if leaves == t {
			return
		}
		i--
	}
}

// reunite brings two tracks together of which geometry says that they show one person: by merging their identities,
// or by moving one of the tracks where the rest of them cannot be one person.
func (b *book) reunite(t, u *track, s float64) {
	switch reason := b.together(t, u); {
	case b.compatible(t.identity, u.identity):
		b.merge(t.identity, u.identity, s, reason)
		t.tie, u.tie = byGeometry, byGeometry
	case t.tie != byGeometry && b.welcome(t, u):
		b.split(t, u.identity, reason)
		t.tie = byGeometry
	case u.tie != byGeometry && b.welcome(u, t):
		b.split(u, t.identity, reason)
		u.tie = byGeometry
	}
}

// welcome says that t may join u's identity, out of which it first splits those that t cannot be and whom
// appearance alone has brought there.
func (b *book) welcome(t, u *track) bool {
	var wrong []*track
	for _, m := range u.identity.tracks {
		if b.impossible(t, m) == "" {
			continue
		}
		if m == u || m.tie != byAppearance {
			return false
		}
		wrong = append(wrong, m)
	}
	for _, m := range wrong {
		b.split(m, nil, b.impossible(t, m))
	}
	return true
}

// compatible says that nothing keeps two identities from being one.
func (b *book) compatible(p, q *person) bool {
	for _, t := range p.tracks {
		for _, u := range q.tracks {
			if b.impossible(t, u) != "" {
				return false
			}
		}
	}
	return true
}

// reachable says that t may be p by where and when p was seen: nothing speaks against it, some track before t leads to it, and some after it
// comes from it, where there are any.
func (b *book) reachable(t *track, p *person) bool {
	var before, after, led, leads bool
	for _, u := range p.tracks {
		if m := t.meetings[u]; m != nil && m.unlikely() || b.impossible(t, u) != "" {
			return false
		}
		if t.first.Before(u.first) {
			after, leads = true, leads || b.where.leads(t.seen, u.seen)
		} else {
			before, led = true, led || b.where.leads(u.seen, t.seen)
		}
	}
	return before == led && after == leads
}

// alike is the identity of t's site that looks most like it, if it is like it enough and enough more so than any other.
func (b *book) alike(t *track, cosines []float32) (best *person, similar float64, ok bool) {
	if b.o.Similarity >= 1 {
		return nil, 0, false
	}
	second := math.Inf(-1)
	similar = second
	for _, p := range b.persons {
		if p.site != t.site || p == t.identity {
			continue
		}
		s := b.closest(t, p, cosines)
		if s <= second || !b.reachable(t, p) {
			continue
		}
		if s > similar {
			best, similar, second = p, s, similar
		} else {
			second = s
		}
	}
	return best, similar, best != nil && similar >= b.o.Similarity && similar-second >= b.o.Margin
}

// closest is the greatest similarity of a track with an identity's other tracks, less what their age takes from it;
// -Inf if none of them has a vector.
func (b *book) closest(t *track, p *person, cosines []float32) float64 {
	best := math.Inf(-1)
	for _, u := range p.tracks {
		if u == t || u.row < 0 || u.views == 0 {
			continue
		}
		s := similarity(cosines, u)
		if b.o.Decay > 0 {
			age := apartInTime(t.seen, u.seen).Seconds() / b.o.Decay.Seconds()
			s -= (1 - b.o.Similarity) * (1 - math.Exp2(-age))
		}
		best = max(best, s)
	}
	return best
}

// similarity is the cosine with a track's vector; 0 where it has none.
func similarity(cosines []float32, u *track) float64 {
	if u.row < 0 || u.row >= len(cosines) {
		return 0
	}
	if s := float64(cosines[u.row]); !math.IsNaN(s) {
		return s
	}
	return 0
}

// doubt lets appearance, which gets better with every view, take back what it decided, or bring together what it
// held apart: patience looks in a row must say the same.
func (b *book) doubt(t *track, cosines []float32) {
	own := b.closest(t, t.identity, cosines)
	rival, s, like := b.alike(t, cosines)
	alone := !slices.ContainsFunc(t.partners(), func(u *track) bool { return u.identity == t.identity })
	stranger := t.tie == byAppearance && alone && own < b.o.Similarity-b.o.Margin
	better := like && (t.tie != byAppearance || s >= own+b.o.Margin || b.compatible(t.identity, rival))
	if !better {
		rival = nil
	}
	if !better && !stranger {
		t.rival, t.doubts = nil, 0
		return
	}
	if t.doubts == 0 || rival != t.rival {
		t.rival, t.doubts = rival, 0
	}
	if t.doubts++; t.doubts < patience {
		return
	}
	t.rival, t.doubts = nil, 0
	switch {
	case better && b.compatible(t.identity, rival):
		b.merge(t.identity, rival, s, "appearance")
	case better && t.tie == byAppearance && s >= own+b.o.Margin:
		b.split(t, rival, "appearance: more like the other")
		t.similarity = s
	case stranger:
		b.split(t, nil, "appearance: no longer like it")
	}
}
