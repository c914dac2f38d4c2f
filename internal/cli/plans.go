package cli

import (
	"context"
	"errors"
	"fmt"

	"sightline/internal/config"
	"sightline/internal/device"
	"sightline/internal/device/cuda"
)

// ensurePlans makes the plans that the GPU lacks, if the user said so. Nothing is ever built unasked: it takes
// minutes of a GPU that others may use.
func (r *runner) ensurePlans(ctx context.Context, d device.Device) error {
	gpu, ok := d.(*cuda.Device)
	if !ok || !r.build {
		return nil
	}
	models, err := modelFiles(r.config.Models)
	if err != nil {
		return err
	}
	missing, err := gpu.MissingPlans(models)
	if err != nil || len(missing) == 0 {
		return err
	}
	jobs, err := buildJobs(r.config.Models, gpu, nil, cuda.Job{Level: defaultLevel}, false)
	if err != nil {
		return err
	}
	return r.buildAll(ctx, gpu, jobs, r.display)
}

// explainPlans says what to do about a plan that is missing.
func explainPlans(err error) error {
	if errors.Is(err, cuda.ErrNoPlan) {
		return fmt.Errorf("%w: sightline build CONFIG makes the plans, once, in some seconds to some minutes each; or add --build", err)
	}
	return err
}

// diagnose tells what the GPU device has and lacks on this machine, and whether it works.
func diagnose(c *config.Config, file string, o deviceOptions, say func(state, what, detail string)) (works bool, err error) {
	var models []device.ModelFile
	if c != nil {
		o.gpu = c.CUDA
		if models, err = modelFiles(c.Models); err != nil {
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
