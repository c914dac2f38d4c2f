package cuda

import (
	"syscall"
	"time"
)

// pause is how long a decoder sleeps before it asks again whether a picture is decoded. It follows what the
// hardware takes, its queue included, from below: a sleep too long is latency, one too short a question more.
type pause struct{ length time.Duration }

const shortestPause, longestPause = 50 * time.Microsecond, 10 * time.Millisecond

// before is how long to sleep the nth time, from 0, for one picture. After the first sleep short ones follow, which
// grow: what waits behind other cameras' pictures is not asked for at every moment.
func (p *pause) before(n int) time.Duration {
	if n == 0 {
		return max(p.length, shortestPause)
	}
	return min(max(p.length/16, shortestPause)<<min((n-1)/3, 8), longestPause)
}

// learn takes in how many sleeps a picture took and how long those after the first were together. It grows as slowly
// as it shrinks: the few that wait long, behind other cameras' pictures, must not make the many late. A picture
// that was there already says nothing.
func (p *pause) learn(sleeps int, more time.Duration) {
	switch {
	case sleeps == 1:
		p.length -= p.length / 16
	case sleeps > 1:
		p.length = min(max(p.length, shortestPause)+min(more/4, p.length/16+time.Microsecond), longestPause)
	}
}

// nap sleeps in the kernel: Go's timers round up to a millisecond when nothing else is to be done.
func nap(d time.Duration) {
	t := syscall.NsecToTimespec(int64(d))
	_ = syscall.Nanosleep(&t, nil) // woken early by a signal does no harm
}
