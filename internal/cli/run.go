package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"syscall"

	"sightline/internal/atomicfile"
	"sightline/internal/config"
	"sightline/internal/progress"
	"sightline/internal/report"
)

const runHelp = `
Watches the cameras of a configuration until all have ended (files) or Ctrl-C. The first Ctrl-C drains:
pictures in work are finished, sinks write what waits, everything is released in order. A second one
kills. SIGTERM and SIGHUP are as Ctrl-C; so is a reader of standard output that goes away, if nothing else is
written.

On the GPU every model needs a plan (sightline build); without one nothing starts, unless --build.
sightline.example.yaml describes every setting. A mistake in the configuration or a model card, or a card that
does not fit its ONNX file, is told with its place, all at once, and nothing starts. A camera that fails does
not stop the others: they go on, and the exit code is 1 at the end. Network cameras are reconnected for ever,
and start again if their pipeline fails; one of which no picture ever came counts as failed at the end.
A lost device stops everything with exit code 3.

At the end a table says what every camera did (on standard error if a stdout sink is configured); dropped are
pictures that came too fast or damaged, not those that max_fps leaves out.
On a terminal, progress is shown live.
`

func runCommand(ctx context.Context, e *environment, args []string) error {
	folder := e.flags.String("report", "", "write report.html and an annotated picture a camera into this folder at the end")
	build := e.flags.Bool("build", false, "first build the GPU's plans that are missing, as sightline build does")
	check := e.flags.Bool("check", false, "only check the configuration, the model cards and what their ONNX files tell of themselves")
	if err := e.parse(args, slog.LevelInfo); err != nil {
		return err
	}
	if len(e.args) != 1 {
		return misuse("expected one configuration file, got %d", len(e.args))
	}
	c, err := config.Load(e.args[0])
	if err != nil {
		return err
	}
	if err := checkModels(c); err != nil {
		return err
	}
	if *check {
		_, err := e.out.Write([]byte("the configuration is right\n"))
		return err
	}
	display := progress.New(e.err, progress.Options{Plain: -1})
	defer display.Close()
	e.logTo(display)
	r := runner{environment: e, config: c, display: display, folder: *folder, build: *build, title: "Sightline run"}
	r.table = e.out
	for i := range c.Sinks {
		if c.Sinks[i].Type == "stdout" {
			r.table = e.err
		}
	}
	return r.run(ctx)
}

// run watches the cameras of the configuration and tells what they did.
func (r *runner) run(ctx context.Context) (err error) {
	if r.folder != "" {
		if err := atomicfile.Folder(r.folder); err != nil {
			return fmt.Errorf("the report's folder: %w", err)
		}
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	out := r.out
	if len(r.config.Sinks) == 1 { // then a reader that went away is the end
		out = &reader{r.out, stop}
	}
	o := configuredDevice(r.config, r.logger)
	o.progress, o.ready = r.display, r.ensurePlans
	s, err := openSession(ctx, r.config, out, o)
	if errors.Is(err, errStopped) {
		return nil // as when it is stopped later
	}
	if err != nil {
		return explainPlans(err)
	}
	err = s.start(ctx, r.folder != "")
	if err != nil {
		s.fleet.Abort()
	}
	err = errors.Join(err, s.wait(r.display), s.closeSinks())
	if identified := s.closeIdentities(); s.device.Cause() == nil { // of a lost device they say nothing new
		err = errors.Join(err, identified)
	}
	r.display.Close()
	told := r.tell(s)
	return errors.Join(err, told, s.close())
}

// tell prints the table and writes the report.
func (r *runner) tell(s *session) error {
	all := r.report(s)
	var wrong error
	if r.folder != "" {
		wrong = r.write(s, &all)
	}
	return errors.Join(wrong, report.Table(r.table, all))
}

// reader is whoever reads standard output.
type reader struct {
	io.Writer
	gone func()
}

func (r *reader) Write(p []byte) (int, error) {
	n, err := r.Writer.Write(p)
	if errors.Is(err, syscall.EPIPE) {
		r.gone()
	}
	return n, err
}
