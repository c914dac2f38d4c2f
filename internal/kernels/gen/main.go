// Command gen compiles the CUDA files of package kernels to PTX with NVRTC, which needs neither a GPU nor a
// driver nor the CUDA toolkit. Run it by `go generate ./internal/kernels`.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"

	"sightline/internal/kernels/source"
)

func main() {
	library := flag.String("nvrtc", "", "NVRTC `library` to use instead of the pinned one")
	out := flag.String("out", ".", "`folder` for the PTX")
	flag.Parse()
	if err := run(*library, *out, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

// stamp is the line in which NVRTC writes its own PTX version, hints what PTX 7.0 does not know: which bytes of
// a load are used.
var (
	stamp = regexp.MustCompile(`(?m)^\.version .*$`)
	hints = regexp.MustCompile(`(?m)^\s*\.pragma "used_bytes_mask [^"]*";\n`)
)

func run(library, out string, names []string) error {
	if library == "" {
		var err error
		if library, err = obtain(); err != nil {
			return err
		}
	}
	c, err := load(library)
	if err != nil {
		return err
	}
	for _, name := range names {
		text, err := os.ReadFile(name + source.Extension)
		if err != nil {
			return err
		}
		shared, err := os.ReadFile(source.Header)
		if err != nil {
			return err
		}
		ptx, err := c.compile(name+source.Extension, text, ".")
		if err != nil {
			return err
		}
		// The code uses nothing newer than 7.0, which every driver from CUDA 11 on accepts.
		ptx = stamp.ReplaceAll(ptx, []byte(".version 7.0"))
		ptx = hints.ReplaceAll(ptx, nil)
		ptx = append([]byte(source.Mark(name, text, shared)+"\n"), ptx...)
		if err := os.WriteFile(filepath.Join(out, name+".ptx"), ptx, 0o644); err != nil {
			return err
		}
	}
	return nil
}
