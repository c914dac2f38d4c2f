package cli

import (
	"context"
	"fmt"
	"strings"

	"sightline/internal/config"
	"sightline/internal/device"
	"sightline/internal/device/cuda"
)

// ensurePlans makes the plans that the GPU lacks if the user said so, and otherwise says how to. Nothing is
// ever built unasked: it takes minutes of a GPU that others may use.
func (r *runner) ensurePlans(ctx context.Context, d device.Device) error {
	gpu, ok := d.(*cuda.Device)
	if !ok {
		return nil
	}
	models, err := modelFiles(r.config)
	if err != nil {
		return err
	}
	missing, err := gpu.MissingPlans(models)
	if err != nil || len(missing) == 0 {
		return err
	}
	jobs, err := buildJobs(r.config, gpu, nil, defaultLevel, false)
	if err != nil {
		return err
	}
	if !r.build {
		return fmt.Errorf("the GPU has no plans for %s: run sightline build CONFIG first, or add --build (%d plans, each some seconds to some minutes, once)",
			strings.Join(names(missing), ", "), len(jobs))
	}
	return r.buildAll(ctx, gpu, jobs, r.display)
}

func names(models []device.ModelFile) (list []string) {
	for _, m := range models {
		list = append(list, m.Name)
	}
	return list
}

// diagnose tells what the GPU device has and lacks on this machine, and whether it works.
func diagnose(c *config.Config, file string, o deviceOptions, say func(state, what, detail string)) (works bool, err error) {
	var models []device.ModelFile
	if c != nil {
		o.gpu = c.CUDA
		if models, err = modelFiles(c); err != nil {
			return false, err
		}
	}
	options, err := cudaOptions(o)
	if err != nil {
		return false, err
	}
	works = true
	for _, f := range cuda.Diagnose(options, models, file) {
		switch {
		case f.Fix == "":
			say("ok", f.What, f.Detail)
			continue
		case f.Optional:
			say("none", f.What, f.Detail)
		default:
			say("bad", f.What, f.Detail)
			works = false
		}
		say("", "", "-> "+f.Fix)
	}
	return works, nil
}
