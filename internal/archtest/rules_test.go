package archtest

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/format"
	"regexp"
	"slices"
	"strings"
)

// A rule returns one line for each breach.
type rule struct {
	name  string
	check func(tree) []string
}

var rules = []rule{
	{"imports", imports},
	{"package comments", packageComments},
	{"length", func(t tree) []string { return lengths(t, excuses) }},
	{"ARCHITECTURE.md", architecture},
	{"nothing put off", putOff},
	{"gofmt", formatted},
}

// only says who may import a package: folders from the root, subfolders included.
var only = map[string][]string{
	"github.com/ebitengine/purego": {"internal/native/dl"},
	// The one place that chooses a device. Tests may import a device too.
	module + "/internal/device/host": {"internal/cli", "internal/device/host"},
	module + "/internal/device/cuda": {"internal/cli", "internal/device/cuda"},
}

// leaves say what of ours a folder may import; the rest of the world is free.
var leaves = map[string][]string{
	"internal/result":  {"internal/result"},
	"internal/config":  {"internal/config"},
	"internal/metrics": {"internal/metrics"},
	"internal/native":  {"internal/native"}, // libraries know no policy
}

func imports(t tree) (out []string) {
	for _, s := range t.sources {
		for _, imported := range s.imports {
			for guarded, allowed := range only {
				device := strings.HasPrefix(guarded, module+"/internal/device/")
				if within(imported, guarded) && !inAny(s.dir(), allowed) && !(device && s.isTest()) {
					out = append(out, fmt.Sprintf("%s imports %s: only %s may", s.name, imported, strings.Join(allowed, ", ")))
				}
			}
			for leaf, allowed := range leaves {
				dir, our := ours(imported)
				if our && !s.isTest() && within(s.dir(), leaf) && !inAny(dir, allowed) {
					out = append(out, fmt.Sprintf("%s imports %s: %s may import of ours only itself", s.name, imported, leaf))
				}
			}
		}
	}
	return out
}

func inAny(dir string, allowed []string) bool {
	return slices.ContainsFunc(allowed, func(a string) bool { return within(dir, a) })
}

func packageComments(t tree) (out []string) {
	comments, dirs := map[string][]string{}, map[string]bool{}
	for _, s := range t.sources {
		if s.isTest() {
			continue
		}
		dirs[s.dir()] = true
		if s.file.Doc != nil {
			comments[s.dir()] = append(comments[s.dir()], s.name)
		}
	}
	for dir := range dirs {
		if n := len(comments[dir]); n != 1 {
			out = append(out, fmt.Sprintf("%s has %d package comments, want 1 %s", dir, n, strings.Join(comments[dir], " ")))
		}
	}
	return out
}

const (
	longestFile     = 400
	longestFunction = 80
)

// excuses are the files ("dir/file.go") and functions ("dir/file.go:Name") that may be longer, with the reason.
var excuses = map[string]string{}

func lengths(t tree, excuses map[string]string) (out []string) {
	used := map[string]bool{}
	long := func(what string, lines, limit int) {
		if lines <= limit {
			return
		}
		if _, ok := excuses[what]; ok {
			used[what] = true
			return
		}
		out = append(out, fmt.Sprintf("%s has %d lines, want at most %d", what, lines, limit))
	}
	for _, s := range t.sources {
		if ast.IsGenerated(s.file) {
			continue
		}
		long(s.name, bytes.Count(s.text, []byte("\n")), longestFile)
		for _, decl := range s.file.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok {
				long(s.name+":"+f.Name.Name, s.line(f.End())-s.line(f.Pos())+1, longestFunction)
			}
		}
	}
	for what := range excuses {
		if !used[what] {
			out = append(out, what+" is excused from a limit it keeps")
		}
	}
	return out
}

// packageNames are the packages that a page speaks of. A package's name ends in a letter or digit.
var packageNames = regexp.MustCompile(`\binternal/[a-z0-9_/]*[a-z0-9]`)

func architecture(t tree) (out []string) {
	named, exist := map[string]bool{}, map[string]bool{}
	for _, name := range packageNames.FindAllString(t.architecture, -1) {
		named[name] = true
	}
	for _, s := range t.sources {
		if strings.HasPrefix(s.dir(), "internal/") {
			exist[s.dir()] = true
		}
	}
	for dir := range exist {
		if !named[dir] {
			out = append(out, "ARCHITECTURE.md does not name "+dir)
		}
	}
	for name := range named {
		group := false // a folder of packages, as internal/native
		for dir := range exist {
			group = group || within(dir, name)
		}
		if !group {
			out = append(out, "ARCHITECTURE.md names "+name+", which does not exist")
		}
	}
	return out
}

// marks are built from halves, or this file would break its own rule.
var marks = regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|X` + `XX)\b`)

func putOff(t tree) (out []string) {
	look := func(name, text string) {
		for i, line := range strings.Split(text, "\n") {
			if found := marks.FindString(line); found != "" {
				out = append(out, fmt.Sprintf("%s:%d: %s: do it, or file an issue", name, i+1, found))
			}
		}
	}
	for _, s := range t.sources {
		look(s.name, string(s.text))
	}
	for name, text := range t.scripts {
		look(name, text)
	}
	return out
}

func formatted(t tree) (out []string) {
	for _, s := range t.sources {
		if want, err := format.Source(s.text); err != nil || !bytes.Equal(want, s.text) {
			out = append(out, s.name+" is not as gofmt writes it")
		}
	}
	return out
}
