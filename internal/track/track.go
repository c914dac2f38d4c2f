// Package track gives detected objects numbers that stay with them from frame to frame.
//
// Four methods share one life of a track: sure objects (Options.Birth) start tracks, some frames confirm
// them, some time unseen ends them. Motion is a Kalman filter whose time step comes from presentation
// times, so that variable frame rates and dropped frames need no care.
package track

import (
	"fmt"
	"time"

	"sightline/internal/result"
)

// Tracker follows one camera's objects. It belongs to one goroutine.
type Tracker interface {
	// Update takes the next frame's objects and sets every Track, the number of the object's track, 0
	// while it has none, and TrackBox, where that track is taken to be. pts must rise from frame to frame; if it falls, or jumps by more than
	// Options.MaxGap, tracks start again from where they were last seen. Objects with a box or score that
	// is not finite, or with an empty box, are passed over.
	Update(pts time.Duration, objects []result.Object, a Appearance)
	// Unseen appends the confirmed tracks that no object of the last frame belongs to, where they are taken
	// to be, until Options.Coast after they were last seen. Those that touch the edge of a picture of this size are
	// left out, and all are while motion cannot be foretold. IoU, which foretells nothing, has none.
	Unseen(dst []result.Unseen, width, height int) []result.Unseen
	// Rest says that some detectors, by the name that their objects tell, do not look at the next frame: their tracks
	// are predicted, and it is no miss that nobody belongs to them.
	Rest(detectors []string)
	// Count is how many tracks have been confirmed so far, which is also the highest number given.
	Count() int64
	// Live is how many tracks are being followed, confirmed or not.
	Live() int
}

// New makes a tracker; the only error is a Method that is none of ours. It allocates what it needs as
// it sees more objects and then no more.
func New(o Options) (Tracker, error) {
	o = o.withDefaults()
	if _, ok := methods[o.Method]; !ok {
		return nil, fmt.Errorf("tracking method %q: there is none of that name", o.Method)
	}
	return newCore(o), nil
}

// Options are a tracker's settings. A zero value takes the default that its comment names.
type Options struct {
	// Method is how tracks and objects are brought together: BoTSORT.
	Method Method
	// Birth is the least score that starts a track: 0.50.
	Birth float32
	// Update is the least score that continues one: 0.40.
	Update float32
	// ConfirmHits is how many frames must show an object before it gets a number: 3.
	ConfirmHits int
	// Lost is how long a confirmed track may go unseen and still keep its number: 1 s. A track
	// survives one missed frame however slow the frame rate is.
	Lost time.Duration
	// Coast is how long an unseen track is told of, at most Lost: 0.3 s; below 0 not at all.
	Coast time.Duration
	// MaxGap is the longest pause between two frames over which motion is extrapolated: 3 s.
	MaxGap time.Duration
	// After is the number after which tracks are numbered: 0, or the last one of the run before.
	After int64
	// MaxTracks bounds the live tracks; while there are as many, none is started: 256.
	MaxTracks int
	// Slots is the number of rows of the appearance gallery on the device; 0 works without.
	Slots int
	// Person is the class name that appearance rows stand for where Appearance does not say: "person".
	Person string
}

func (o Options) withDefaults() Options {
	set := func(v *float32, d float32) {
		if !(*v > 0) {
			*v = d
		}
	}
	if o.Method == "" {
		o.Method = BoTSORT
	}
	set(&o.Birth, 0.50)
	set(&o.Update, 0.40)
	o.Update = min(o.Update, o.Birth)
	if o.ConfirmHits <= 0 {
		o.ConfirmHits = 3
	}
	if o.Lost <= 0 {
		o.Lost = time.Second
	}
	if o.Coast == 0 {
		o.Coast = 300 * time.Millisecond
	}
	o.Coast = min(o.Coast, o.Lost)
	if o.MaxGap <= 0 {
		o.MaxGap = 3 * time.Second
	}
	if o.MaxTracks <= 0 {
		o.MaxTracks = 256
	}
	o.Slots = max(o.Slots, 0)
	if o.Person == "" {
		o.Person = "person"
	}
	return o
}

// Appearance is one frame's comparison of the objects just seen with the gallery that the tracker
// keeps on the device. The zero value is a frame without appearance.
type Appearance struct {
	// Objects are the rows' objects, as indices of the frame's; nil: row i is the i-th object of class
	// Options.Person.
	Objects []int
	// Cosines is [rows,Options.Slots], row by row. Rows that are missing, slots that no track holds
	// and values that are not finite are ignored.
	Cosines []float32
	// Actions receives what device.Blend is to do with the row: s >= 0 blend into slot s, -2-s make
	// slot s a copy, -1 leave the gallery alone. All of it is written; rows beyond its length get
	// no slot.
	Actions []int32
}
