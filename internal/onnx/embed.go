package onnx

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"
)

// Numbers of fields in onnx.proto, of stored tensors.
const (
	tensorDims, tensorKind, tensorName, tensorRaw = 1, 2, 8, 9
	tensorExternal, tensorLocation                = 13, 14
	entryKey, entryValue                          = 1, 2
)

// messages say which fields of which message lead to stored tensors.
var messages = map[string]map[uint64]string{
	"model":     {modelGraph: "graph", 25: "function"},
	"graph":     {1: "node", 5: "tensor", 15: "sparse"},
	"function":  {7: "node"},
	"node":      {5: "attribute"},
	"attribute": {5: "tensor", 10: "tensor", 6: "graph", 11: "graph", 22: "sparse", 23: "sparse"},
	"sparse":    {1: "tensor", 2: "tensor"},
}

// Embed puts the weights that lie in other files (external data, which exporters write beside the model) into the
// model, so that it is whole wherever its bytes go: to ONNX Runtime, to TensorRT, into a hash. Files are looked for in
// folder and below it alone. A model with all its weights inside is returned as it is.
func Embed(model []byte, folder string) ([]byte, error) {
	e := embedder{folder: folder, files: map[string]*os.File{}}
	defer e.close()
	out, err := e.model(model)
	if err == nil {
		model, err = out.over(model)
	}
	if err != nil {
		return nil, err
	}
	return model, nil
}

// Write writes what Prepare and then Embed make of a model, without holding it in memory.
func Write(w io.Writer, model []byte, folder, input string, shape []int) error {
	e := embedder{folder: folder, files: map[string]*os.File{}}
	defer e.close()
	out, err := prepare(model, input, shape)
	if err != nil {
		return err
	}
	embedded, err := e.model(model)
	if err == nil && embedded != nil { // weights lie elsewhere, and a copy of the rest is small
		if model, err = out.over(model); err == nil {
			out, err = e.model(model)
		}
	}
	switch {
	case err != nil:
		return err
	case out == nil:
		_, err = w.Write(model)
		return err
	}
	return out.write(w)
}

type embedder struct {
	folder string
	files  map[string]*os.File
}

func (e *embedder) close() {
	for _, f := range e.files {
		_ = f.Close() // it was only read
	}
}

func (e *embedder) model(content []byte) (pieces, error) {
	out, err := e.message("model", content, 0)
	if size := out.size(); size > math.MaxInt32 {
		// The limit of protocol buffers, which ONNX Runtime and TensorRT both have for a model in memory.
		return nil, fmt.Errorf("with the weights of its other files the model is %d bytes, expected at most 2 GiB", size)
	}
	return out, err
}

// message embeds what a message of some kind leads to.
func (e *embedder) message(kind string, content []byte, depth int) (pieces, error) {
	if kind == "tensor" {
		return e.tensor(content)
	}
	if depth > deepest {
		return nil, fmt.Errorf("%w: messages lie more than %d deep", ErrFormat, deepest)
	}
	return rewrite(content, func(number uint64, part []byte) (pieces, error) {
		if inner, ok := messages[kind][number]; ok {
			return e.message(inner, part, depth+1)
		}
		return nil, nil
	})
}

// tensor gives a tensor whose values lie elsewhere its values.
func (e *embedder) tensor(content []byte) (pieces, error) {
	name, place, size, err := placeOf(content)
	if err != nil || place == nil {
		return nil, err
	}
	values, err := e.find(place, size)
	if err != nil {
		return nil, fmt.Errorf("weights %q: %w", name, err)
	}
	var out pieces
	_ = eachField(content, func(n uint64, whole, _ []byte) error { // it was read once already
		if n != tensorExternal && n != tensorLocation && n != tensorRaw {
			out = append(out, piece{bytes: whole})
		}
		return nil
	})
	head := binary.AppendUvarint(nil, tensorRaw<<tagShift|wireBytes)
	head = binary.AppendUvarint(head, uint64(values.Size()))
	return append(out, piece{bytes: head}, piece{stored: values, name: name}), nil
}

// placeOf says where a tensor's values lie (nil: in the tensor) and how many bytes its shape asks for (-1: it does not say).
func placeOf(tensor []byte) (name string, place map[string]string, size int64, err error) {
	external, entries := false, map[string]string{}
	count, bits := int64(1), 0
	times := func(n uint64) {
		if count = count * int64(n); n > math.MaxInt32 || count > math.MaxInt32 {
			count = math.MaxInt32 + 1 // too large in any type, and refused
		}
	}
	err = eachField(tensor, func(n uint64, whole, content []byte) error {
		switch {
		case n == tensorName:
			name = string(content)
		case n == tensorLocation:
			external = number(whole) == 1
		case n == tensorKind:
			bits = bitsOf(number(whole))
		case n == tensorDims:
			return eachNumber(whole, content, times)
		case n == tensorExternal:
			entries[stringOf(content, entryKey)] = stringOf(content, entryValue)
		}
		return nil
	})
	switch {
	case err != nil || !external:
		return name, nil, 0, err
	case bits == 0:
		return name, entries, -1, nil
	}
	return name, entries, (count*int64(bits) + 7) / 8, nil
}

// eachNumber visits those of a field that is one number, or has a length and is a list of them.
func eachNumber(whole, content []byte, visit func(uint64)) error {
	if content == nil {
		visit(number(whole))
	}
	for len(content) > 0 {
		v, size := binary.Uvarint(content)
		if size <= 0 {
			return ErrFormat
		}
		visit(v)
		content = content[size:]
	}
	return nil
}

// number is that of a field that is one.
func number(whole []byte) uint64 {
	_, n := binary.Uvarint(whole)
	v, _ := binary.Uvarint(whole[n:])
	return v
}

// find opens what a tensor says of its place: location, and perhaps offset and length.
func (e *embedder) find(place map[string]string, size int64) (*io.SectionReader, error) {
	location := filepath.FromSlash(place["location"])
	if !filepath.IsLocal(location) {
		return nil, fmt.Errorf("they lie in the file %q, expected one in the model's folder", place["location"])
	}
	f := e.files[location]
	if f == nil {
		path := filepath.Join(e.folder, location)
		opened, err := os.Open(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("they lie in the file %s, which is not there: the exporter wrote it beside the model, and both belong together", path)
		}
		if err != nil {
			return nil, err
		}
		f, e.files[location] = opened, opened
	}
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	offset, length := int64(0), int64(-1)
	for key, v := range map[string]*int64{"offset": &offset, "length": &length} {
		if text := place[key]; text != "" {
			if *v, err = strconv.ParseInt(text, 10, 64); err != nil || *v < 0 {
				return nil, fmt.Errorf("their %s in the file %s is %q, expected a number of bytes", key, f.Name(), text)
			}
		}
	}
	if length < 0 {
		length = info.Size() - offset
	}
	switch {
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is no regular file but %v", f.Name(), info.Mode().Type())
	case offset > info.Size() || length > info.Size()-offset:
		return nil, fmt.Errorf("they are bytes %d to %d of the file %s, which has %d: it is cut off or of another model", offset, offset+length, f.Name(), info.Size())
	case length > math.MaxInt32: // too large in any model, and sums of such might overflow
		return nil, fmt.Errorf("they are %d bytes of the file %s, expected at most 2 GiB", length, f.Name())
	case size >= 0 && length != size:
		return nil, fmt.Errorf("they are %d bytes of the file %s, expected %d by their shape", length, f.Name(), size)
	}
	return io.NewSectionReader(f, offset, length), nil
}
