package config

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// cameraName keeps names usable as file names and as owners in the pool's ledger.
var cameraName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$`)

// checkConfig looks at what the fields mean together. It keeps still about fields that are wrong already.
func (r *reader) checkConfig(c *Config) {
	r.checkModels(c)
	r.checkTracking(&c.Tracking)
	if len(c.Cameras) == 0 && r.sound("cameras") && r.has("cameras") {
		r.fault("cameras", "expected at least one camera")
	}
	names := map[string]int{}
	for i := range c.Cameras {
		r.checkCamera(fmt.Sprintf("cameras[%d]", i), i, c, names)
	}
	r.checkIdentity(c)
	files := map[string]int{}
	for i := range c.Sinks {
		r.checkSink(fmt.Sprintf("sinks[%d]", i), i, c, files)
	}
}

func (r *reader) checkCamera(field string, index int, c *Config, names map[string]int) {
	camera := &c.Cameras[index]
	if r.sound(field+".name") && camera.Name != "" {
		if !cameraName.MatchString(camera.Name) {
			r.fault(field+".name", "expected letters, digits, '.', '-' and '_' (at most 64, not '.' or '-' first), found %q", clip(camera.Name))
		} else if first, twice := names[strings.ToLower(camera.Name)]; twice {
			r.fault(field+".name", "%q is the name of cameras[%d] already%s", camera.Name, first, caseHint(camera.Name, c.Cameras[first].Name))
		} else {
			names[strings.ToLower(camera.Name)] = index
		}
	}
	if at := field + ".source"; r.sound(at) && camera.Source.text != "" {
		r.checkSource(at, camera)
	}
	r.checkPort(field+".source", index, c.Cameras)
	r.inherit(field+".tracking", &camera.Tracking, &c.Tracking)
	r.checkCameraModels(field+".models", c, camera)
}

// caseHint says why two names that are not equal are one: they are files' names too.
func caseHint(name, first string) string {
	if name == first {
		return ""
	}
	return fmt.Sprintf(" (%q: capitals make no difference)", first)
}

// checkPort says so where an earlier camera takes the packets of this one.
func (r *reader) checkPort(field string, index int, list []Camera) {
	host, port := list[index].Source.listens()
	if port == "" || !r.sound(field) {
		return
	}
	for i := range list[:index] {
		if other, same := list[i].Source.listens(); same == port && (other == host || other == "" || host == "") {
			r.fault(field, "%s: cameras[%d] listens there already (%s)", list[index].Source, i, list[i].Source)
			return
		}
	}
}

func (r *reader) checkSource(field string, camera *Camera) {
	source := camera.Source
	switch {
	case source.scheme() == "":
	case source.scheme() == "file":
		source = Source{source.text[len("file://"):]}
	case source.Live():
		if camera.Loop || camera.Realtime {
			r.fault(field, "%s: loop and realtime are for files", source)
		}
		if wrong := source.addressFault(); wrong != "" {
			r.fault(field, "%s: %s", source, wrong)
		}
		return
	default:
		r.fault(field, "%s: expected the path of an MP4 file, or an address: %s", source, addresses)
		return
	}
	for _, key := range []string{"transport", "tls_insecure", "after_loss"} {
		if way := join(parent(field), key); r.has(way) {
			r.fault(way, "%s is for network cameras, %s is a file", key, source)
		}
	}
	path, err := find(r.file, source.text)
	if err == nil {
		var info fs.FileInfo
		if info, err = os.Stat(path); err == nil {
			if wrong := NoRecording(info); wrong != "" {
				r.fault(field, "%s %s", source, wrong)
				return
			}
		}
	}
	if err != nil {
		r.fault(field, "cannot open %s: %v", source, reason(err))
		return
	}
	camera.Source = Source{path}
}

// NoRecording says why a file cannot be a camera's recording, before it is opened: opening a pipe would wait for whoever writes it.
func NoRecording(info fs.FileInfo) string {
	switch {
	case info.IsDir():
		return "is a folder, expected a recording"
	case !info.Mode().IsRegular():
		return "is no regular file"
	}
	return ""
}

// checkClass wants the class of a MOT sink to be one that some detector reports. What detectors without a list of names
// report is not known.
func (r *reader) checkClass(field string, s *Sink, c *Config) {
	var known []string
	for i := range c.Models {
		m := &c.Models[i]
		if m.Card.Task != "detection" || s.Detector != "" && s.Detector != m.Name {
			continue
		}
		if len(m.Card.Classes) == 0 {
			return
		}
		known = append(known, m.Card.Classes...)
	}
	if len(known) > 0 && !slices.Contains(known, s.Class) {
		r.fault(field, "no detector knows the class %q%s", clip(s.Class), suggestion(s.Class, known))
	}
}

// foreign are the settings that sinks of a type do not have.
var foreign = map[string][]string{
	"stdout": {"dir", "max_bytes", "keep", "append", "class", "detector"}, "jsonl": {"class", "detector"}, "mot": {"reid"},
}

func (r *reader) checkSink(field string, index int, c *Config, files map[string]int) {
	s := &c.Sinks[index]
	r.checkNotEmpty(field+".cameras", len(s.Cameras))
	for i, name := range s.Cameras {
		if !slices.ContainsFunc(c.Cameras, func(c Camera) bool { return c.Name == name }) {
			r.fault(fmt.Sprintf("%s.cameras[%d]", field, i), "no camera is named %q", clip(name))
		}
	}
	switch m := c.Models.Of(s.Detector); {
	case s.Detector == "":
	case m == nil:
		r.fault(field+".detector", "no model is named %q%s", clip(s.Detector), suggestion(s.Detector, c.Models.Names()))
	case m.Card.Task != "" && m.Card.Task != "detection":
		r.fault(field+".detector", "expected a detection model, %s is of task %s", m.Name, m.Card.Task)
	}
	for _, key := range foreign[s.Type] {
		if r.has(field + "." + key) {
			r.fault(field+"."+key, "a %s sink has no %s", s.Type, key)
		}
	}
	if s.Type == "stdout" {
		if i := slices.IndexFunc(c.Sinks[:index], func(s Sink) bool { return s.Type == "stdout" }); i >= 0 {
			r.fault(field, "sinks[%d] writes to standard output already", i)
		}
		return
	}
	if s.Type == "mot" && r.has(field+".class") {
		r.checkClass(field+".class", s, c)
	}
	if s.Type == "" || !r.sound(field+".dir") {
		return
	}
	if s.Dir == "" {
		r.fault(field+".dir", "is missing: a %s sink needs a folder", s.Type)
		return
	}
	if info, err := os.Stat(s.Dir); err == nil && !info.IsDir() {
		r.fault(field+".dir", "%s is a file, expected a folder", s.Dir)
	}
	for _, camera := range s.cameras(c) {
		// Two sinks in one file would tear each other's lines apart.
		file := s.Type + " " + filepath.Join(filepath.Clean(s.Dir), camera)
		if first, twice := files[file]; twice {
			r.fault(field+".dir", "sinks[%d] writes the %s file of camera %q in this folder already", first, s.Type, camera)
			return
		}
		files[file] = index
	}
}

// checkNotEmpty refuses a list that is there and empty: left out it would mean all.
func (r *reader) checkNotEmpty(field string, n int) {
	if n == 0 && r.has(field) && r.sound(field) {
		r.fault(field, "is empty; leave it out for all")
	}
}

func (s *Sink) cameras(c *Config) []string {
	if len(s.Cameras) > 0 {
		return s.Cameras
	}
	names := make([]string, len(c.Cameras))
	for i := range c.Cameras {
		names[i] = c.Cameras[i].Name
	}
	return names
}

// Takes says whether the sink gets a camera's results.
func (s *Sink) Takes(camera string) bool {
	return len(s.Cameras) == 0 || slices.Contains(s.Cameras, camera)
}
