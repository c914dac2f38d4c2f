// Package onnx reads what an ONNX file says of itself - inputs, outputs, operators, metadata, never its
// weights -, guesses which family of models it is of and writes a model card to start from; and it makes a
// model whole: weights of other files go into it, sizes that it leaves open are fixed. It imports nothing of ours.
package onnx

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
)

// File is what an ONNX file says of itself.
type File struct {
	Path string `json:"path"`
	// Compressed: the file is gzipped.
	Compressed bool  `json:"compressed,omitempty"`
	IR         int64 `json:"ir"`
	// Producer is the exporter's name and version.
	Producer string            `json:"producer,omitempty"`
	Graph    string            `json:"graph,omitempty"`
	Opsets   []Opset           `json:"opsets"`
	Inputs   []Value           `json:"inputs"`
	Outputs  []Value           `json:"outputs"`
	Weights  Weights           `json:"weights"`
	Metadata map[string]string `json:"metadata,omitempty"`
	// Operators come with the most frequent first.
	Operators []Operator `json:"operators"`

	// makers say by name what each tensor comes from.
	makers map[string]maker
	// firsts are the first sizes of the stored tensors that have a name.
	firsts map[string]int64
	// functions are operators that the file defines itself.
	functions map[string]bool
}

// Opset is a set of operators that the graph is written in; the empty domain is ONNX's own.
type Opset struct {
	Domain  string `json:"domain"`
	Version int64  `json:"version"`
}

// Value is an input or output of the graph, its batch included.
type Value struct {
	Name string `json:"name"`
	// Type is that of an element, such as float32; or what it is if no tensor.
	Type  string `json:"type"`
	Shape []Dim  `json:"shape"`
}

// Dim is one size of a shape: a number, or -1 and perhaps a name.
type Dim struct {
	Size int64  `json:"size"`
	Name string `json:"name,omitempty"`
}

func (d Dim) String() string {
	switch {
	case d.Size >= 0:
		return fmt.Sprint(d.Size)
	case d.Name != "":
		return d.Name
	}
	return "?"
}

func (v Value) String() string {
	sizes := make([]string, len(v.Shape))
	for i, d := range v.Shape {
		sizes[i] = d.String()
	}
	return fmt.Sprintf("%s %s [%s]", v.Name, v.Type, strings.Join(sizes, ","))
}

// Weights are the graph's stored tensors.
type Weights struct {
	Tensors    int   `json:"tensors"`
	Parameters int64 `json:"parameters"`
	Bytes      int64 `json:"bytes"`
	// External are the files that hold some of them, relative to the model; Missing those of them that are not there.
	External []string `json:"external,omitempty"`
	Missing  []string `json:"missing,omitempty"`
}

// Operator is one kind of node and how often it occurs, subgraphs and functions included.
type Operator struct {
	Domain string `json:"domain,omitempty"`
	Type   string `json:"type"`
	Count  int    `json:"count"`
	// Trouble says why an engine does not take it.
	Trouble string `json:"trouble,omitempty"`
}

// maker is the node that a tensor comes from.
type maker struct {
	op     string
	inputs []string
}

// ErrFormat is the error of a file that is no ONNX file, or a broken one.
var ErrFormat = errors.New("no sound ONNX file")

// Read reads a file, plain or gzipped. Weights are jumped over, whatever their size.
func Read(path string) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	out, err := parseFile(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %w", path, ErrFormat, err)
	}
	out.Path = path
	for _, name := range out.Weights.External {
		// A name that leads out of the model's folder is not looked for.
		if _, err := os.Stat(filepath.Join(filepath.Dir(path), name)); !filepath.IsLocal(name) || err != nil {
			out.Weights.Missing = append(out.Weights.Missing, name)
		}
	}
	return out, nil
}

func parseFile(f *os.File) (*File, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("it is no regular file but %v", info.Mode().Type())
	}
	r := bufio.NewReader(f)
	if magic, err := r.Peek(2); err == nil && bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		return parse(r, nil, math.MaxInt64)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	return parse(f, f, info.Size())
}

// parse reads size bytes; gzip is found by its first bytes and has an unknown size.
func parse(r io.Reader, seeker io.Seeker, size int64) (*File, error) {
	b := bufio.NewReaderSize(r, 1<<16)
	compressed := false
	if magic, err := b.Peek(2); err == nil && bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		z, err := gzip.NewReader(b)
		if err != nil {
			return nil, err
		}
		b, seeker, size, compressed = bufio.NewReaderSize(z, 1<<16), nil, math.MaxInt64, true
	}
	p := parser{stream: stream{r: b, seeker: seeker}, file: &File{
		Compressed: compressed, Metadata: map[string]string{}, makers: map[string]maker{}, firsts: map[string]int64{}, functions: map[string]bool{},
	}}
	if err := p.model(size); err != nil {
		return nil, err
	}
	return p.finish()
}
