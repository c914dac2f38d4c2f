package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// loadIdentity loads a configuration of three cameras with the reid model and the text.
func loadIdentity(t *testing.T, text string) (*Config, error) {
	dir := folder(t)
	card := "task: reid\nfile: model.onnx\ninput: {}\noutputs: {features: f}\n"
	if err := os.WriteFile(filepath.Join(dir, "reid.yaml"), []byte(card), 0o666); err != nil {
		t.Fatal(err)
	}
	return parse(filepath.Join(dir, "c.yaml"), []byte(`models: {detection: detection.yaml, reid: reid.yaml}
cameras: [{name: a, source: clip.mp4}, {name: b, source: clip.mp4}, {name: c, source: clip.mp4, models: [detection]}]
`+text))
}

func TestIdentity(t *testing.T) {
	c, err := loadIdentity(t, "identity: {}\n")
	if err != nil {
		t.Fatal(err)
	}
	if id := c.Identity; id == nil || id.Similarity != 0.8 || id.Views != 3 || id.Forget != Duration(10*time.Minute) || id.Gallery != 1024 || id.Sites != nil {
		t.Errorf("defaults: %+v", id)
	}
	c, err = loadIdentity(t, `identity:
  similarity: 0.9
  sites:
  - name: plaza
    cameras: [a, b]
    overlap: [{cameras: [a, b], shift: [-288, 0]}]
    routes: [{from: a, to: b, after: 2s..1m30s}]
`)
	if err != nil {
		t.Fatal(err)
	}
	s := c.Identity.Sites[0]
	if s.Routes[0].After != (Span{Duration(2 * time.Second), Duration(90 * time.Second)}) || s.Overlap[0].Shift[0] != -288 || c.Identity.Every != Duration(200*time.Millisecond) {
		t.Errorf("site %+v", s)
	}
	if c, err = load(t, least); err != nil || c.Identity != nil {
		t.Errorf("left out: %v, %+v", err, c.Identity)
	}
}

func TestFaultsOfIdentity(t *testing.T) {
	_, err := loadIdentity(t, `identity:
  similarity: 2
  save: 1ms
  file: x
  audit: ./x
  sites:
  - name: p
    cameras: [a, d, c]
    overlap: [{cameras: [a]}, {cameras: [a, b], map: [1, 2]}, {cameras: [b, a], map: [1, 0, 0, 1, 0, 0, 0, 0, 1]}, {cameras: [a, c], shift: [1], map: [1]}]
    routes: [{from: a, to: a, after: 1s..2s}, {from: a, to: c, after: 3s..2s}, {from: a, to: c, after: 5}, {from: b}]
  - {name: p, cameras: [a]}
  - {name: q, cameras: []}
`)
	wantFaults(t, err, []string{
		"4:15: identity.similarity: expected a number from 0 to 1, found number 2",
		"5:9: identity.save: expected at least 1s, found 1ms",
		"7:10: identity.audit: ./x is the file of the identities already",
		`10:18: identity.sites[0].cameras[1]: no camera is named "d"`,
		`10:21: identity.sites[0].cameras[2]: camera "c" does not run reid (cameras[2].models)`,
		"11:25: identity.sites[0].overlap[0].cameras: expected two cameras, found 1",
		`identity.sites[0].overlap[1].cameras[1]: "b" is not one of the site's cameras`,
		"identity.sites[0].overlap[1].map: expected nine numbers, row by row, found 2",
		"identity.sites[0].overlap[2].cameras: a and b are in identity.sites[0].overlap[1] already",
		`identity.sites[0].overlap[2].cameras[0]: "b" is not one of the site's cameras`,
		"identity.sites[0].overlap[2].map: cannot be inverted",
		"identity.sites[0].overlap[3].shift: expected map or shift, found both",
		"identity.sites[0].routes[0].to: is the camera that the route starts at",
		`identity.sites[0].routes[1]` + `.after: expected a range of time such as 2s..30s, found text "3s..2s"`,
		"identity.sites[0].routes[2]: identity.sites[0].routes[1] leads from a to c already",
		"identity.sites[0].routes[2].after: expected a range of time such as 2s..30s, found number 5",
		"identity.sites[0].routes[3].to: is missing",
		"identity.sites[0].routes[3].after: is missing",
		`identity.sites[1].name: "p" is the name of identity.sites[0] already`,
		`identity.sites[1].cameras[0]: camera "a" is in identity.sites[0] already`,
		"identity.sites[2].cameras: expected at least one camera",
	})
	if _, err := load(t, least+"identity: {}\n"); err == nil || !strings.Contains(err.Error(), "identity: needs a model of task reid") {
		t.Errorf("without reid: %v", err)
	}
}
