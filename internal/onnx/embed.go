package onnx

import (
	"encoding/binary"
	"errors"
	"fmt"
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
	out, err := e.message("model", model, 0)
	if err == nil && len(e.files) > 0 && len(out) > math.MaxInt32 {
		// The limit of protocol buffers, which ONNX Runtime and TensorRT both have for a model in memory.
		err = fmt.Errorf("with the weights of its other files the model is %d bytes, expected at most 2 GiB", len(out))
	}
	if err != nil {
		return nil, err
	}
	return out, nil
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

// message embeds what a message of some kind leads to.
func (e *embedder) message(kind string, content []byte, depth int) (_ []byte, err error) {
	if kind == "tensor" {
		return e.tensor(content)
	}
	if depth > deepest {
		return nil, fmt.Errorf("%w: messages lie more than %d deep", ErrFormat, deepest)
	}
	for number, inner := range messages[kind] {
		content, err = rewrite(content, number, func(part []byte) ([]byte, error) { return e.message(inner, part, depth+1) })
		if err != nil {
			return nil, err
		}
	}
	return content, nil
}

// tensor gives a tensor whose values lie elsewhere its values.
func (e *embedder) tensor(content []byte) ([]byte, error) {
	name, place, size, err := placeOf(content)
	if err != nil || place == nil {
		return content, err
	}
	values, err := e.read(place, size)
	if err != nil {
		return nil, fmt.Errorf("weights %q: %w", name, err)
	}
	out := make([]byte, 0, len(content)+len(values)+binary.MaxVarintLen64)
	_ = eachField(content, func(n uint64, whole, _ []byte) error { // it was read once already
		if n != tensorExternal && n != tensorLocation && n != tensorRaw {
			out = append(out, whole...)
		}
		return nil
	})
	out = append(out, tensorRaw<<tagShift|wireBytes)
	out = binary.AppendUvarint(out, uint64(len(values)))
	return append(out, values...), nil
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
		case n == tensorDims && content == nil:
			times(number(whole))
		case n == tensorDims:
			for len(content) > 0 {
				v, size := binary.Uvarint(content)
				if size <= 0 {
					return ErrFormat
				}
				times(v)
				content = content[size:]
			}
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

// number is that of a field that is one.
func number(whole []byte) uint64 {
	_, n := binary.Uvarint(whole)
	v, _ := binary.Uvarint(whole[n:])
	return v
}

// read reads what a tensor says of its place: location, and perhaps offset and length.
func (e *embedder) read(place map[string]string, size int64) ([]byte, error) {
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
	case size >= 0 && length != size:
		return nil, fmt.Errorf("they are %d bytes of the file %s, expected %d by their shape", length, f.Name(), size)
	}
	values := make([]byte, length)
	_, err = f.ReadAt(values, offset)
	return values, err
}
