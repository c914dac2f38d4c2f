// Package cli is the sightline command: it parses arguments, builds everything that a command needs,
// and turns errors into messages and exit codes.
package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime/pprof"
	"slices"
	"strings"
	"syscall"
	"time"

	"sightline/internal/config"
	"sightline/internal/device"
)

// Exit codes, as the help documents them.
const (
	exitOK = 0
	// exitFailed: a camera, a check or a sink failed.
	exitFailed = 1
	// exitUsage: wrong arguments or configuration.
	exitUsage = 2
	// exitDevice: the device is not available or was lost.
	exitDevice = 3
	// exitKilled: stopped by a second Ctrl-C.
	exitKilled = 130
)

// command is one subcommand.
type command struct {
	name, arguments, summary, help string
	run                            func(ctx context.Context, e *environment, args []string) error
}

func commands() []command {
	return []command{
		{"run", "CONFIG", "watch the cameras of a configuration", runHelp, runCommand},
		{"demo", "", "four cameras through four models on this machine, with a report", demoHelp, demoCommand},
		{"build", "CONFIG", "make the plans that the GPU needs", buildHelp, buildCommand},
		{"validate", "", "check a device: contract, decoder, golden values", validateHelp, validateCommand},
		{"plan", "CONFIG", "predict how many cameras a configuration holds", planHelp, planCommand},
		{"bench", "[CONFIG]", "measure this machine", benchHelp, benchCommand},
		{"doctor", "[CONFIG]", "say what this machine has and lacks, and how to bring it", doctorHelp, doctorCommand},
		{"probe", "ADDRESS", "say what a camera's stream is like", probeHelp, probeCommand},
		{"inspect", "MODEL", "say what is in an ONNX file, and write a model card", inspectHelp, inspectCommand},
		{"fetch", "[onnxruntime] [ffmpeg] [tensorrt]", "bring what the devices need into the cache", fetchHelp, fetchCommand},
		{"version", "", "print the version", versionHelp, versionCommand},
	}
}

// environment is what a command sees of the process.
type environment struct {
	out, err io.Writer
	logger   *slog.Logger
	flags    *flag.FlagSet
	args     []string // what is no flag
	level    slog.Level
	logKind  *string
	logLevel *string
	profile  *string
}

// usageError is a mistake in the arguments.
type usageError struct{ message string }

func (e *usageError) Error() string { return e.message }

func misuse(format string, args ...any) error { return &usageError{fmt.Sprintf(format, args...)} }

// Main runs the command and returns the exit code.
func Main(args []string, out, err io.Writer) int {
	if len(args) == 1 && args[0] == "--version" {
		args = []string{"version"}
	}
	if len(args) == 0 || args[0] == "help" || args[0] == "-h" || args[0] == "--help" {
		if len(args) > 1 {
			return dispatch([]string{args[1], "--help"}, out, err)
		}
		usage(out)
		if len(args) == 0 {
			return exitUsage
		}
		return exitOK
	}
	return dispatch(args, out, err)
}

func dispatch(args []string, out, errOut io.Writer) int {
	list := append(commands(), command{sharingCommand, "", "", sharingHelp, shareUnsafely})
	i := slices.IndexFunc(list, func(c command) bool { return c.name == args[0] })
	if i < 0 {
		fmt.Fprintf(errOut, "sightline: unknown command %q\n\n", args[0])
		usage(errOut)
		return exitUsage
	}
	c := list[i]
	e := &environment{out: out, err: errOut, flags: flag.NewFlagSet(c.name, flag.ContinueOnError)}
	e.flags.SetOutput(io.Discard)
	e.flags.Usage = func() {}
	e.logKind = e.flags.String("log", "text", "log format on standard error: text or json")
	e.profile = e.flags.String("cpuprofile", "", "write a CPU profile for go tool pprof to this file")
	e.logLevel = e.flags.String("log-level", "", "debug, info, warn or error (default: info, and warn for demo and bench)")
	ctx, stop := interruptible()
	defer stop()
	err := c.run(ctx, e, args[1:])
	pprof.StopCPUProfile()
	if errors.Is(err, flag.ErrHelp) {
		help(out, c, e.flags)
		return exitOK
	}
	return conclude(errOut, c, err)
}

// parse reads the flags, which may stand before and after other arguments, and makes the logger.
func (e *environment) parse(args []string, level slog.Level) error {
	for {
		if err := e.flags.Parse(args); err != nil {
			if errors.Is(err, flag.ErrHelp) {
				return err
			}
			return misuse("%v", err)
		}
		if e.flags.NArg() == 0 {
			break
		}
		e.args = append(e.args, e.flags.Arg(0))
		args = e.flags.Args()[1:]
	}
	if *e.logLevel != "" {
		if err := level.UnmarshalText([]byte(*e.logLevel)); err != nil {
			return misuse("--log-level %q: expected debug, info, warn or error", *e.logLevel)
		}
	}
	if *e.logKind != "text" && *e.logKind != "json" {
		return misuse("--log %q: expected text or json", *e.logKind)
	}
	e.level = level
	e.logTo(e.err)
	return e.startProfile()
}

// startProfile begins the CPU profile that --cpuprofile asks for; it ends with the command.
func (e *environment) startProfile() error {
	if *e.profile == "" {
		return nil
	}
	f, err := os.Create(*e.profile)
	if err != nil {
		return err
	}
	return pprof.StartCPUProfile(f)
}

// logTo sends the log to w from now on: to a progress display, which shares the terminal with it.
func (e *environment) logTo(w io.Writer) {
	options := &slog.HandlerOptions{Level: e.level}
	if *e.logKind == "json" {
		e.logger = slog.New(slog.NewJSONHandler(w, options))
		return
	}
	e.logger = slog.New(slog.NewTextHandler(w, options))
}

// conclude prints an error and chooses the exit code.
func conclude(w io.Writer, c command, err error) int {
	if err == nil {
		return exitOK
	}
	var bad *usageError
	var faults config.Errors
	switch {
	case errors.As(err, &bad):
		fmt.Fprintf(w, "sightline %s: %v (see: sightline help %s)\n", c.name, err, c.name)
		return exitUsage
	case errors.As(err, &faults):
		fmt.Fprintln(w, faults.Error())
		return exitUsage
	}
	code, hint := exitFailed, ""
	switch {
	case errors.Is(err, device.ErrLost):
		code = exitDevice
	case errors.Is(err, device.ErrUnavailable):
		code, hint = exitDevice, " (sightline doctor says what is missing, and what brings it)"
	}
	fmt.Fprintf(w, "sightline %s: %v%s\n", c.name, err, hint)
	return code
}

// interruptible is a context that the first Ctrl-C ends, or SIGTERM, or SIGHUP where nohup does not shield from it; the
// second one kills. Writing to a pipe that nobody reads is an error and no more.
func interruptible() (context.Context, func()) {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) {
		signal.Notify(signals, syscall.SIGHUP)
	}
	signal.Ignore(syscall.SIGPIPE)
	done := make(chan struct{})
	go func() {
		select {
		case <-signals:
			fmt.Fprintln(os.Stderr, "sightline: finishing what is in work; once more to stop at once")
			cancel()
		case <-done:
			return
		}
		first := time.Now()
		for {
			select {
			case <-signals:
				// A supervisor may signal the process and its group: that is one wish, told twice.
				if time.Since(first) > 300*time.Millisecond {
					os.Exit(exitKilled)
				}
			case <-done:
				return
			}
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(done)
		cancel()
	}
}

func usage(w io.Writer) {
	fmt.Fprint(w, `Sightline watches many cameras at once on NVIDIA GPUs.

usage: sightline COMMAND [flags] [arguments]

`)
	for _, c := range commands() {
		fmt.Fprintf(w, "  %-10s %s\n", c.name, c.summary)
	}
	fmt.Fprint(w, `
sightline help COMMAND tells more. Exit codes: 0 all went well, 1 a camera, check or sink failed,
2 wrong arguments or configuration, 3 the device is not available or was lost, 130 stopped by a second
Ctrl-C.
`)
}

func help(w io.Writer, c command, flags *flag.FlagSet) {
	fmt.Fprintf(w, "usage: sightline %s\n\n%s\n\nflags:\n", strings.TrimSpace(c.name+" [flags] "+c.arguments), strings.TrimSpace(c.help))
	flags.SetOutput(w)
	flags.PrintDefaults()
}
