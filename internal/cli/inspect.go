package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	"sightline/internal/onnx"
)

const inspectHelp = `
Says what is in an ONNX file, plain or gzipped: inputs, outputs, weights, operators (and which of them TensorRT does
not take), metadata; and which family of models it seems to be of, why, and what to look after. Weights are not
read, so that a file of any size takes a moment. No GPU is needed.

--card writes a model card to start from, with comments; docs/models.md tells what its lines mean. What the file
does not tell (the order of colours, mean and std) is filled in as the family's published code has it.
`

func inspectCommand(_ context.Context, e *environment, args []string) error {
	card := e.flags.String("card", "", "write a model card to this file")
	force := e.flags.Bool("force", false, "overwrite the card if it is there")
	asJSON := e.flags.Bool("json", false, "print JSON")
	if err := e.parse(args, slog.LevelInfo); err != nil {
		return err
	}
	if len(e.args) != 1 {
		return misuse("expected one ONNX file, got %d", len(e.args))
	}
	if *force && *card == "" {
		return misuse("--force: expected --card with it")
	}
	f, err := onnx.Read(e.args[0])
	if err != nil {
		return err
	}
	g := f.Guess()
	if *asJSON {
		encoder := json.NewEncoder(e.out)
		encoder.SetIndent("", "  ")
		err = encoder.Encode(struct {
			*onnx.File
			Guess onnx.Guess `json:"guess"`
		}{f, g})
	} else {
		sayFile(e.out, f, g)
	}
	if err != nil || *card == "" {
		return err
	}
	if err := writeCard(*card, *force, f, g); err != nil {
		return fmt.Errorf("write the card: %w", err)
	}
	e.logger.Info("card written", "file", *card)
	return nil
}

// writeCard writes a card whose path to the model holds from the card's folder.
func writeCard(path string, force bool, f *onnx.File, g onnx.Guess) error {
	folder, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return err
	}
	model, err := filepath.Abs(f.Path)
	if err != nil {
		return err
	}
	from := *f
	from.Path = model
	text, err := g.Card(&from, folder)
	if err != nil {
		return err
	}
	flags := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if force {
		flags = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	}
	out, err := os.OpenFile(path, flags, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there already; --force overwrites it", path)
	}
	if err != nil {
		return err
	}
	_, err = io.WriteString(out, text)
	return errors.Join(err, out.Close())
}

// sayFile prints a file for people.
func sayFile(out io.Writer, f *onnx.File, g onnx.Guess) {
	say := func(what, format string, args ...any) {
		fmt.Fprintf(out, "%-12s %s\n", what, printable(fmt.Sprintf(format, args...)))
	}
	say("file", "%s%s", f.Path, map[bool]string{true: ", gzipped"}[f.Compressed])
	say("made by", "%s, %s, IR %d", orUnknown(f.Producer), opsets(f), f.IR)
	for i, v := range f.Inputs {
		say([]string{"inputs", ""}[min(i, 1)], "%s", v)
	}
	for i, v := range f.Outputs {
		say([]string{"outputs", ""}[min(i, 1)], "%s", v)
	}
	say("weights", "%s parameters in %d tensors, %s%s", short(f.Weights.Parameters), f.Weights.Tensors, size(f.Weights.Bytes), outside(f))
	nodes := 0
	kinds := make([]string, len(f.Operators))
	for i, o := range f.Operators {
		nodes += o.Count
		kinds[i] = fmt.Sprintf("%s %d", strings.TrimPrefix(o.Domain+"."+o.Type, "."), o.Count)
	}
	say("operators", "%d of %d kinds", nodes, len(kinds))
	for _, line := range lines(kinds, 100) {
		say("", "%s", line)
	}
	for i, key := range slices.Sorted(maps.Keys(f.Metadata)) {
		say([]string{"metadata", ""}[min(i, 1)], "%s: %s", key, clipped(f.Metadata[key], 100))
	}
	if g.Family == "" {
		say("family", "none that Sightline knows")
	} else {
		say("family", "%s, task %s (%s)%s", g.Family, g.Task, g.Certainty, classesText(g))
	}
	for i, r := range g.Reasons {
		say([]string{"because", ""}[min(i, 1)], "%s", r)
	}
	for _, n := range g.Notes {
		say("->", "%s", n)
	}
}

// printable keeps a file's own words from steering the terminal.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, text)
}

func orUnknown(text string) string {
	if text == "" {
		return "an unnamed exporter"
	}
	return text
}

func opsets(f *onnx.File) string {
	var list []string
	for _, o := range f.Opsets {
		if o.Domain == "" || o.Domain == "ai.onnx" {
			list = append(list, fmt.Sprintf("opset %d", o.Version))
		} else {
			list = append(list, fmt.Sprintf("%s %d", o.Domain, o.Version))
		}
	}
	if list == nil {
		return "no opset"
	}
	return strings.Join(list, ", ")
}

func outside(f *onnx.File) string {
	if len(f.Weights.External) == 0 {
		return ""
	}
	return ", in other files: " + strings.Join(f.Weights.External, ", ")
}

func classesText(g onnx.Guess) string {
	switch {
	case len(g.Classes) > 0:
		return fmt.Sprintf(", %d classes: %s", len(g.Classes), clipped(strings.Join(g.Classes, ", "), 80))
	case g.Count > 0:
		return fmt.Sprintf(", %d classes without names", g.Count)
	}
	return ""
}

// clipped cuts a long text.
func clipped(text string, most int) string {
	if r := []rune(text); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return text
}

// short writes a large number in three digits.
func short(n int64) string {
	for _, unit := range []struct {
		size float64
		name string
	}{{1e9, " G"}, {1e6, " M"}, {1e3, " k"}} {
		if float64(n) >= unit.size {
			return fmt.Sprintf("%.3g%s", float64(n)/unit.size, unit.name)
		}
	}
	return fmt.Sprint(n)
}

func size(bytes int64) string {
	text := short(bytes)
	if !strings.Contains(text, " ") {
		text += " "
	}
	return text + "B"
}

// lines joins words into lines of about so many letters.
func lines(words []string, width int) (list []string) {
	line := ""
	for _, w := range words {
		if line != "" && len(line)+len(w) > width {
			list, line = append(list, line+","), ""
		}
		if line != "" {
			line += ", "
		}
		line += w
	}
	if line != "" {
		list = append(list, line)
	}
	return list
}
