// Package fake compiles stand-ins in C for NVIDIA's libraries, for tests on machines without a GPU. They are
// stricter than the libraries: what breaks a rule is refused and noted. See testdata.
package fake

import (
	"embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"sightline/internal/native/dl"
)

//go:embed testdata
var sources embed.FS

// ErrNoCompiler means that this machine has no C compiler: a test that gets it skips.
var ErrNoCompiler = errors.New("no C compiler (cc) to build the stand-in libraries with")

// Library is a stand-in, open in this process. Its methods may be called from any goroutine.
type Library struct {
	lib *dl.Library
	api struct {
		Refusals func(text *byte, n uint64)       `dl:"fake_refusals"`
		Calls    func(call string) int32          `dl:"fake_calls"`
		Fail     func(call string, code int32)    `dl:"fake_fail"`
		Break    func()                           `dl:"fake_break,optional"`
		Live     func(text *byte, n uint64) int32 `dl:"fake_live,optional"`
		Flags    func() int32                     `dl:"fake_flags,optional"`
	}
}

// Open builds testdata/NAME.c as a library with that soname and opens it. While the process lives, whoever
// opens a library of that name gets the stand-in; where a test has a real one, it must not call Open.
func Open(name, soname string) (*Library, error) {
	compiler, err := exec.LookPath("cc")
	if err != nil {
		return nil, ErrNoCompiler
	}
	dir, err := os.MkdirTemp("", "sightline-fake")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir) // what is open stays open
	if err := os.CopyFS(dir, sources); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, soname)
	build := exec.Command(compiler, "-std=gnu11", "-O1", "-shared", "-fPIC", "-pthread", "-Wl,-soname,"+soname,
		"-o", path, filepath.Join(dir, "testdata", name+".c"))
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%s: %w: %s", name, err, out)
	}
	l := &Library{}
	if l.lib, err = dl.Open(path); err != nil {
		return nil, err
	}
	return l, l.lib.Bind(&l.api)
}

// Refusals are the broken rules since the last call, one a line.
func (l *Library) Refusals() string {
	text := make([]byte, 1<<14)
	l.api.Refusals(&text[0], uint64(len(text)))
	return dl.String(&text[0])
}

// Calls counts the calls of a C function.
func (l *Library) Calls(call string) int { return int(l.api.Calls(call)) }

// Fail makes the next call of a C function return code and do nothing else. Codes that CUDA calls sticky
// stay with the context.
func (l *Library) Fail(call string, code int) { l.api.Fail(call, int32(code)) }

// Break ends every stream capture in progress, as the creation of an NVDEC decoder does.
func (l *Library) Break() { l.api.Break() }

// Flags are those of all packets that the parser of nvcuvid was given since the last call.
func (l *Library) Flags() int { return int(l.api.Flags()) }

// Live counts the objects that are open, and names their kinds.
func (l *Library) Live() (int, string) {
	text := make([]byte, 1<<14)
	n := l.api.Live(&text[0], uint64(len(text)))
	return int(n), dl.String(&text[0])
}
