package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"unsafe"

	"sightline/internal/native/dl"
)

// compiler is NVRTC.
type compiler struct {
	CreateProgram     func(prog *uintptr, source *byte, name string, n int32, headers, names uintptr) int32 `dl:"nvrtcCreateProgram"`
	DestroyProgram    func(prog *uintptr) int32                                                             `dl:"nvrtcDestroyProgram"`
	CompileProgram    func(prog uintptr, n int32, options *uintptr) int32                                   `dl:"nvrtcCompileProgram"`
	GetProgramLogSize func(prog uintptr, n *uint64) int32                                                   `dl:"nvrtcGetProgramLogSize"`
	GetProgramLog     func(prog uintptr, log *byte) int32                                                   `dl:"nvrtcGetProgramLog"`
	GetPTXSize        func(prog uintptr, n *uint64) int32                                                   `dl:"nvrtcGetPTXSize"`
	GetPTX            func(prog uintptr, ptx *byte) int32                                                   `dl:"nvrtcGetPTX"`
	GetErrorString    func(code int32) string                                                               `dl:"nvrtcGetErrorString"`
}

func load(library string) (*compiler, error) {
	// Some versions do not find their builtins next to themselves.
	builtins, _ := filepath.Glob(filepath.Join(filepath.Dir(library), "libnvrtc-builtins.so.*"))
	for _, b := range builtins {
		if _, err := dl.Open(b); err != nil {
			return nil, err
		}
	}
	lib, err := dl.Open(library)
	if err != nil {
		return nil, err
	}
	c := new(compiler)
	return c, lib.Bind(c)
}

// compile makes PTX of text; include is the folder of its headers. Products and sums stay apart
// (-fmad=false), so that they round as they do in Go.
func (c *compiler) compile(name string, text []byte, include string) ([]byte, error) {
	var pin runtime.Pinner
	defer pin.Unpin()
	var options []uintptr
	for _, o := range []string{"--gpu-architecture=compute_75", "--std=c++17", "-default-device", "-fmad=false", "-I" + include} {
		b := append([]byte(o), 0)
		pin.Pin(&b[0])
		options = append(options, uintptr(unsafe.Pointer(&b[0])))
	}
	var prog uintptr
	text = append(text[:len(text):len(text)], 0)
	if code := c.CreateProgram(&prog, &text[0], name, 0, 0, 0); code != 0 {
		return nil, fmt.Errorf("%s: %s", name, c.GetErrorString(code))
	}
	defer c.DestroyProgram(&prog)
	if code := c.CompileProgram(prog, int32(len(options)), &options[0]); code != 0 {
		log, _ := c.read(prog, c.GetProgramLogSize, c.GetProgramLog)
		return nil, fmt.Errorf("%s: %s\n%s", name, c.GetErrorString(code), log)
	}
	return c.read(prog, c.GetPTXSize, c.GetPTX)
}

// read fetches one of the program's texts, without the NUL at its end.
func (c *compiler) read(prog uintptr, size func(uintptr, *uint64) int32, get func(uintptr, *byte) int32) ([]byte, error) {
	var n uint64
	if code := size(prog, &n); code != 0 || n == 0 {
		return nil, errors.New(c.GetErrorString(code))
	}
	text := make([]byte, n)
	if code := get(prog, &text[0]); code != 0 {
		return nil, errors.New(c.GetErrorString(code))
	}
	return text[:n-1], nil
}
