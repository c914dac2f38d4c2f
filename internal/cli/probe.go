package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"sightline/internal/camera"
	"sightline/internal/camera/live"
	"sightline/internal/config"
	"sightline/internal/probe"
)

const probeHelp = `
Looks at a camera (rtsp://, rtsps://), an MPEG transport stream (udp://, tcp://, http://, https://) or a file for
a while and says what it is like: codec, size, frame rate, key pictures, B-frames, jitter, losses, clock, and
what that means for Sightline. No picture is decoded, and no GPU is needed. Put the address in quotes; ${NAME} takes a value from the environment, so that
a password need not stand in the shell's history. Exit code 0 if pictures came.

For a camera that does not answer it says why, try by try, until --patience is over.
`

func probeCommand(ctx context.Context, e *environment, args []string) error {
	length := e.flags.Duration("for", 10*time.Second, "how much of the stream to look at")
	patience := e.flags.Duration("patience", 20*time.Second, "how long to wait for a camera's first picture")
	transport := e.flags.String("transport", "auto", "RTSP: auto, tcp or udp")
	insecure := e.flags.Bool("tls-insecure", false, "accept any certificate of an rtsps:// or https:// camera")
	asJSON := e.flags.Bool("json", false, "print JSON")
	if err := e.parse(args, slog.LevelInfo); err != nil {
		return err
	}
	if len(e.args) != 1 {
		return misuse("expected one address or file, got %d", len(e.args))
	}
	if *length <= 0 || *patience <= 0 {
		return misuse("--for and --patience: expected a time above 0, such as 10s")
	}
	if *transport != "auto" && *transport != "tcp" && *transport != "udp" {
		return misuse("--transport %q: expected auto, tcp or udp", *transport)
	}
	address, err := config.ParseSource(e.args[0])
	if err != nil {
		return misuse("%s", err)
	}
	o := live.Options{Insecure: *insecure, Logger: e.logger, Silence: min(*patience, 10*time.Second), MaxPause: 5 * time.Second}
	r, err := probeSource(ctx, address, *transport, o, *length, *patience)
	if err != nil {
		return fmt.Errorf("probe %s: %w", address, err)
	}
	if *asJSON {
		encoder := json.NewEncoder(e.out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(r)
	}
	sayProbe(e.out, address.String(), r)
	return nil
}

// probed is a report with what only a connection knows.
type probed struct {
	*probe.Report
	Connection *live.Stats `json:"connection,omitempty"`
}

func probeSource(ctx context.Context, address config.Source, transport string, o live.Options, length, patience time.Duration) (r probed, err error) {
	opening, stop := context.WithTimeout(ctx, patience)
	defer stop()
	var source camera.Source
	var connected *live.Source
	if address.Live() {
		connected, err = openLive(opening, address, transport, o)
		source = connected
	} else {
		source, err = openFile(address.Reveal(), false, false, nil)
	}
	var unreached *live.Unreached
	switch {
	case errors.As(err, &unreached) && ctx.Err() == nil:
		return r, fmt.Errorf("no picture within %v: %w", patience, unreached)
	case errors.Is(err, context.DeadlineExceeded):
		return r, fmt.Errorf("no picture within %v", patience)
	}
	if err != nil {
		return r, err
	}
	r.Report, err = probe.Measure(ctx, source, probe.Options{For: length, Live: connected != nil})
	if turned := turnedBy(source); err == nil && turned != 0 {
		r.Notes = append(r.Notes, fmt.Sprintf("it is to be shown turned by %d degrees, which is not done: people do not stand upright in it", turned))
	}
	if connected != nil {
		stats := connected.Stats()
		r.Connection = &stats
	}
	return r, errors.Join(err, source.Close())
}

// sayProbe prints a report for people, one fact a line.
func sayProbe(out io.Writer, name string, r probed) {
	say := func(what, format string, args ...any) {
		fmt.Fprintf(out, "%-12s %s\n", what, strings.TrimSpace(fmt.Sprintf(format, args...)))
	}
	f := r.Format
	say("source", "%s", name)
	if c := r.Connection; c != nil {
		say("connection", "%s, %d packets lost, %d connections%s", c.Transport, c.PacketsLost, c.Connections, reasons(c))
	}
	say("codec", "%s %s %s", strings.ToUpper(string(f.Codec)), f.Profile, level(f.Level))
	say("picture", "%d x %d, %s, %s", f.Width, f.Height, colours(f), scan(f))
	say("rate", "%.4g pictures a second seen%s, longest gap %.0f ms", r.Rate, declared(f.FrameRate), 1000*r.LongestGap)
	say("bitrate", "%.2f Mbit/s, pictures of %.1f kB on average, %.1f kB at most", r.Bitrate/1e6, float64(r.BytesMean)/1e3, float64(r.BytesMax)/1e3)
	if r.GOP > 0 {
		say("key pictures", "%d seen, up to %d pictures (%.2g s) apart, up to %.1f kB", r.KeyUnits, r.GOP, r.GOPSeconds, float64(r.KeyBytesMax)/1e3)
	} else {
		say("key pictures", "%d seen", r.KeyUnits)
	}
	say("b-frames", "%s", map[bool]string{true: fmt.Sprintf("yes, %d deep", r.Depth), false: "no"}[r.Reordered])
	if r.Live {
		say("jitter", "half of the pictures within %.1f ms, 95 %% within %.1f ms", r.JitterP50MS, r.JitterP95MS)
		say("clock", "%s", clockText(r))
	}
	say("trouble", "%d losses or new connections, %d jumps of the clock", r.Discontinuities, r.Jumps)
	say("seen", "%d pictures in %.1f s", r.Units, r.Seconds)
	for _, n := range r.Notes {
		say("->", "%s", n)
	}
}

// reasons says how often connections ended, and why.
func reasons(c *live.Stats) (text string) {
	for _, reason := range slices.Sorted(maps.Keys(c.Ended)) {
		text += fmt.Sprintf(", %d times %s", c.Ended[reason], reason)
	}
	return text
}

func level(l string) string {
	if l == "" {
		return ""
	}
	return "level " + l
}

func colours(f probe.Format) string {
	text := f.Chroma
	if f.BitDepth > 0 {
		text = strings.TrimSpace(fmt.Sprintf("%s %d bit", text, f.BitDepth))
	}
	if text != "" {
		text += ", "
	}
	text += strings.ToUpper(f.Matrix[:2]) + "." + f.Matrix[2:]
	if f.FullRange {
		return text + " full range"
	}
	return text + " limited range"
}

func scan(f probe.Format) string {
	if f.Interlaced {
		return "interlaced"
	}
	return "progressive"
}

func declared(rate float64) string {
	if rate == 0 {
		return ""
	}
	return fmt.Sprintf(" (the stream says %.4g)", rate)
}

func clockText(r probed) string {
	text := "the camera tells no time"
	if r.Clock {
		text = fmt.Sprintf("tells the time, %.2f s behind ours at arrival", r.Behind)
	}
	if r.DriftPPM != 0 {
		text += fmt.Sprintf("; runs %+.0f ppm against ours", r.DriftPPM)
	}
	return text
}
