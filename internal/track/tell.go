package track

import "sightline/internal/result"

// What is told of tracks beside their numbers: where they are taken to be.

const (
	// trusted is how much predicted and seen boxes must overlap for predictions to be told. They do by 0.8 and
	// more, in crowds too; less means that the camera moves in a way that no filter of one box can foretell.
	trusted = 0.75
	// wholly is the share of an unseen track's box that must lie in the picture: who touches its edge has left it, as
	// a rule. The rest is rounding.
	wholly = 0.999
)

// compare keeps how well tracks in sight were foretold lately, each kind for itself: small things are foretold worse.
func (t *core) compare() {
	for i := range t.kinds {
		t.kinds[i].overlaps, t.kinds[i].compared = 0, 0
	}
	for i := range t.tracks {
		if k := &t.tracks[i]; k.found >= 0 && k.number != 0 && k.misses == 0 && t.seen[k.found].score >= t.o.Birth {
			of := &t.kinds[k.kind]
			of.overlaps, of.compared = of.overlaps+k.predicted.overlap(t.seen[k.found].box, 0), of.compared+1
		}
	}
	for i := range t.kinds {
		if k := &t.kinds[i]; k.compared > 0 {
			k.foretold += 0.2 * (k.overlaps/k.compared - k.foretold)
		}
	}
}

// tell writes a track into the object that belongs to it. Its box is half the filter's, which is calm but lags behind
// what changes quickly, as the width of somebody walking does, and half the detector's.
func (t *core) tell(k *tracked, o *result.Object) {
	if k.number == 0 {
		return
	}
	o.Track, o.TrackBox = k.number, o.Box
	if t.method.predicts && t.kinds[k.kind].foretold >= trusted {
		b := k.motion.box().corners()
		for i := range b {
			o.TrackBox[i] = (o.Box[i] + b[i]) / 2
		}
	}
}

// Unseen has nothing to tell where tracks are not predicted. A track is believed in for as long as it
// was seen before, so that what was there for a moment only leaves no ghost.
func (t *core) Unseen(dst []result.Unseen, width, height int) []result.Unseen {
	if !t.method.predicts {
		return dst
	}
	for i := range t.tracks {
		k := &t.tracks[i]
		since := t.pts - k.lastSeen
		if t.kinds[k.kind].rested { // else those that are hidden would be told where those in sight are not
			continue
		}
		if k.number == 0 || k.misses == 0 || t.kinds[k.kind].foretold < trusted || since > min(t.o.Coast, k.lastSeen-k.born) {
			continue
		}
		b := k.motion.box()
		if b.within(float64(width), float64(height)) < wholly {
			continue
		}
		dst = append(dst, result.Unseen{Track: k.number, Detector: t.kinds[k.kind].detector, Class: t.kinds[k.kind].class, TrackBox: b.corners(), Since: since.Seconds()})
	}
	return dst
}
