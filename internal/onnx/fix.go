package onnx

import (
	"encoding/binary"
	"fmt"
	"unsafe"
)

// Numbers of fields in onnx.proto.
const (
	modelGraph, graphInput  = 7, 11
	valueName, valueType    = 1, 2
	typeTensor, tensorShape = 1, 2
	shapeDim, dimNumber     = 1, 1
	tagShift                = 3
)

// Prepare makes a model what devices take: FixInput, unless shape is nil, and CastEnds.
func Prepare(model []byte, input string, shape []int) ([]byte, error) {
	if shape != nil {
		var err error
		if model, err = FixInput(model, input, shape); err != nil {
			return nil, err
		}
	}
	return CastEnds(model)
}

// FixInput gives the open sizes of an input, beside the batch, the sizes of shape (without the batch), and
// returns the model so changed. A model without such an input, or whose sizes are fixed already, is returned as
// it is: whether it fits is for others to say.
func FixInput(model []byte, name string, shape []int) ([]byte, error) {
	return rewrite(model, modelGraph, func(graph []byte) ([]byte, error) {
		return rewrite(graph, graphInput, func(value []byte) ([]byte, error) {
			if stringOf(value, valueName) != name {
				return value, nil
			}
			return rewrite(value, valueType, func(t []byte) ([]byte, error) {
				return rewrite(t, typeTensor, func(tensor []byte) ([]byte, error) {
					return rewrite(tensor, tensorShape, func(dims []byte) ([]byte, error) { return fixDims(dims, shape) })
				})
			})
		})
	})
}

// fixDims replaces the open sizes after the first one.
func fixDims(dims []byte, shape []int) ([]byte, error) {
	at, open := -1, false
	out, err := rewrite(dims, shapeDim, func(dim []byte) ([]byte, error) {
		at++
		if at == 0 || at > len(shape) || hasField(dim, dimNumber) {
			return dim, nil
		}
		open = true
		return binary.AppendUvarint([]byte{dimNumber<<tagShift | wireVarint}, uint64(shape[at-1])), nil
	})
	if err == nil && open && at != len(shape) {
		err = fmt.Errorf("input has %d sizes beside the batch, expected %d", at, len(shape))
	}
	return out, err
}

// rewrite changes the content of every field of a number. A message of which nothing changes is returned as it
// is, without a copy: a model is large.
func rewrite(message []byte, number uint64, change func([]byte) ([]byte, error)) ([]byte, error) {
	var out []byte
	at, copied := 0, 0 // out has the message up to copied
	err := eachField(message, func(n uint64, whole, content []byte) error {
		start := at
		at += len(whole)
		if n != number || content == nil {
			return nil
		}
		changed, err := change(content)
		if err != nil || unsafe.SliceData(changed) == unsafe.SliceData(content) {
			return err
		}
		out = append(out, message[copied:start]...)
		out = binary.AppendUvarint(out, number<<tagShift|wireBytes)
		out = binary.AppendUvarint(out, uint64(len(changed)))
		out, copied = append(out, changed...), at
		return nil
	})
	switch {
	case err != nil:
		return nil, err
	case copied == 0:
		return message, nil
	}
	return append(out, message[copied:]...), nil
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

func hasField(message []byte, number uint64) (has bool) {
	_ = eachField(message, func(n uint64, _, _ []byte) error {
		has = has || n == number
		return nil
	})
	return has
}
