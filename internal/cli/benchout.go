package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"sightline/internal/config"
	"sightline/internal/device"
)

// bencher is one run of the bench command: what is measured, and where it is told.
type bencher struct {
	*environment
	config *config.Config
	o      benchOptions
	report benchReport
	tables io.Writer
	// unsaved is the first failure to write the file.
	unsaved error
}

func newBencher(e *environment, c *config.Config, o benchOptions) *bencher {
	b := &bencher{environment: e, config: c, o: o, tables: e.out}
	if o.json {
		b.tables = io.Discard
	}
	return b
}

func (b *bencher) say(format string, values ...any) { fmt.Fprintf(b.tables, format, values...) }

// begin tells where and when it is measured.
func (b *bencher) begin(d device.Info) {
	// Reports are published: where the program lies is nobody else's business.
	command := append([]string{filepath.Base(os.Args[0])}, os.Args[1:]...)
	b.report = benchReport{Version: version(), Command: strings.Join(command, " "), Device: d, Machine: machine(), Time: time.Now().UTC().Truncate(time.Second)}
	b.say("%s on %s, %s; %s; %s\n\n", d.Runtime, d.Name, b.report.Machine, b.report.Version, b.report.Time.Format(time.DateOnly))
}

// save writes what there is so far.
func (b *bencher) save() {
	if b.o.out == "" || b.unsaved != nil {
		return
	}
	text, err := json.MarshalIndent(b.report, "", "  ")
	if err == nil {
		err = os.WriteFile(b.o.out, append(text, '\n'), 0o666)
	}
	b.unsaved = err
}

// writable makes sure that a file can be written, before what is to stand in it is measured; no file always can.
func writable(path string) error {
	if path == "" {
		return nil
	}
	_, missing := os.Stat(path)
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o666)
	if err != nil {
		return err
	}
	err = f.Close()
	if missing != nil {
		err = errors.Join(err, os.Remove(path))
	}
	return err
}

// finish writes the JSON. A command that could not open its device has nothing to tell.
func (b *bencher) finish() error {
	if b.report.Version == "" {
		return nil
	}
	b.save()
	if !b.o.json {
		return b.unsaved
	}
	text, err := json.MarshalIndent(b.report, "", "  ")
	if err == nil {
		_, err = b.out.Write(append(text, '\n'))
	}
	return errors.Join(b.unsaved, err)
}

// orDefault is the list, or the values if it is empty.
func orDefault[T any](list []T, values ...T) []T {
	if len(list) == 0 {
		return values
	}
	return list
}
