package config

import (
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/goccy/go-yaml/ast"
)

// Models are the models by the names that the configuration gives them, in its order.
type Models []Model

// Model names a card and what to change of it. Card and the values after it are complete once the
// configuration is loaded.
type Model struct {
	Path      string   `yaml:"card,required" doc:"Path of the model card."`
	Threshold float64  `yaml:"threshold" min:"0" max:"1" doc:"Takes the place of the card's threshold."`
	IoU       float64  `yaml:"iou" min:"0" max:"1" doc:"Takes the place of the card's iou."`
	Batch     int      `yaml:"batch" min:"1" max:"1024" doc:"Takes the place of the card's batch."`
	Classes   []string `yaml:"classes" doc:"The classes of objects to look at; person if left out (all, where the detector knows no persons). Detection of whole pictures: the classes to report; all of the card's if left out."`
	On        string   `yaml:"on" doc:"The name of the detection model whose objects it looks at; the first one if left out. Or picture: whole pictures, which is what detection models look at if it is left out, and segmentation models of family semantic can."`
	MinWidth  float64  `yaml:"min_width" default:"0" min:"0" max:"65536" doc:"Narrower objects, in picture pixels, are not looked at."`
	MinHeight float64  `yaml:"min_height" default:"0" min:"0" max:"65536" doc:"Lower objects, in picture pixels, are not looked at."`
	Every     int      `yaml:"every" default:"1" min:"1" max:"1000" doc:"Look at every n-th picture only. The results of the others have nothing of this model; tracks of a detector's objects go on."`
	Margin    float64  `yaml:"margin" min:"-0.45" max:"1.5" doc:"Not for whole pictures: share of the region's size that is added on each side; takes the place of the card's region.scale (0.1 is a scale of 1.2)."`

	// Name is the model's key in the configuration.
	Name string `yaml:"-"`
	// Card is the file at Path with the changes above.
	Card Card `yaml:"-"`
}

func (*Model) shorthand() string { return "card" }

func (m *Model) setName(name string) { m.Name = name }

// Picture is what Model.On says of a model that looks at whole pictures.
const Picture = "picture"

// Of is the model of a name, or nil.
func (m Models) Of(name string) *Model {
	for i := range m {
		if m[i].Name == name {
			return &m[i]
		}
	}
	return nil
}

// Task is the first model of a task, or nil.
func (m Models) Task(task string) *Model {
	for i := range m {
		if m[i].Card.Task == task {
			return &m[i]
		}
	}
	return nil
}

// finder is the first detection model that looks at whole pictures, or nil.
func (m Models) finder() *Model {
	for i := range m {
		if m[i].Card.Task == "detection" && m[i].On == "" {
			return &m[i]
		}
	}
	return nil
}

// Names of all models, in order.
func (m Models) Names() (names []string) {
	for i := range m {
		names = append(names, m[i].Name)
	}
	return names
}

// Tasks are what models do.
var Tasks = []string{"detection", "pose", "segmentation", "reid", "classification"}

// named is an element of a list that is written as an object, key by key.
type named interface{ setName(string) }

// byName decodes a mapping into a list of named elements.
func (r *reader) byName(field string, n ast.Node, v reflect.Value) {
	pairs, ok := r.pairs(field, n, 0)
	if !ok {
		r.fault(field, "expected an object, found %s", kind(n))
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(pairs), len(pairs)))
	for i, p := range pairs {
		way := join(field, p.key)
		r.places[way] = p.at
		if at := position(p.value); at != nil {
			r.places[way] = at
		}
		v.Index(i).Addr().Interface().(named).setName(p.key)
		r.value(way, p.value, v.Index(i))
	}
}

func (r *reader) checkModels(c *Config) {
	for i := range c.Models {
		m := &c.Models[i]
		field := "models." + m.Name
		if !cameraName.MatchString(m.Name) {
			r.fault(field, "expected a name of letters, digits, '.', '-' and '_' (at most 64, not '.' or '-' first)")
			continue
		}
		if m.Name == Picture {
			r.fault(field, "is no name for a model: on: picture means whole pictures")
			continue
		}
		r.checkModel(field, m)
	}
	first := c.Models.finder()
	if first == nil && r.sound("models") && r.has("models") && !slices.ContainsFunc(c.Models, func(m Model) bool { return !r.sound("models."+m.Name) || m.Card.Task == "" }) {
		r.fault("models", "expected a model of task detection that looks at whole pictures: the others look at what it finds")
	}
	for i := range c.Models {
		if m := &c.Models[i]; m.Card.Task != "" && (m.Card.Task != "detection" || m.On != "") {
			r.checkSubjects("models."+m.Name, c, m)
		}
	}
}

// checkModel loads the model's card and lays the configuration's changes over it.
func (r *reader) checkModel(field string, m *Model) {
	if !r.sound(field) || m.Path == "" {
		return
	}
	at := field
	if r.has(field + ".card") {
		at = field + ".card"
	}
	path, err := find(r.file, m.Path)
	if err != nil {
		r.fault(at, "cannot open the model card: %v", err)
		return
	}
	card, err := LoadCard(path)
	var faults Errors
	switch {
	case errors.As(err, &faults):
		r.faults = append(r.faults, faults...)
	case err != nil:
		r.fault(at, "cannot read the model card: %v", err)
		return
	}
	if slices.Contains(Tasks, m.Name) && card.Task != m.Name && err == nil {
		r.fault(at, "expected a card of task %s, %s is of task %s", m.Name, path, card.Task)
	}
	if !r.has(field + ".threshold") {
		m.Threshold = card.Threshold
	}
	if !r.has(field + ".iou") {
		m.IoU = card.IoU
	}
	if !r.has(field + ".batch") {
		m.Batch = card.Batch
	}
	if r.has(field + ".margin") {
		card.Region.Scale = 1 + 2*m.Margin
	}
	if m.On == Picture && card.Task == "detection" {
		m.On = ""
	}
	if card.Task == "detection" && m.On == "" {
		r.checkWanted(field, m.Classes, &card, err == nil)
		for _, key := range []string{"min_width", "min_height", "margin"} {
			if r.has(field + "." + key) {
				r.fault(field+"."+key, "%s looks at whole pictures; on names another model, at whose objects it then looks", m.Name)
			}
		}
	}
	card.Threshold, card.IoU, card.Batch = m.Threshold, m.IoU, m.Batch
	m.Card = card
}

func (r *reader) checkWanted(field string, classes []string, card *Card, sound bool) {
	for i, class := range classes {
		if slices.Contains(card.Classes, class) || !sound {
			continue
		}
		hint := suggestion(class, card.Classes)
		r.fault(fmt.Sprintf("%s.classes[%d]", field, i), "%s has no class %q%s", card.Path, class, hint)
	}
}

// checkSubjects settles which objects a model looks at.
func (r *reader) checkSubjects(field string, c *Config, m *Model) {
	if m.On == "" {
		if first := c.Models.finder(); first != nil {
			m.On = first.Name
		}
	}
	if m.On == Picture {
		r.checkScene(field, m)
		return
	}
	on := c.Models.Of(m.On)
	switch {
	case on == nil && r.has(field+".on"):
		hint := suggestion(m.On, c.Models.Names())
		r.fault(field+".on", "no model is named %q%s", clip(m.On), hint)
		return
	case on == nil:
		return
	case on.Card.Task != "detection":
		if on.Card.Task != "" {
			r.fault(field+".on", "expected a detection model, %s is of task %s", m.On, on.Card.Task)
		}
		return
	}
	if m.Card.Task == "detection" {
		r.checkWithin(field, c, m)
	}
	r.checkWanted(field, m.Classes, &on.Card, len(on.Card.Classes) > 0)
	reported := on.Card.Classes
	if on.On == "" && len(on.Classes) > 0 {
		reported = on.Classes
	}
	if len(m.Classes) == 0 && slices.Contains(reported, "person") {
		m.Classes = []string{"person"}
	}
	for i, class := range m.Classes {
		if slices.Contains(on.Card.Classes, class) && !slices.Contains(reported, class) {
			r.fault(fmt.Sprintf("%s.classes[%d]", field, i), "models.%s.classes leaves out %q, so that nothing would be looked at", on.Name, class)
		}
	}
}

// checkWithin checks a detection model that looks at another one's objects.
func (r *reader) checkWithin(field string, c *Config, m *Model) {
	if f := m.Card.family(); f != nil && f.oneStage {
		r.fault(field+".on", "a model of family %s looks at whole pictures", m.Card.Family)
	}
	on := m
	for range c.Models {
		if on = c.Models.Of(on.On); on == nil || on.On == "" {
			return
		}
		if on == m {
			r.fault(field+".on", "%s looks at what it finds itself", m.Name)
			return
		}
	}
}

// checkScene checks a model that looks at whole pictures.
func (r *reader) checkScene(field string, m *Model) {
	if m.Card.Family != "semantic" {
		r.fault(field+".on", "only segmentation models of family semantic look at whole pictures, %s is %s", m.Card.Name(), m.Card.kind())
		return
	}
	r.checkWanted(field, m.Classes, &m.Card, len(m.Card.Classes) > 0)
	for _, key := range []string{"min_width", "min_height", "margin"} {
		if r.has(field + "." + key) {
			r.fault(field+"."+key, "%s looks at whole pictures", m.Name)
		}
	}
}

// checkCameraModels checks the names of a camera's own models.
func (r *reader) checkCameraModels(field string, c *Config, camera *Camera) {
	if !r.sound(field) {
		return
	}
	r.checkNotEmpty(field, len(camera.Models))
	for i, name := range camera.Models {
		way := fmt.Sprintf("%s[%d]", field, i)
		m := c.Models.Of(name)
		switch {
		case m == nil && r.sound(way):
			hint := suggestion(name, c.Models.Names())
			r.fault(way, "models.%s is not configured%s", clip(name), hint)
		case m != nil && slices.Contains(camera.Models[:i], name):
			r.fault(way, "%s is named twice", name)
		case m != nil && m.On != "" && c.Models.Of(m.On) != nil && !slices.Contains(camera.Models, m.On):
			r.fault(way, "%s looks at what %s finds, which is not among the camera's models", name, m.On)
		}
	}
	uses := c.ModelsOf(camera)
	if len(camera.Models) > 0 && !slices.ContainsFunc(uses, func(m *Model) bool {
		return m.Card.Task == "detection" || m.Card.Task == "" || m.On != "" && m.On != Picture
	}) {
		r.fault(field, "expected a detection model among them: the others look at what it finds")
	}
	var embedder *Model
	for _, m := range uses {
		if m.Card.Task == "reid" && embedder != nil {
			r.fault(field, "%s and %s are both of task reid, a camera can have one", embedder.Name, m.Name)
		}
		if m.Card.Task == "reid" {
			embedder = m
		}
	}
}

// ModelsOf are the models of a camera, in the configuration's order.
func (c *Config) ModelsOf(camera *Camera) (list []*Model) {
	for i := range c.Models {
		if m := &c.Models[i]; len(camera.Models) == 0 || slices.Contains(camera.Models, m.Name) {
			list = append(list, m)
		}
	}
	return list
}
