package host

import (
	"errors"
	"fmt"
	"sync"

	"sightline/internal/device"
)

// capture is a recording that one stream began and others may have joined.
type capture struct {
	origin *stream
	nodes  []node
	// unjoined holds the other streams whose newest work nobody waits for yet, marks which stream
	// an event of the recording was recorded on.
	unjoined map[*stream]bool
	marks    map[*event]*stream
}

type node struct {
	stream *stream
	item   item
}

// captures finds the capture that an event belongs to, as the driver does.
var captures struct {
	sync.Mutex
	of map[*event]*capture
}

func joining(e *event) *capture {
	captures.Lock()
	defer captures.Unlock()
	return captures.of[e]
}

func (c *capture) record(s *stream, i item) {
	c.nodes = append(c.nodes, node{s, i})
	switch {
	case i.event != nil && i.signal:
		captures.Lock()
		if captures.of == nil {
			captures.of = map[*event]*capture{}
		}
		captures.of[i.event] = c
		captures.Unlock()
	case i.event != nil:
		delete(c.unjoined, c.marks[i.event])
		if s != c.origin {
			c.unjoined[s] = true
		}
	case s != c.origin:
		c.unjoined[s] = true
	}
}

func (s *stream) BeginCapture() error {
	if s.capture != nil {
		return fmt.Errorf("stream of %s is being captured already", s.owner)
	}
	s.capture = &capture{origin: s, unjoined: map[*stream]bool{}, marks: map[*event]*stream{}}
	return nil
}

func (s *stream) EndCapture() (device.Graph, error) {
	c := s.capture
	if c == nil || c.origin != s {
		return nil, fmt.Errorf("stream of %s did not begin a capture", s.owner)
	}
	captures.Lock()
	for e := range c.marks {
		delete(captures.of, e)
	}
	captures.Unlock()
	for _, n := range c.nodes {
		n.stream.capture = nil
	}
	s.capture = nil
	for other := range c.unjoined {
		return nil, fmt.Errorf("stream of %s: %w", other.owner, device.ErrUnjoined)
	}
	return &graph{nodes: c.nodes}, nil
}

// graph replays recorded work on the streams it was recorded for; a replay allocates nothing.
type graph struct{ nodes []node }

func (g *graph) Close() error { return nil }

func (s *stream) Launch(g device.Graph) error {
	if s.capture != nil {
		return errors.New("launch of a graph inside a capture")
	}
	for _, n := range g.(*graph).nodes {
		if err := n.stream.push(n.item); err != nil {
			return err
		}
	}
	return nil
}
