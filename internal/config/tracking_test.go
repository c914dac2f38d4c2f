package config

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestCamerasTrackAsTheySay(t *testing.T) {
	c, err := load(t, least+`- {name: b, source: clip.mp4, tracking: iou}
- {name: c, source: clip.mp4, tracking: {lost: 0, birth: 0.45, coast: 0}}
- {name: d, source: clip.mp4, tracking: {method: botsort, update: 0, confirm: 1}}
tracking: {method: sort, lost: 3s, coast: 500ms}
`)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []CameraTracking{
		{"sort", 0.5, 0.4, 3, Duration(3 * time.Second), Duration(time.Second / 2)},
		{"iou", 0.5, 0.4, 3, Duration(3 * time.Second), Duration(time.Second / 2)},
		{"sort", 0.45, 0.4, 3, 0, 0},
		{"botsort", 0.5, 0, 1, Duration(3 * time.Second), Duration(time.Second / 2)},
	} {
		if got := c.Cameras[i].Tracking; got != want {
			t.Errorf("camera %d: %+v, want %+v", i, got, want)
		}
	}
	if c, err = load(t, least+"tracking: bytetrack\n"); err != nil || c.Cameras[0].Tracking.Method != "bytetrack" || c.Tracking.Birth != 0.5 {
		t.Errorf("a method alone: %v, %+v", err, c)
	}
}

func TestFaultsOfTracking(t *testing.T) {
	_, err := load(t, least+`- {name: b, source: clip.mp4, tracking: sorted}
- {name: c, source: clip.mp4, tracking: {method: kalman, birth: 0.3}}
- {name: d, source: clip.mp4, tracking: {update: 0.6, metod: iou}}
- {name: e, source: clip.mp4, tracking: {update: 0.6, birth: 0.5, lost: 3, confirm: 0}}
- {name: f, source: clip.mp4, tracking: [sort]}
tracking: {lost: soon}
`)
	var faults Errors
	if !errors.As(err, &faults) {
		t.Fatalf("error %v, want Errors", err)
	}
	want := []string{
		"c.yaml:4:41: cameras[1].tracking: expected iou or sort or bytetrack or botsort, found text \"sorted\"",
		"c.yaml:5:50: cameras[2].tracking.method: expected iou or sort or bytetrack or botsort, found text \"kalman\"",
		"c.yaml:5:65: cameras[2].tracking.birth: expected at least update (0.4), found 0.3",
		"c.yaml:6:50: cameras[3].tracking.update: expected at most birth (0.5), found 0.6",
		"c.yaml:6:55: cameras[3].tracking.metod: unknown key; did you mean method?",
		"c.yaml:7:50: cameras[4].tracking.update: expected at most birth (0.5), found 0.6",
		"c.yaml:7:73: cameras[4].tracking.lost: expected a duration",
		"c.yaml:7:85: cameras[4].tracking.confirm: expected a whole number from 1 to 1000, found number 0",
		"c.yaml:8:41: cameras[5].tracking: expected an object, found a list",
		"c.yaml:9:18: tracking.lost: expected a duration",
	}
	for i, w := range want {
		if i >= len(faults) || !strings.Contains(faults[i].String(), w) {
			t.Errorf("fault %d is not %q", i, w)
		}
	}
	if len(faults) != len(want) || t.Failed() {
		t.Errorf("%d faults, want %d:\n%v", len(faults), len(want), err)
	}
}

// A camera that inherits a mistake does not tell it again.
func TestFaultOfTrackingIsToldOnce(t *testing.T) {
	_, err := load(t, "tracking: {birth: 0.2}\n"+least+"- {name: b, source: clip.mp4, tracking: {update: 0.3}}\n")
	var faults Errors
	if !errors.As(err, &faults) || len(faults) != 1 || !strings.Contains(err.Error(), ":1:19: tracking.birth: expected at least update (0.4), found 0.2") {
		t.Errorf("error %v", err)
	}
}

// A track cannot be told of for longer than it lives; a default that would be is no mistake of the user's.
func TestCoastLastsAsLostAtMost(t *testing.T) {
	_, err := load(t, `models: {detection: detection.yaml}
tracking: {lost: 100ms, coast: 2s}
cameras:
- {name: a, source: clip.mp4, tracking: {lost: 200ms}}
- {name: b, source: clip.mp4, tracking: {coast: 300ms}}
`)
	wantFaults(t, err, []string{
		"2:32: tracking.coast: expected at most lost (100ms), found 2s",
		"5:49: cameras[1].tracking.coast: expected at most lost (100ms), found 300ms",
	})
	if _, err := load(t, "models: {detection: detection.yaml}\ntracking: {lost: 100ms}\ncameras: [{name: a, source: clip.mp4}]"); err != nil {
		t.Error(err)
	}
}
