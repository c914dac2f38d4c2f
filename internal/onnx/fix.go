package onnx

import (
	"encoding/binary"
	"fmt"
	"io"
)

// Numbers of fields in onnx.proto.
const (
	modelGraph, graphInput  = 7, 11
	valueName, valueType    = 1, 2
	typeTensor, tensorShape = 1, 2
	shapeDim, dimNumber     = 1, 1
	tagShift                = 3
)

// Prepare makes a model what devices take. Open sizes, beside the batch, of the input of that name become those of
// shape (without the batch; nil leaves them): a model without such an input, or whose sizes are fixed already, is
// taken as it is, whether it fits is for others to say. Ends get types that buffers have: see outside. A model of
// which nothing changes is returned as it is.
func Prepare(model []byte, input string, shape []int) ([]byte, error) {
	changed, err := prepare(model, input, shape)
	if err != nil {
		return nil, err
	}
	return changed.over(model)
}

func prepare(model []byte, input string, shape []int) (pieces, error) {
	return rewriteOne(model, modelGraph, func(graph []byte) (pieces, error) { return prepareGraph(graph, input, shape) })
}

// fixInput gives the open sizes of an input those of shape.
func fixInput(value []byte, shape []int) (pieces, error) {
	return rewriteOne(value, valueType, func(t []byte) (pieces, error) {
		return rewriteOne(t, typeTensor, func(tensor []byte) (pieces, error) {
			return rewriteOne(tensor, tensorShape, func(dims []byte) (pieces, error) { return fixDims(dims, shape) })
		})
	})
}

// fixDims replaces the open sizes after the first one.
func fixDims(dims []byte, shape []int) (pieces, error) {
	at := -1
	out, err := rewriteOne(dims, shapeDim, func(dim []byte) (pieces, error) {
		at++
		if at == 0 || at > len(shape) || int64(numberOf(dim, dimNumber)) > 0 {
			return nil, nil
		}
		return pieces{{bytes: appendNumber(nil, dimNumber, uint64(shape[at-1]))}}, nil
	})
	if err == nil && out != nil && at != len(shape) {
		err = fmt.Errorf("input has %d sizes beside the batch, expected %d", at, len(shape))
	}
	return out, err
}

// pieces are a changed message, put together only at the end: a model is large, and each message around a changed
// one would be a copy of it. nil is a message of which nothing changed.
type pieces []piece

// piece is a part of a message: bytes, or those of a file, which are the values of the tensor of that name.
type piece struct {
	bytes  []byte
	stored *io.SectionReader
	name   string
}

func (p pieces) size() (size int64) {
	for i := range p {
		size += int64(len(p[i].bytes))
		if p[i].stored != nil {
			size += p[i].stored.Size()
		}
	}
	return size
}

// write reads what lies in files on the way. It can be called once.
func (p pieces) write(w io.Writer) error {
	for i := range p {
		if _, err := w.Write(p[i].bytes); err != nil {
			return err
		}
		if p[i].stored == nil {
			continue
		}
		if _, err := io.CopyN(w, p[i].stored, p[i].stored.Size()); err != nil {
			return fmt.Errorf("weights %q: %w", p[i].name, err)
		}
	}
	return nil
}

// over is the changed message in one; the original itself if nothing changed.
func (p pieces) over(original []byte) ([]byte, error) {
	if p == nil {
		return original, nil
	}
	out := make(joined, 0, p.size())
	err := p.write(&out)
	return out, err
}

// joined is what was written to it. It does not grow, as a bytes.Buffer does for what might still come.
type joined []byte

func (j *joined) Write(b []byte) (int, error) {
	*j = append(*j, b...)
	return len(b), nil
}

// rewrite changes the content of fields that have a length. change returns nil for those that stay.
func rewrite(message []byte, change func(number uint64, content []byte) (pieces, error)) (pieces, error) {
	var out pieces
	at, copied := 0, 0 // out has the message up to copied
	err := eachField(message, func(number uint64, whole, content []byte) error {
		start := at
		at += len(whole)
		if content == nil {
			return nil
		}
		changed, err := change(number, content)
		if err != nil || changed == nil {
			return err
		}
		head := binary.AppendUvarint(nil, number<<tagShift|wireBytes)
		head = binary.AppendUvarint(head, uint64(changed.size()))
		out = append(append(out, piece{bytes: message[copied:start]}, piece{bytes: head}), changed...)
		copied = at
		return nil
	})
	if err != nil || out == nil {
		return nil, err
	}
	return append(out, piece{bytes: message[copied:]}), nil
}

// rewriteOne changes the fields of one number.
func rewriteOne(message []byte, number uint64, change func(content []byte) (pieces, error)) (pieces, error) {
	return rewrite(message, func(n uint64, content []byte) (pieces, error) {
		if n != number {
			return nil, nil
		}
		return change(content)
	})
}

// eachField visits the fields of a message: their number, all their bytes, and the content of those that
// have a length.
func eachField(message []byte, visit func(number uint64, whole, content []byte) error) error {
	for len(message) > 0 {
		tag, n := binary.Uvarint(message)
		if n <= 0 {
			return ErrFormat
		}
		var content []byte
		end := n
		switch tag & (1<<tagShift - 1) {
		case wireVarint:
			_, size := binary.Uvarint(message[n:])
			if size <= 0 {
				return ErrFormat
			}
			end += size
		case wireFixed8:
			end += 8
		case wireBytes:
			length, size := binary.Uvarint(message[n:])
			if size <= 0 || length > uint64(len(message)-n-size) {
				return ErrFormat
			}
			end += size + int(length)
			content = message[n+size : end : end]
		case wireFixed4:
			end += 4
		default:
			return ErrFormat
		}
		if end > len(message) {
			return ErrFormat
		}
		if err := visit(tag>>tagShift, message[:end], content); err != nil {
			return err
		}
		message = message[end:]
	}
	return nil
}

func stringOf(message []byte, number uint64) (text string) {
	_ = eachField(message, func(n uint64, _, content []byte) error {
		if n == number {
			text = string(content)
		}
		return nil
	})
	return text
}
