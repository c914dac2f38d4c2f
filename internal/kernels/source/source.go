// Package source says how the PTX files name what they were made from, for the generator and for the test
// that compares.
package source

import (
	"crypto/sha256"
	"fmt"
)

// Names of the files of kernels.
const (
	Extension = ".cu"
	// Header is included by every file.
	Header = "common.cuh"
)

// Mark is the first line of the PTX of a file with the given text, and of the shared header's.
func Mark(name string, text, header []byte) string {
	sum := sha256.New()
	sum.Write(text)
	sum.Write([]byte{0}) // so that moving a line from one file to the other shows
	sum.Write(header)
	return fmt.Sprintf("// Made by go generate from %s%s and %s, SHA-256 %x", name, Extension, Header, sum.Sum(nil))
}
