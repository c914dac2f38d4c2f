package config

import (
	"strings"
	"time"
)

// Tracking are the settings of all cameras' trackers.
type Tracking struct {
	Method  string   `yaml:"method" enum:"iou,sort,bytetrack,botsort" default:"botsort" doc:"iou: by overlap with the last box; sort: with a predicted box; bytetrack: then objects of low score continue tracks; botsort: also by appearance, with the camera's motion taken out."`
	Birth   float64  `yaml:"birth" default:"0.5" min:"0" max:"1" doc:"Least score that starts a track."`
	Update  float64  `yaml:"update" default:"0.4" min:"0" max:"1" doc:"Least score that continues one; at most birth. Nothing below the detection model's threshold is seen at all."`
	Confirm int      `yaml:"confirm" default:"3" min:"1" max:"1000" doc:"Pictures that must show an object before it gets a number."`
	Lost    Duration `yaml:"lost" default:"1s" doc:"How long a track may go unseen and keep its number."`
	Coast   Duration `yaml:"coast" default:"0.3s" doc:"How long a track that is not seen is told of, where its motion takes it (unseen in the results); at most lost. 0: not at all."`
}

func (*Tracking) shorthand() string { return "method" }

// CameraTracking is what one camera's tracker does otherwise. It is complete once the configuration is
// loaded.
type CameraTracking struct {
	Method  string   `yaml:"method" enum:"iou,sort,bytetrack,botsort" doc:"Takes the place of tracking.method."`
	Birth   float64  `yaml:"birth" min:"0" max:"1" doc:"Takes the place of tracking.birth."`
	Update  float64  `yaml:"update" min:"0" max:"1" doc:"Takes the place of tracking.update."`
	Confirm int      `yaml:"confirm" min:"1" max:"1000" doc:"Takes the place of tracking.confirm."`
	Lost    Duration `yaml:"lost" doc:"Takes the place of tracking.lost."`
	Coast   Duration `yaml:"coast" doc:"Takes the place of tracking.coast."`
}

func (*CameraTracking) shorthand() string { return "method" }

// checkTracking looks at the settings of all cameras.
func (r *reader) checkTracking(t *Tracking) {
	if t.Update > t.Birth && r.sound("tracking.update") && r.sound("tracking.birth") {
		at := "tracking.update"
		if !r.has(at) {
			at = "tracking.birth"
		}
		r.misordered(at, t)
	}
	r.checkCoast("tracking", t)
}

// checkCoast: a default that is longer than a short lost is cut without a word.
func (r *reader) checkCoast(field string, t *Tracking) {
	if at := field + ".coast"; t.Coast > t.Lost && r.has(at) && r.sound(at) && r.sound(field+".lost") {
		r.fault(at, "expected at most lost (%v), found %v", time.Duration(t.Lost), time.Duration(t.Coast))
	}
}

// inherit completes a camera's settings from those of all cameras. It must follow checkTracking.
func (r *reader) inherit(field string, mine *CameraTracking, all *Tracking) {
	given := func(key string) bool { return r.has(field + "." + key) }
	if mine.Method == "" {
		mine.Method = all.Method
	}
	if !given("birth") {
		mine.Birth = all.Birth
	}
	if !given("update") {
		mine.Update = all.Update
	}
	if !given("confirm") {
		mine.Confirm = all.Confirm
	}
	if !given("lost") {
		mine.Lost = all.Lost
	}
	if !given("coast") {
		mine.Coast = all.Coast
	}
	t := Tracking(*mine)
	r.checkCoast(field, &t)
	if t.Update <= t.Birth || !r.sound(field+".update") || !r.sound(field+".birth") {
		return
	}
	switch { // the one that is not given must be sound, or its mistake would be told twice
	case given("update") && (given("birth") || r.sound("tracking.birth")):
		r.misordered(field+".update", &t)
	case given("birth") && !given("update") && r.sound("tracking.update"):
		r.misordered(field+".birth", &t)
	}
}

// misordered tells of an update above birth, at the one of the two that was written.
func (r *reader) misordered(at string, t *Tracking) {
	if strings.HasSuffix(at, ".birth") {
		r.fault(at, "expected at least update (%g), found %g", t.Update, t.Birth)
		return
	}
	r.fault(at, "expected at most birth (%g), found %g", t.Birth, t.Update)
}
