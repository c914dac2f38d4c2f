package config

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Identity says how people are recognised across cameras.
type Identity struct {
	Similarity float64  `yaml:"similarity" default:"0.8" min:"0" max:"1" doc:"Least cosine of two appearances that makes them one person; 1: appearance never does, only geometry."`
	Margin     float64  `yaml:"margin" default:"0.03" min:"0" max:"1" doc:"How much more alike the best candidate must be than the second best."`
	Decay      Duration `yaml:"decay" default:"1h" doc:"Time after which an old appearance is trusted half: the similarity asked for goes from similarity towards 1. 0: never."`
	Views      int      `yaml:"views" default:"3" min:"1" max:"1000" doc:"Good views of a track before it gets an identity."`
	Every      Duration `yaml:"every" default:"200ms" doc:"How often a camera tells of the tracks that it follows."`
	Skew       Duration `yaml:"skew" default:"500ms" doc:"How far the clocks of two cameras may be apart."`
	Reach      float64  `yaml:"reach" default:"0.3" min:"0.01" max:"10" doc:"Overlapping cameras with a map: how far apart one person's feet may seem in the two pictures, as a share of the person's height."`
	Forget     Duration `yaml:"forget" default:"10m" doc:"How long somebody is remembered unseen."`
	Gallery    int      `yaml:"gallery" default:"1024" min:"16" max:"16384" doc:"Appearances remembered, each a vector in device memory; the one unseen longest makes room for a new one."`
	File       string   `yaml:"file" doc:"File that keeps the identities over restarts; relative to the working directory. None: they are not kept. FILE.lock beside it keeps other runs out."`
	Save       Duration `yaml:"save" default:"1m" doc:"How often the file is written; it is always written at the end."`
	Audit      string   `yaml:"audit" doc:"File of JSON lines that tells why an identity was made, joined, merged, split or forgotten; it is appended to."`
	Sites      []Site   `yaml:"sites" doc:"Groups of cameras that see the same people. None: all cameras are one site and nothing is known of where they stand."`
}

// Site is a group of cameras that see the same people.
type Site struct {
	Name    string    `yaml:"name,required" doc:"Name in the audit file and the log."`
	Cameras []string  `yaml:"cameras,required" doc:"Names of its cameras; a camera is of one site at most, and one of none gets no identities."`
	Overlap []Overlap `yaml:"overlap" doc:"Pairs of cameras that see a place at once. In cameras that do not, nobody is at once."`
	Routes  []Route   `yaml:"routes" doc:"Ways from camera to camera. A camera that is in any route or overlap is reached by those only."`
}

// Overlap is a pair of cameras that see a place at once.
type Overlap struct {
	Cameras []string  `yaml:"cameras,required" doc:"The two cameras."`
	Shift   []float64 `yaml:"shift" doc:"[x, y] in pixels from a place in the first camera's picture to the same place in the second's, where that is all that differs."`
	Map     []float64 `yaml:"map" doc:"Homography of the ground from the first camera's picture to the second's: nine numbers, row by row. With a map or a shift, geometry takes part."`
}

// Route is a way on which people go from one camera to another.
type Route struct {
	From  string `yaml:"from,required" doc:"Camera that people leave."`
	To    string `yaml:"to,required" doc:"Camera that they come to."`
	After Span   `yaml:"after,required" doc:"Shortest and longest time on the way, for example 2s..30s."`
}

// Span is a range of time, written 2s..30s.
type Span struct{ Min, Max Duration }

func parseSpan(text string) (Span, error) {
	low, high, ok := strings.Cut(text, "..")
	least, err1 := time.ParseDuration(low)
	most, err2 := time.ParseDuration(high)
	if !ok || err1 != nil || err2 != nil || least < 0 || most < least {
		return Span{}, refusal{}
	}
	return Span{Duration(least), Duration(most)}, nil
}

// checkIdentity must follow the checks of models and cameras.
func (r *reader) checkIdentity(c *Config) {
	id := c.Identity
	if id == nil || !r.sound("identity") {
		return
	}
	if c.Models.Task("reid") == nil && r.sound("models") && !slices.ContainsFunc(c.Models, func(m Model) bool { return m.Card.Task == "" }) {
		r.fault("identity", "needs a model of task reid: people are compared by their appearance vectors")
	}
	if len(c.Cameras) > 0 && c.Models.Task("reid") != nil && !slices.ContainsFunc(c.Cameras, func(cam Camera) bool {
		return slices.ContainsFunc(c.ModelsOf(&cam), func(m *Model) bool { return m.Card.Task == "reid" })
	}) {
		r.fault("identity", "no camera has the reid model among its models: nobody could be recognised")
	}
	for key, path := range map[string]string{"file": id.File, "audit": id.Audit} {
		if info, err := os.Stat(path); path != "" && err == nil && info.IsDir() {
			r.fault("identity."+key, "%s is a folder, expected a file", path)
		}
	}
	if id.File != "" && filepath.Clean(id.File) == filepath.Clean(id.Audit) {
		r.fault("identity.audit", "%s is the file of the identities already", id.Audit)
	}
	if time.Duration(id.Save) < time.Second && r.sound("identity.save") {
		r.fault("identity.save", "expected at least 1s, found %s", time.Duration(id.Save))
	}
	taken, names := map[string]string{}, map[string]int{}
	for i := range id.Sites {
		s, field := &id.Sites[i], fmt.Sprintf("identity.sites[%d]", i)
		if first, twice := names[s.Name]; twice && s.Name != "" {
			r.fault(field+".name", "%q is the name of identity.sites[%d] already", clip(s.Name), first)
		}
		names[s.Name] = i
		r.checkSite(field, s, c, taken)
	}
}

func (r *reader) checkSite(field string, s *Site, c *Config, taken map[string]string) {
	if len(s.Cameras) == 0 && r.has(field+".cameras") && r.sound(field+".cameras") {
		r.fault(field+".cameras", "expected at least one camera")
	}
	for i, name := range s.Cameras {
		way := fmt.Sprintf("%s.cameras[%d]", field, i)
		at := slices.IndexFunc(c.Cameras, func(cam Camera) bool { return cam.Name == name })
		switch {
		case !r.sound(way):
		case at < 0:
			r.fault(way, "no camera is named %q", clip(name))
		case taken[name] != "":
			r.fault(way, "camera %q is in %s already", name, taken[name])
		case !c.embeds(&c.Cameras[at]):
			r.fault(way, "camera %q does not run reid (cameras[%d].models)", name, at)
		}
		taken[name] = field
	}
	pairs := map[[2]string]string{}
	for i := range s.Overlap {
		r.checkOverlap(fmt.Sprintf("%s.overlap[%d]", field, i), &s.Overlap[i], s, pairs)
	}
	for i := range s.Routes {
		r.checkRoute(fmt.Sprintf("%s.routes[%d]", field, i), &s.Routes[i], s, pairs)
	}
}

func (r *reader) checkOverlap(field string, o *Overlap, s *Site, pairs map[[2]string]string) {
	if !r.sound(field+".cameras") || !r.has(field+".cameras") {
		return
	}
	if len(o.Cameras) != 2 || o.Cameras[0] == o.Cameras[1] {
		r.fault(field+".cameras", "expected two cameras, found %d", len(slices.Compact(slices.Clone(o.Cameras))))
		return
	}
	for i, name := range o.Cameras {
		r.ofSite(fmt.Sprintf("%s.cameras[%d]", field, i), name, s)
	}
	a, b := min(o.Cameras[0], o.Cameras[1]), max(o.Cameras[0], o.Cameras[1])
	if first := pairs[[2]string{a, b}]; first != "" {
		r.fault(field+".cameras", "%s and %s are in %s already", a, b, first)
	}
	pairs[[2]string{a, b}] = field
	switch {
	case len(o.Map) > 0 && len(o.Shift) > 0:
		r.fault(field+".shift", "expected map or shift, found both")
	case o.Shift != nil && len(o.Shift) != 2 && r.sound(field+".shift"):
		r.fault(field+".shift", "expected [x, y], found %d numbers", len(o.Shift))
	case o.Map != nil && len(o.Map) != 9 && r.sound(field+".map"):
		r.fault(field+".map", "expected nine numbers, row by row, found %d", len(o.Map))
	case len(o.Map) == 9 && r.sound(field+".map") && math.Abs(determinant(o.Map)) < 1e-12:
		r.fault(field+".map", "cannot be inverted: its determinant is 0")
	}
}

func determinant(m []float64) float64 {
	return m[0]*(m[4]*m[8]-m[5]*m[7]) - m[1]*(m[3]*m[8]-m[5]*m[6]) + m[2]*(m[3]*m[7]-m[4]*m[6])
}

func (r *reader) checkRoute(field string, route *Route, s *Site, pairs map[[2]string]string) {
	if route.From == "" || route.To == "" {
		return // told already
	}
	r.ofSite(field+".from", route.From, s)
	r.ofSite(field+".to", route.To, s)
	if route.From == route.To {
		r.fault(field+".to", "is the camera that the route starts at")
		return
	}
	way := [2]string{route.From, ">" + route.To}
	if first := pairs[way]; first != "" {
		r.fault(field, "%s leads from %s to %s already", first, route.From, route.To)
	}
	pairs[way] = field
}

func (r *reader) ofSite(field, name string, s *Site) {
	if r.sound(field) && !slices.Contains(s.Cameras, name) {
		r.fault(field, "%q is not one of the site's cameras", clip(name))
	}
}

// embeds says whether a camera's vectors are of the first model of task reid, the one that identities are told by.
func (c *Config) embeds(camera *Camera) bool {
	embedder := c.Models.Task("reid")
	return embedder == nil || slices.Contains(c.ModelsOf(camera), embedder)
}
