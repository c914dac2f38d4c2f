package identity

import "slices"

// found makes t somebody new.
func (b *book) found(t *track, reason string) {
	b.next++
	p := &person{number: b.next, site: t.site, tracks: []*track{t}}
	b.persons = append(b.persons, p)
	t.identity, t.tie, t.similarity = p, founder, 0
	b.changed[t.run] = true
	b.tell(b.event(Newcomer, reason, 0, []*person{p}, t))
}

// join makes t one of p's tracks.
func (b *book) join(t *track, p *person, by tie, s float64, reason string) {
	p.tracks = append(p.tracks, t)
	t.identity, t.tie, t.similarity = p, by, s
	b.changed[t.run] = true
	b.tell(b.event(Join, reason, s, []*person{p}, t))
}

// merge makes two identities one, which keeps the lower number.
func (b *book) merge(p, q *person, s float64, reason string) {
	if p.number > q.number {
		p, q = q, p
	}
	moved := q.tracks
	for _, t := range moved {
		t.identity = p
		t.rival, t.doubts = nil, 0
		if t.tie == founder {
			t.tie, t.similarity = byAppearance, s
		}
		b.changed[t.run] = true
	}
	p.tracks, q.tracks = append(p.tracks, moved...), nil
	b.retire(q)
	b.tell(b.event(Merge, reason, s, []*person{p, q}, moved...))
}

// split takes t out of its identity into another one, a new one if to is nil. Those that geometry ties to t and to
// nobody who stays go with it.
func (b *book) split(t *track, to *person, reason string) {
	from := t.identity
	if to == nil && len(from.tracks) == 1 {
		return
	}
	if to == nil {
		b.next++
		to = &person{number: b.next, site: t.site}
		b.persons = append(b.persons, to)
	}
	moved := []*track{t}
	for _, u := range t.partners() {
		if u.identity == from && !slices.ContainsFunc(u.partners(), func(v *track) bool { return v != t && v.identity == from }) &&
			!slices.ContainsFunc(to.tracks, func(m *track) bool { return b.impossible(u, m) != "" }) {
			moved = append(moved, u)
		}
	}
	for _, u := range moved {
		from.remove(u)
		u.identity, u.tie, u.rival, u.doubts = to, byAppearance, nil, 0
		if u != t {
			u.tie = byGeometry
		} else if len(to.tracks) == 0 {
			u.tie = founder
		}
		to.tracks = append(to.tracks, u)
		b.changed[u.run] = true
	}
	people := []*person{from, to}
	b.tell(b.event(Split, reason, 0, people, moved...))
	if len(from.tracks) == 0 {
		b.retire(from)
		b.tell(b.event(Forget, "all its tracks are somebody else's", 0, people[:1]))
	}
}
