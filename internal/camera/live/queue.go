package live

import (
	"sync/atomic"

	"sightline/internal/media"
)

// Causes of drops, as the metrics name them.
const (
	// DroppedLoss: packets were lost, and the unit before the next random access picture is not whole.
	DroppedLoss = "packet loss"
	// DroppedDamaged: a unit's packets made no sense.
	DroppedDamaged = "damaged packets"
	// DroppedSlow: the decoder did not keep up, and the units up to the next random access picture went.
	DroppedSlow = "ingest queue full"
)

// queued is how many units may wait for the decoder, and queuedBytes how large they may be together (a single
// one may be larger): memory stays bounded whatever a camera sends.
const (
	queued      = 64
	queuedBytes = 16 << 20
)

// queue holds units between the connection's goroutine, which alone sends, and Next's.
type queue struct {
	units chan media.AccessUnit
	bytes atomic.Int64 // of the units in the channel
}

func newQueue() queue { return queue{units: make(chan media.AccessUnit, queued)} }

func (q *queue) full(u *media.AccessUnit) bool {
	waits := q.bytes.Load()
	return waits > 0 && waits+int64(len(u.Data)) > queuedBytes || len(q.units) == cap(q.units)
}

func (q *queue) taken(u *media.AccessUnit) { q.bytes.Add(-int64(len(u.Data))) }

// deliver queues a unit without waiting for the decoder. What follows a unit that is missing cannot be
// decoded before the next random access picture.
func (s *Source) deliver(u media.AccessUnit) {
	if s.waiting && !u.Key {
		s.drop(DroppedLoss)
		return
	}
	if s.full(&u) {
		s.waiting = true
		s.drop(DroppedSlow)
		return
	}
	u.Discontinuity, s.waiting = s.waiting, false
	s.bytes.Add(int64(len(u.Data)))
	s.counters.unit(&u)
	s.units <- u // there is room, and nobody else sends
}

func (s *Source) drop(cause string) {
	s.counters.dropped(cause)
	s.options.Dropped(cause)
}
