package config

import (
	"reflect"
	"testing"
)

func TestModelFaults(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"cascades": {`models:
  detection: detection.yaml
  pose: {card: pose.yaml, on: detektion, classes: [dog], every: 0}
  wide: {card: detection.yaml, margin: 0.2}
  legs: {card: pose.yaml, on: pose}
  "a b": pose.yaml
  dogs: {card: pose.yaml, on: wide, classes: [dogs]}
cameras:
- {name: a, source: clip.mp4, models: [detection, dogs, detection, legz]}
`, []string{
			"3:31: models.pose.on: no model is named \"detektion\"; did you mean detection?",
			"3:65: models.pose.every: expected a whole number from 1 to 1000, found number 0",
			"4:40: models.wide.margin: wide looks at whole pictures; on names another model",
			"5:31: models.legs.on: expected a detection model, pose is of task pose",
			"6:10: models.a b: expected a name of letters",
			"7:47: models.dogs.classes[0]: ",
			"9:51: cameras[0].models[1]: dogs looks at what wide finds",
			"9:57: cameras[0].models[2]: detection is named twice",
			"9:68: cameras[0].models[3]: models.legz is not configured; did you mean legs?",
		}},
		"whole pictures": {`models:
  detection: detection.yaml
  pose: {card: pose.yaml, on: picture}
  picture: detection.yaml
cameras: [{name: a, source: clip.mp4}]
`, []string{"3:31: models.pose.on: only segmentation models of family semantic look at whole pictures", "4:12: models.picture: is no name for a model"}},
		"detectors on detectors": {`models:
  detection: {card: detection.yaml, on: wide}
  wide: {card: detection.yaml, on: detection}
  self: {card: detection.yaml, on: self, classes: [dogs]}
cameras: [{name: a, source: clip.mp4}]
`, []string{
			"2:3: models: expected a model of task detection that looks at whole pictures",
			"2:41: models.detection.on: detection looks at what it finds itself",
			"3:36: models.wide.on: wide looks at what it finds itself",
			"4:36: models.self.on: self looks at what it finds itself",
			"4:52: models.self.classes[0]: ",
		}},
		"classes that are not reported": {`models:
  detection: {card: detection.yaml, classes: [dog]}
  heads: {card: pose.yaml, on: detection, classes: [person, dog]}
  pose: pose.yaml
cameras: [{name: a, source: clip.mp4}]
`, []string{`3:53: models.heads.classes[0]: models.detection.classes leaves out "person", so that nothing would be looked at`}},
		"sinks of a detector": {`models: {detection: detection.yaml, pose: pose.yaml}
cameras: [{name: a, source: clip.mp4}]
sinks:
- {type: mot, dir: x, detector: detektion}
- {type: mot, dir: y, detector: pose}
- {type: stdout, detector: detection}
- {type: mot, dir: z, detector: detection}
`, []string{
			`4:33: sinks[0].detector: no model is named "detektion"; did you mean detection?`,
			"5:33: sinks[1].detector: expected a detection model, pose is of task pose",
			"6:28: sinks[2].detector: a stdout sink has no detector",
		}},
		"only poses": {"models: {pose: pose.yaml}\ncameras: [{name: a, source: clip.mp4}]", []string{"1:9: models: expected a model of task detection"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := load(t, c.text)
			wantFaults(t, err, c.want)
		})
	}
}

// What a model looks at has its defaults, and a camera's models stay in the configuration's order.
func TestCascade(t *testing.T) {
	c, err := load(t, `
models:
  wide: {card: detection.yaml, every: 3}
  detection: detection.yaml
  pose: pose.yaml
  dogs: {card: pose.yaml, on: detection, classes: [dog], min_width: 20, min_height: 30.5, every: 2, margin: 0.1}
cameras:
- {name: a, source: clip.mp4}
- {name: b, source: clip.mp4, models: [dogs, detection]}
`)
	if err != nil {
		t.Fatal(err)
	}
	if m := c.Models.Of("pose"); m.On != "wide" || !reflect.DeepEqual(m.Classes, []string{"person"}) || m.Every != 1 || m.Card.Region.Scale != 1.25 {
		t.Errorf("pose: %+v", m)
	}
	if m := c.Models.Of("dogs"); m.On != "detection" || m.MinWidth != 20 || m.MinHeight != 30.5 || m.Every != 2 || m.Card.Region.Scale != 1.2 {
		t.Errorf("dogs: %+v", m)
	}
	var names []string
	for _, m := range c.ModelsOf(&c.Cameras[1]) {
		names = append(names, m.Name)
	}
	if !reflect.DeepEqual(names, []string{"detection", "dogs"}) || len(c.ModelsOf(&c.Cameras[0])) != 4 {
		t.Errorf("%v", names)
	}
}

// A detector on objects, and what looks at what it finds.
func TestNestedDetectors(t *testing.T) {
	nested, err := load(t, `
models:
  heads: {card: detection.yaml, on: detection, min_height: 40, margin: 0.1}
  detection: {card: detection.yaml, on: picture}
  pose: {card: pose.yaml, on: heads}
  legs: pose.yaml
cameras: [{name: a, source: clip.mp4}]
`)
	if err != nil {
		t.Fatal(err)
	}
	if m := nested.Models.Of("heads"); m.On != "detection" || !reflect.DeepEqual(m.Classes, []string{"person"}) || m.Card.Region.Form != "aspect" || m.Card.Region.Scale != 1.2 {
		t.Errorf("heads: %+v", m)
	}
	if on := []string{nested.Models.Of("detection").On, nested.Models.Of("pose").On, nested.Models.Of("legs").On}; !reflect.DeepEqual(on, []string{"", "heads", "detection"}) {
		t.Errorf("%q", on)
	}
}
