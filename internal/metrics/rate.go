package metrics

import "time"

// The window that a rate is taken over is a ring of short slots.
const (
	slotLength = 500 * time.Millisecond
	slots      = 20
)

// rate counts events of the last ten seconds and of all time.
type rate struct {
	start, last time.Time // of the first and the last event
	total       uint64
	slot        [slots]uint64
	at          int64 // number of the newest slot since start
}

// advance empties the slots that have become too old.
func (r *rate) advance(now time.Time) {
	at := int64(now.Sub(r.start) / slotLength)
	for next := max(r.at+1, at-slots+1); next <= at; next++ {
		r.slot[next%slots] = 0
	}
	r.at = max(r.at, at)
}

func (r *rate) add(now time.Time) {
	if r.total == 0 {
		r.start = now
	}
	r.advance(now)
	r.slot[r.at%slots]++
	r.total++
	r.last = now
}

// recent is events a second over the window up to now.
func (r *rate) recent(now time.Time) float64 {
	if r.total == 0 {
		return 0
	}
	r.advance(now)
	n := uint64(0)
	for _, c := range r.slot {
		n += c
	}
	begin := r.start
	if first := r.at - slots + 1; first > 0 {
		begin = r.start.Add(time.Duration(first) * slotLength)
	} else {
		n-- // the first event opens the window, it does not lie in it
	}
	return perSecond(n, now.Sub(begin))
}

// mean is events a second from the first to the last.
func (r *rate) mean() float64 {
	if r.total < 2 {
		return 0
	}
	return perSecond(r.total-1, r.last.Sub(r.start))
}

func perSecond(n uint64, d time.Duration) float64 {
	if d <= 0 {
		return 0
	}
	return float64(n) / d.Seconds()
}
