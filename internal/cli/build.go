package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"sightline/internal/config"
	"sightline/internal/device"
	"sightline/internal/device/cuda"
	"sightline/internal/onnx"
	"sightline/internal/progress"
)

const buildHelp = `
Makes the plans that the GPU needs: TensorRT compiles each model of the configuration for this GPU, FP16,
once for every batch size (1, 2, 4, ... up to the card's batch; --batches names others, --models builds some
of the models only). Plans lie in the cache (SIGHTLINE_PLANS, or cuda: {plans: DIR}) under a name made of the
model's content, the batch, the TensorRT version and the GPU's kind; those that are there are not built again
unless --force.

On an H200 a plan of the demo's models takes 4 to 24 s at level 0; about a minute at level 1, and is 1.2 to 2 times
as fast then; 2 to 4 minutes at level 3, for a fifth more in batches of 8 and little in batches of 128. --tactics
bounds the kernels that are timed for each layer, and with them the time. Nothing else should use the GPU
meanwhile. Ctrl-C ends the plan in work; those that are done stay, and so does what was timed. TensorRT
(libnvinfer, libnvonnxparser, libnvinfer_builder_resource) is taken from cuda: {tensorrt: DIR}, SIGHTLINE_TENSORRT,
the loader's path, Python's tensorrt_libs, the usual folders, or what sightline fetch tensorrt brought, whichever
comes first.
`

// defaultLevel is TensorRT's own.
const defaultLevel = 3

func buildCommand(ctx context.Context, e *environment, args []string) error {
	level := e.flags.Int("level", defaultLevel, "TensorRT's optimisation level, 0 to 5")
	tactics := e.flags.Int("tactics", 0, "kernels timed for each layer at most (default: as many as the level allows)")
	batches := e.flags.String("batches", "", "batch sizes, such as 1,4,8 (default: powers of two up to the card's batch)")
	names := e.flags.String("models", "", "models to build, by their names in CONFIG, such as pose,reid (default: all)")
	force := e.flags.Bool("force", false, "build plans again that are there")
	if err := e.parse(args, slog.LevelWarn); err != nil {
		return err
	}
	if len(e.args) != 1 {
		return misuse("expected one configuration file, got %d", len(e.args))
	}
	if *level < 0 || *level > 5 {
		return misuse("--level %d: expected 0 to 5", *level)
	}
	if *tactics < 0 {
		return misuse("--tactics %d: expected a number from 1, or 0 for no bound", *tactics)
	}
	var sizes []int
	if *batches != "" {
		var err error
		if sizes, err = numbers("batches", *batches); err != nil {
			return err
		}
	}
	c, err := config.Load(e.args[0])
	if err != nil {
		return err
	}
	models, err := chosen(c, words(*names))
	if err != nil {
		return err
	}
	display := progress.New(e.err, progress.Options{})
	defer display.Close()
	e.logTo(display)
	opened, err := openDevice(ctx, deviceOptions{kind: "cuda", gpu: c.CUDA, logger: e.logger})
	if err != nil {
		return err
	}
	d := opened.(*cuda.Device)
	jobs, err := buildJobs(models, d, sizes, cuda.Job{Level: *level, Tactics: *tactics}, *force)
	if err == nil && len(jobs) == 0 {
		fmt.Fprintln(e.out, "every plan is there")
	}
	if err == nil {
		err = e.buildAll(ctx, d, jobs, display)
	}
	return errors.Join(err, d.Close())
}

// buildJobs lists the plans to make: those that are missing, or all. j says how.
func buildJobs(models []config.Model, d *cuda.Device, sizes []int, j cuda.Job, all bool) (jobs []cuda.Job, err error) {
	files, err := modelFiles(models)
	if err != nil {
		return nil, err
	}
	for i, m := range files {
		f, err := onnx.Read(models[i].Card.Model)
		if err != nil {
			return nil, err
		}
		id, list := cuda.NewPlanID(m.ONNX), sizes
		if n := fixedBatch(f); n > 0 {
			list = []int{n}
		} else if list == nil {
			list = bucketsUpTo(m.MaxBatch)
		}
		for _, n := range list {
			j.Model, j.Batch, j.Path = m, n, d.PlanPath(id, n)
			listed := slices.ContainsFunc(jobs, func(o cuda.Job) bool { return o.Path == j.Path }) // of another use of the model
			if _, err := os.Stat(j.Path); !listed && (err != nil || all) {
				jobs = append(jobs, j)
			}
		}
	}
	return jobs, nil
}

// chosen are the models of these names, or all.
func chosen(c *config.Config, names []string) (list []config.Model, err error) {
	if len(names) == 0 {
		return c.Models, nil
	}
	for _, name := range names {
		i := slices.IndexFunc(c.Models, func(m config.Model) bool { return m.Name == name })
		if i < 0 {
			return nil, misuse("--models: no model is named %q; expected some of %s", name, strings.Join(c.Models.Names(), ", "))
		}
		list = append(list, c.Models[i])
	}
	return list, nil
}

// modelFiles reads models.
func modelFiles(models []config.Model) (list []device.ModelFile, err error) {
	for i := range models {
		m := &models[i]
		onnx, err := readModel(&m.Card)
		if err != nil {
			return nil, fmt.Errorf("model %s: %w", m.Card.Name(), err)
		}
		list = append(list, device.ModelFile{Name: m.Card.Name(), ONNX: onnx, MaxBatch: m.Batch})
	}
	return list, nil
}

// bucketsUpTo are the powers of two below n, and n.
func bucketsUpTo(n int) (list []int) {
	for b := 1; b < n; b *= 2 {
		list = append(list, b)
	}
	return append(list, n)
}

// buildAll makes plans one after the other and prints each one's path and time. A process that TensorRT's
// builder would fail in is replaced by one that starts anew.
func (e *environment) buildAll(ctx context.Context, d *cuda.Device, jobs []cuda.Job, display *progress.Display) error {
	if len(jobs) == 0 {
		return nil
	}
	if err := restartWithLibraryPath(d.BuilderFolder()); err != nil {
		return err
	}
	task := display.Task("TensorRT's builder")
	b, err := d.NewBuilder()
	if err != nil {
		task.Done("failed")
		return err
	}
	task.Done("ready")
	for i, j := range jobs {
		task := display.Task(fmt.Sprintf("%s batch %d (%d of %d)", j.Model.Name, j.Batch, i+1, len(jobs)))
		j.Progress = func(part float64, phase string) {
			task.Update(progress.State{Done: int64(100 * part), Total: 100, Unit: progress.Percent, Note: phase})
		}
		began := time.Now()
		if err := b.Build(ctx, j); err != nil {
			task.Done("failed")
			if ctx.Err() != nil {
				err = fmt.Errorf("interrupted while %s, batch %d, was built; plans that are done stay", j.Model.Name, j.Batch)
			}
			return errors.Join(err, b.Close())
		}
		task.Done("built")
		fmt.Fprintf(e.out, "%s  (%.0f s)\n", j.Path, time.Since(began).Seconds())
	}
	return b.Close()
}

// restartWithLibraryPath starts the program again if TensorRT lies in a folder that the loader does not
// search: TensorRT opens its builder resource by bare name, and the loader reads LD_LIBRARY_PATH only once.
func restartWithLibraryPath(dir string) error {
	const variable = "LD_LIBRARY_PATH"
	path := os.Getenv(variable)
	if dir == "" || slices.Contains(strings.Split(path, ":"), dir) {
		return nil
	}
	program, err := os.Executable()
	if err != nil {
		return err
	}
	full := dir
	if path != "" {
		full += ":" + path
	}
	if err := os.Setenv(variable, full); err != nil {
		return err
	}
	if err := syscall.Exec(program, os.Args, os.Environ()); err != nil {
		return fmt.Errorf("start %s again with %s=%s: %w", program, variable, strconv.Quote(full), err)
	}
	return nil
}
