package cli

import (
	"fmt"
	"strings"
	"time"

	"sightline/internal/config"
	"sightline/internal/identity"
	"sightline/internal/model"
)

// identityOptions are the registry's view of a configuration that has an identity section. spec is the ReID model and
// length that of its vectors.
func identityOptions(c *config.Config, spec model.Spec, length int) identity.Options {
	id := c.Identity
	o := identity.Options{
		Similarity: id.Similarity, Margin: id.Margin, Decay: time.Duration(id.Decay), Views: id.Views, Every: time.Duration(id.Every),
		Skew: time.Duration(id.Skew), Reach: id.Reach, Forget: time.Duration(id.Forget), Gallery: id.Gallery,
		People: min(c.Limits.People, c.Limits.Objects), File: id.File, Save: time.Duration(id.Save), Audit: id.Audit,
		Model: spec.Name + " " + spec.Key, Length: length,
	}
	for i := range id.Sites {
		o.Sites = append(o.Sites, site(&id.Sites[i]))
	}
	return o
}

func site(s *config.Site) identity.Site {
	out := identity.Site{Name: s.Name, Cameras: s.Cameras}
	for _, v := range s.Overlap {
		overlap := identity.Overlap{A: v.Cameras[0], B: v.Cameras[1]}
		switch {
		case len(v.Shift) == 2:
			overlap.Map = identity.Shift(v.Shift[0], v.Shift[1])
		case len(v.Map) == 9:
			m := identity.Homography(v.Map)
			overlap.Map = &m
		}
		out.Overlaps = append(out.Overlaps, overlap)
	}
	for _, r := range s.Routes {
		out.Routes = append(out.Routes, identity.Route{From: r.From, To: r.To, Min: time.Duration(r.After.Min), Max: time.Duration(r.After.Max)})
	}
	return out
}

// openIdentities opens the registry, if the configuration wants one.
func (s *session) openIdentities() error {
	if s.config.Identity == nil {
		return nil
	}
	spec, err := modelSpec(s.config.Models.Task("reid"))
	if err != nil {
		return err
	}
	engine := s.manager.Engine(s.config.Models.Task("reid").Name)
	for _, b := range engine.Outputs() {
		if b.Name != s.config.Models.Task("reid").Card.Outputs.Features.Name {
			continue
		}
		o := identityOptions(s.config, spec, b.Elements())
		o.Logger = s.logger
		s.identities, err = identity.New(s.device, o)
		return err
	}
	return fmt.Errorf("identities: model %s has no output %q", engine.Name(), s.config.Models.Task("reid").Card.Outputs.Features.Name)
}

// closeIdentities saves what is to be kept and says what was done, once. The cameras have ended.
func (s *session) closeIdentities() error {
	r := s.identities
	if r == nil {
		return nil
	}
	s.identities = nil
	sum := r.Summary()
	var kinds []string
	for _, k := range []identity.Kind{identity.Newcomer, identity.Join, identity.Merge, identity.Split, identity.Forget} {
		kinds = append(kinds, fmt.Sprintf("%d %s", sum.Events[k], k))
	}
	s.logger.Info("identities", "remembered", sum.Identities, "tracks", sum.Tracks, "decisions", strings.Join(kinds, ", "),
		"skipped", sum.Skipped, "refused", sum.Refused, "bytes", sum.Bytes)
	return r.Close()
}
