package onnx

import (
	"encoding/binary"
	"slices"
)

// pb is a protocol buffer in the making.
type pb []byte

func (b pb) number(field int, v uint64) pb {
	return binary.AppendUvarint(binary.AppendUvarint(slices.Clone(b), uint64(field)<<3), v)
}

func (b pb) bytes(field int, v []byte) pb {
	b = binary.AppendUvarint(binary.AppendUvarint(slices.Clone(b), uint64(field)<<3|wireBytes), uint64(len(v)))
	return append(b, v...)
}

func (b pb) text(field int, v string) pb { return b.bytes(field, []byte(v)) }

// tensor is a ValueInfoProto; -1 stands for a dynamic size.
func tensor(name string, kind uint64, sizes ...int) pb {
	var shape pb
	for _, n := range sizes {
		var d pb
		if n < 0 {
			d = d.text(2, "batch")
		} else {
			d = d.number(1, uint64(n))
		}
		shape = shape.bytes(1, d)
	}
	return pb{}.text(1, name).bytes(2, pb{}.bytes(1, pb{}.number(1, kind).bytes(2, shape)))
}

func node(op, domain, in, out string) pb {
	return pb{}.text(1, in).text(2, out).text(4, op).text(7, domain)
}

// network is a file with inputs, outputs and a node of some kind for each output.
type network struct {
	inputs, outputs []pb
	nodes           []pb
	weights         []pb
	metadata        map[string]string
}

func (n network) file() []byte {
	var g pb
	for _, v := range n.nodes {
		g = g.bytes(1, v)
	}
	g = g.text(2, "main_graph")
	for _, v := range n.weights {
		g = g.bytes(5, v)
	}
	for _, v := range n.inputs {
		g = g.bytes(11, v)
	}
	for _, v := range n.outputs {
		g = g.bytes(12, v)
	}
	m := pb{}.number(1, 8).text(2, "pytorch").text(3, "2.6.0").bytes(7, g).bytes(8, pb{}.number(2, 17))
	for key, value := range n.metadata {
		m = m.bytes(14, pb{}.text(1, key).text(2, value))
	}
	return m
}
