// Command gen compiles the CUDA sources of package kernels to PTX with NVRTC. It needs neither a GPU nor a
// driver nor the CUDA toolkit, only libnvrtc 12.x: pip download nvidia-cuda-nvrtc-cu12==12.9.86.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"unsafe"

	"sightline/internal/kernels"
	"sightline/internal/native/dl"
)

var api struct {
	CreateProgram     func(prog *uintptr, source *byte, name string, n int32, headers, names uintptr) int32 `dl:"nvrtcCreateProgram"`
	CompileProgram    func(prog uintptr, n int32, options *uintptr) int32                                   `dl:"nvrtcCompileProgram"`
	GetProgramLogSize func(prog uintptr, n *uint64) int32                                                   `dl:"nvrtcGetProgramLogSize"`
	GetProgramLog     func(prog uintptr, log *byte) int32                                                   `dl:"nvrtcGetProgramLog"`
	GetPTXSize        func(prog uintptr, n *uint64) int32                                                   `dl:"nvrtcGetPTXSize"`
	GetPTX            func(prog uintptr, ptx *byte) int32                                                   `dl:"nvrtcGetPTX"`
	GetErrorString    func(code int32) string                                                               `dl:"nvrtcGetErrorString"`
}

func main() {
	library := flag.String("nvrtc", "libnvrtc.so.12", "path of libnvrtc")
	out := flag.String("o", "kernels.ptx", "file to write")
	flag.Parse()
	if err := run(*library, *out); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func run(library, out string) error {
	// Some versions do not find their builtins next to themselves.
	builtins, err := filepath.Glob(filepath.Join(filepath.Dir(library), "libnvrtc-builtins.so.*"))
	if err != nil {
		return err
	}
	for _, b := range builtins {
		if _, err := dl.Open(b); err != nil {
			return err
		}
	}
	lib, err := dl.Open(library)
	if err != nil {
		return err
	}
	if err := lib.Bind(&api); err != nil {
		return err
	}
	ptx, err := compile(kernels.Source())
	if err != nil {
		return err
	}
	// NVRTC stamps its own PTX version. The code uses nothing newer than 7.0, which every driver
	// from CUDA 11 on accepts; ptxas would refuse it otherwise.
	ptx = regexp.MustCompile(`(?m)^\.version .*$`).ReplaceAll(ptx, []byte(".version 7.0"))
	head := fmt.Sprintf("// Made by gen; SHA-256 of the sources: %s\n", kernels.SourceHash())
	return os.WriteFile(out, append([]byte(head), ptx...), 0o644)
}

func compile(source []byte) ([]byte, error) {
	var pin runtime.Pinner
	defer pin.Unpin()
	var options []uintptr
	for _, o := range []string{"--gpu-architecture=compute_75", "--std=c++17", "--fmad=false", "-default-device"} {
		c := append([]byte(o), 0)
		pin.Pin(&c[0])
		options = append(options, uintptr(unsafe.Pointer(&c[0])))
	}
	var prog uintptr
	text := append(source[:len(source):len(source)], 0)
	if code := api.CreateProgram(&prog, &text[0], "kernels.cu", 0, 0, 0); code != 0 {
		return nil, errors.New(api.GetErrorString(code))
	}
	if code := api.CompileProgram(prog, int32(len(options)), &options[0]); code != 0 {
		log, err := read(prog, api.GetProgramLogSize, api.GetProgramLog)
		return nil, errors.Join(fmt.Errorf("%s\n%s", api.GetErrorString(code), log), err)
	}
	return read(prog, api.GetPTXSize, api.GetPTX)
}

// read fetches one of the program's texts, without the NUL at its end.
func read(prog uintptr, size func(uintptr, *uint64) int32, get func(uintptr, *byte) int32) ([]byte, error) {
	var n uint64
	if code := size(prog, &n); code != 0 || n == 0 {
		return nil, errors.New(api.GetErrorString(code))
	}
	buf := make([]byte, n)
	if code := get(prog, &buf[0]); code != 0 {
		return nil, errors.New(api.GetErrorString(code))
	}
	return buf[:n-1], nil
}
