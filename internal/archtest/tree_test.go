package archtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const module = "sightline"

// source is one Go file of the project.
type source struct {
	name    string // from the root, with slashes
	text    []byte
	file    *ast.File
	set     *token.FileSet
	imports []string
}

func (s source) dir() string  { return path.Dir(s.name) }
func (s source) isTest() bool { return strings.HasSuffix(s.name, "_test.go") }
func (s source) line(p token.Pos) int {
	return s.set.Position(p).Line
}

// tree is what the rules look at.
type tree struct {
	sources      []source
	scripts      map[string]string // other files that people write by hand and that run
	architecture string            // ARCHITECTURE.md
}

// root finds the folder of go.mod above this package.
func root(t *testing.T) string {
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			t.Fatal("no go.mod above this package")
		}
		dir = parent
	}
}

// read parses the tree; folders that the go command skips are skipped here too.
func read(t *testing.T, files fs.FS) tree {
	t.Helper()
	out := tree{scripts: map[string]string{}}
	err := fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if base := entry.Name(); entry.IsDir() {
			if name != "." && (base[0] == '.' || base[0] == '_' || base == "testdata" || base == "vendor") {
				return fs.SkipDir
			}
			return nil
		}
		script := name == "Makefile" || strings.HasPrefix(name, "scripts/")
		if !strings.HasSuffix(name, ".go") && name != "ARCHITECTURE.md" && !script {
			return nil
		}
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		switch {
		case strings.HasSuffix(name, ".go"):
			out.sources = append(out.sources, parse(t, name, text))
		case script:
			out.scripts[name] = string(text)
		default:
			out.architecture = string(text)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func parse(t *testing.T, name string, text []byte) source {
	t.Helper()
	s := source{name: name, text: text, set: token.NewFileSet()}
	file, err := parser.ParseFile(s.set, name, text, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	s.file = file
	for _, spec := range file.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		s.imports = append(s.imports, imported)
	}
	return s
}

// ours returns the path of a package below the root, and whether it is ours.
func ours(imported string) (string, bool) { return strings.CutPrefix(imported, module+"/") }

func within(name, dir string) bool { return name == dir || strings.HasPrefix(name, dir+"/") }
