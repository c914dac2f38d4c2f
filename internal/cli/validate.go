package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"sightline/internal/config"
	"sightline/internal/contract"
	"sightline/internal/device"
	"sightline/internal/model"
	"sightline/internal/progress"
)

const validateHelp = `
Checks a device: the contract that every device and the model manager on it keep (one engine a model,
contexts of their own, the three modes, isolation, limits, losses), the decoder, and golden values of the
four demo models from picture to result. One line a check: PASS or FAIL, name, time, figure. Exit code 0
only if every check passes, 3 if the device is not available.

The models, cards and the clip are those of demo.yaml, or of the configuration given.
`

// outcome is one line of what validate says.
type outcome struct {
	Check   string  `json:"check"`
	Pass    bool    `json:"pass"`
	Seconds float64 `json:"seconds"`
	Figure  string  `json:"figure,omitempty"`
	Error   string  `json:"error,omitempty"`
}

// verdict is what validate writes as JSON.
type verdict struct {
	Version string      `json:"version"`
	Device  device.Info `json:"device"`
	Machine string      `json:"machine"`
	Time    time.Time   `json:"time"`
	Pass    bool        `json:"pass"`
	Checks  []outcome   `json:"checks"`
}

func validateCommand(ctx context.Context, e *environment, args []string) error {
	kind := e.flags.String("device", "cuda", "device to check: cuda or host")
	path := e.flags.String("config", "", "configuration whose models to take (default: demo.yaml)")
	only := e.flags.String("run", "", "only checks whose name contains this")
	asJSON := e.flags.Bool("json", false, "print JSON instead of lines")
	file := e.flags.String("out", "", "also write the JSON to this file")
	if err := e.parse(args, slog.LevelError); err != nil {
		return err
	}
	if len(e.args) != 0 {
		return misuse("expected no arguments, got %q", e.args)
	}
	if err := writable(*file); err != nil {
		return fmt.Errorf("--out: %w", err)
	}
	h, v, err := newHarness(ctx, e, *kind, *path)
	if err != nil {
		return err
	}
	for _, c := range contract.Checks() {
		if !strings.Contains(c.Name, *only) {
			continue
		}
		if ctx.Err() != nil {
			return errors.New("interrupted")
		}
		o := runCheck(c, h)
		v.Checks = append(v.Checks, o)
		v.Pass = v.Pass && o.Pass
		if !*asJSON {
			e.sayOutcome(o)
		}
	}
	if len(v.Checks) == 0 {
		return misuse("no check has %q in its name", *only)
	}
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	text = append(text, '\n')
	if *asJSON {
		_, err = e.out.Write(text)
	}
	if *file != "" {
		err = errors.Join(err, os.WriteFile(*file, text, 0o666))
	}
	if !v.Pass {
		err = errors.Join(err, errors.New("a check failed"))
	}
	return err
}

func (e *environment) sayOutcome(o outcome) {
	word, detail := "PASS", o.Figure
	if !o.Pass {
		word, detail = "FAIL", oneLine(o.Error)
	}
	fmt.Fprintln(e.out, strings.TrimSpace(fmt.Sprintf("%s  %-34s %6.2f s  %s", word, o.Check, o.Seconds, detail)))
}

// runCheck runs one check. A panic is a failure like any other, so that the rest is still checked.
func runCheck(c contract.Check, h *contract.Harness) (o outcome) {
	o.Check = c.Name
	began := time.Now()
	defer func() {
		o.Seconds = time.Since(began).Seconds()
		if p := recover(); p != nil {
			o.Pass, o.Error = false, fmt.Sprintf("panic: %v", p)
		}
	}()
	figure, err := c.Run(h)
	if err != nil {
		o.Error = err.Error()
		return o
	}
	o.Pass, o.Figure = true, figure
	return o
}

// newHarness opens the device once, to see that it is there and what it is, and prepares the checks.
func newHarness(ctx context.Context, e *environment, kind, path string) (*contract.Harness, *verdict, error) {
	display := progress.New(e.err, progress.Options{})
	defer display.Close()
	options := deviceOptions{kind: kind, progress: display, logger: e.logger}
	d, err := openDevice(ctx, options)
	if err != nil {
		return nil, nil, err
	}
	info := d.Info()
	if err := d.Close(); err != nil {
		return nil, nil, err
	}
	if path == "" {
		if path, err = demoConfig(); err != nil {
			return nil, nil, err
		}
	}
	c, err := config.Load(path)
	if err != nil {
		return nil, nil, err
	}
	models, err := modelConfig(c, nil, e.logger)
	if err != nil {
		return nil, nil, err
	}
	for i := range models.Models {
		models.Models[i].Batch = max(models.Models[i].Batch, 4)
	}
	for _, task := range model.Tasks {
		if m := c.Models.Of(task); m == nil {
			return nil, nil, fmt.Errorf("%s: expected models named %s, found %s", path, strings.Join(model.Tasks, ", "), strings.Join(c.Models.Names(), ", "))
		}
	}
	options.progress = nil
	h := &contract.Harness{
		Open: func(limit int64) (device.Device, error) {
			o := options
			o.memory = limit
			return openDevice(ctx, o)
		},
		Break:     func(d device.Device, cause error) { d.(interface{ Fail(error) }).Fail(cause) },
		Specs:     models.Models,
		Vision:    visionOptions(c, &c.Cameras[0]),
		Clips:     [2]string{c.Cameras[0].Source.Reveal(), c.Cameras[len(c.Cameras)-1].Source.Reveal()},
		Exclusive: true,
		Cycles:    10,
		Half:      kind == "cuda",
		Unavailable: func() (device.Device, error) {
			o := options
			o.kind, o.gpu.GPU = "cuda", 1<<20 // no machine has so many
			return openDevice(ctx, o)
		},
	}
	if kind == "cuda" {
		h.Soak, h.Cycles = 10_000, 200
		h.Sharing = func(threads int) (string, error) { return shareInChild(ctx, path, threads) }
	}
	v := &verdict{Version: version(), Device: info, Machine: machine(), Time: time.Now().UTC().Truncate(time.Second), Pass: true}
	return h, v, nil
}
