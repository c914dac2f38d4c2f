// Package kernels holds the program's own CUDA code: sources, the PTX made from them, and the layouts of
// their parameters. The PTX is compiled ahead of time, needs no toolkit at run time and is loaded by any
// driver from CUDA 11 on. device.Kernels says what each kernel computes.
package kernels

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"strings"
)

//go:generate go run ./gen -nvrtc libnvrtc.so.12 -o kernels.ptx

//go:embed *.cuh *.cu
var sources embed.FS

// PTX is the compiled code, for compute capability 7.5 and newer.
//
//go:embed kernels.ptx
var PTX string

// files are compiled as one, in this order.
var files = []string{"common.cuh", "sample.cu", "select.cu", "people.cu", "vectors.cu"}

// Source is the text that PTX is made from.
func Source() []byte {
	var all bytes.Buffer
	for _, name := range files {
		text, err := sources.ReadFile(name)
		if err != nil {
			panic(err) // the files are embedded
		}
		all.Write(text)
		all.WriteByte('\n')
	}
	return all.Bytes()
}

// SourceHash is the SHA-256 of Source.
func SourceHash() string {
	sum := sha256.Sum256(Source())
	return hex.EncodeToString(sum[:])
}

// Current says whether PTX was made from the sources as they are.
func Current() bool {
	head, _, _ := strings.Cut(PTX, "\n")
	return strings.HasSuffix(head, SourceHash())
}
