package archtest

import (
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

func TestProject(t *testing.T) {
	project := read(t, os.DirFS(root(t)))
	if len(project.sources) < 10 || project.architecture == "" {
		t.Fatalf("this is not the project: %d Go files", len(project.sources))
	}
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) {
			breaches := r.check(project)
			slices.Sort(breaches)
			for _, b := range breaches {
				t.Error(b)
			}
		})
	}
}

// sound is a tree that breaks no rule.
func sound() fstest.MapFS {
	return texts(map[string]string{
		"ARCHITECTURE.md":                "`internal/result` and internal/native/dl, in internal/native, internal/cli, internal/device/host.",
		"Makefile":                       "tmp=$(mktemp -d fetch.XXXXXX)\n",
		"cmd/sightline/main.go":          "// Command sightline.\npackage main\n\nimport _ \"sightline/internal/cli\"\n\nfunc main() {}\n",
		"internal/cli/cli.go":            "// Package cli is the commands.\npackage cli\n\nimport _ \"sightline/internal/device/host\"\n",
		"internal/device/host/host.go":   "// Package host is a device.\npackage host\n",
		"internal/native/dl/dl.go":       "// Package dl opens libraries.\npackage dl\n\nimport _ \"github.com/ebitengine/purego\"\n",
		"internal/result/result.go":      "// Package result is what comes out.\npackage result\n",
		"internal/result/result_test.go": "package result\n\nimport _ \"sightline/internal/device/host\"\n",
		".hidden/x.go":                   "broken",
		"internal/result/testdata/x.go":  "broken",
	})
}

func texts(files map[string]string) fstest.MapFS {
	out := fstest.MapFS{}
	for name, text := range files {
		out[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return out
}

func TestRulesHoldForASoundTree(t *testing.T) {
	for _, r := range rules {
		if r.name == "length" {
			continue // the project's own excuses do not fit this tree
		}
		if breaches := r.check(read(t, sound())); len(breaches) > 0 {
			t.Errorf("%s: %q", r.name, breaches)
		}
	}
	if breaches := lengths(read(t, sound()), nil); len(breaches) > 0 {
		t.Errorf("length: %q", breaches)
	}
}

func TestRulesFindBreaches(t *testing.T) {
	long := strings.Repeat("\n", longestFile)
	body := strings.Repeat("\t_ = 1\n", longestFunction-1)
	for _, c := range []struct {
		name, file, text string
		check            func(tree) []string
		want             string
	}{
		{"purego elsewhere", "internal/native/onnxruntime/x.go", "package onnxruntime\n\nimport _ \"github.com/ebitengine/purego\"\n", imports, "purego: only internal/native/dl"},
		{"purego in a test", "internal/result/x_test.go", "package result\n\nimport _ \"github.com/ebitengine/purego/objc\"\n", imports, "only internal/native/dl"},
		{"device chosen elsewhere", "internal/result/x.go", "package result\n\nimport _ \"sightline/internal/device/host\"\n", imports, "only internal/cli"},
		{"leaf with a branch", "internal/config/x.go", "package config\n\nimport _ \"sightline/internal/result\"\n", imports, "internal/config may import of ours only itself"},
		{"library with policy", "internal/native/dl/x.go", "package dl\n\nimport _ \"sightline/internal/result\"\n", imports, "internal/native may import of ours only itself"},
		{"two comments", "internal/result/x.go", "// Package result again.\npackage result\n", packageComments, "internal/result has 2 package comments"},
		{"no comment", "internal/x/x.go", "package x\n", packageComments, "internal/x has 0 package comments"},
		{"long file", "internal/result/x.go", "package result\n" + long, func(t tree) []string { return lengths(t, nil) }, "x.go has 401 lines"},
		{"long function", "internal/result/x.go", "package result\n\nfunc f() {\n" + body + "}\n", func(t tree) []string { return lengths(t, nil) }, "x.go:f has 81 lines"},
		{"excuse without need", "internal/result/x.go", "package result\n", func(t tree) []string { return lengths(t, map[string]string{"internal/result/x.go": "?"}) }, "excused from a limit it keeps"},
		{"package not named", "internal/x/x.go", "package x\n", architecture, "does not name internal/x"},
		{"package only named", "ARCHITECTURE.md", "internal/gone/far.", architecture, "names internal/gone/far, which does not exist"},
		{"put off", "internal/result/x.go", "package result\n\n// TO" + "DO later\n", putOff, "x.go:3"},
		{"put off in a script", "scripts/x", "# FIX" + "ME\n", putOff, "scripts/x:1"},
		{"not formatted", "internal/result/x.go", "package result\nvar  x = 1\n", formatted, "x.go is not as gofmt"},
	} {
		t.Run(c.name, func(t *testing.T) {
			files := sound()
			files[c.file] = &fstest.MapFile{Data: []byte(c.text)}
			breaches := c.check(read(t, files))
			if !slices.ContainsFunc(breaches, func(b string) bool { return strings.Contains(b, c.want) }) {
				t.Errorf("breaches %q, want one with %q", breaches, c.want)
			}
		})
	}
	excused := sound()
	excused["internal/result/x.go"] = &fstest.MapFile{Data: []byte("package result\n" + long)}
	if breaches := lengths(read(t, excused), map[string]string{"internal/result/x.go": "?"}); len(breaches) > 0 {
		t.Errorf("excused: %q", breaches)
	}
}
