package cuda

import (
	"syscall"
	"time"
)

// pause is how long a decoder sleeps before it asks again whether a picture is decoded. It follows what the
// hardware takes, its queue included, from below: a sleep too long is latency, one too short a question more.
type pause struct{ length time.Duration }

const shortestPause, longestPause = 50 * time.Microsecond, 10 * time.Millisecond

// sleep is the nth sleep, from 0, for one picture: short ones follow the first.
func (p *pause) sleep(n int) {
	if n == 0 {
		nap(max(p.length, shortestPause))
	} else {
		nap(p.step())
	}
}

func (p *pause) step() time.Duration { return max(p.length/16, shortestPause) }

// learn takes in how many sleeps a picture took. A picture that was there already says nothing.
func (p *pause) learn(sleeps int) {
	switch {
	case sleeps == 1:
		p.length -= p.length / 16
	case sleeps > 1:
		p.length = min(p.length+p.step()*time.Duration(sleeps-1)/4, longestPause)
	}
}

// nap sleeps in the kernel: Go's timers round up to a millisecond when nothing else is to be done.
func nap(d time.Duration) {
	t := syscall.NsecToTimespec(int64(d))
	_ = syscall.Nanosleep(&t, nil) // woken early by a signal does no harm
}
