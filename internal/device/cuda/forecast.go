package cuda

import "time"

// forecast guesses how long the hardware will still work on a picture. The library's own waiting asks the hardware
// again and again, which with many cameras is most of what a picture costs the processor: it is cheaper to sleep
// through the part that is sure.
type forecast struct {
	// least follows the short end of the times from a unit's submission to its decoded picture.
	least time.Duration
}

const (
	// sure is the share of least that is slept through: less than all, or a shorter time would never be seen.
	sure = .75
	// shortest is what is worth a sleep; the runtime's timers are no more exact than that.
	shortest = time.Millisecond
)

// rest is how long to sleep for a unit that was submitted so long ago.
func (f *forecast) rest(since time.Duration) time.Duration {
	if d := time.Duration(sure*float64(f.least)) - since - shortest/2; d >= shortest {
		return d
	}
	return 0
}

// learn takes the time that a picture took: shorter ones count at once, longer ones little by little.
func (f *forecast) learn(took time.Duration) {
	weight := .05
	if took < f.least {
		weight = .5
	}
	f.least += time.Duration(weight * float64(took-f.least))
}
