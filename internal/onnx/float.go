package onnx

import (
	"encoding/binary"
	"slices"
)

// More numbers of fields in onnx.proto.
const (
	graphNode, graphInitializer, graphOutput, graphValue = 1, 5, 12, 13
	nodeInput, nodeOutput, nodeName, nodeType            = 1, 2, 3, 4
	nodeAttribute                                        = 5
	attributeName, attributeInt, attributeType           = 1, 3, 20
	attributeGraph, attributeGraphs                      = 6, 11
	attributeIsInt                                       = 2 // of AttributeProto's types
	tensorType                                           = 1
)

// Element types of TensorProto.
const (
	elementFloat, elementUint8, elementInt32 = 1, 2, 6
	elementBool                              = 9
	elementFloat16, elementDouble            = 10, 11
	elementBfloat16                          = 16
)

// outside is the type that buffers have for tensors of a type that they cannot have: float32 for inputs and outputs of
// float16, bfloat16 and float64, int32 for inputs of uint8 and bool. It is 0 for all others. What is behind the Cast
// is the device's to take: TensorRT has no float64, and uint8 only as a network's own input, so that on a GPU a
// graph of bytes must itself begin with a Cast (it is bare then, and int32 goes in directly).
func outside(element uint64) uint64 {
	switch element {
	case elementFloat16, elementDouble, elementBfloat16:
		return elementFloat
	case elementUint8, elementBool:
		return elementInt32
	}
	return 0
}

// inner is what a tensor of that name is called between its Cast and the rest of the graph.
const inner = "/sightline_inner"

// prepareGraph fixes the open sizes of an input, and gives inputs and outputs the types that they have outside, by a
// Cast where they meet the graph, which itself stays as it is.
func prepareGraph(graph []byte, input string, shape []int) (pieces, error) {
	ends, err := findEnds(graph)
	if err != nil {
		return nil, err
	}
	first, last, names := castNodes(ends)
	out, err := rewrite(graph, func(n uint64, content []byte) (pieces, error) {
		switch {
		case n == graphInput || n == graphOutput:
			return prepareEnd(n, content, input, shape, ends)
		case len(names) > 0:
			return renameIn(n, content, names)
		}
		return nil, nil
	})
	if err != nil || out == nil {
		return nil, err
	}
	return slices.Concat(pieces{{bytes: first}}, out, pieces{{bytes: last}}), nil
}

// prepareEnd prepares a graph's input or output.
func prepareEnd(n uint64, value []byte, input string, shape []int, ends []end) (out pieces, err error) {
	name := stringOf(value, valueName)
	if n == graphInput && name == input && shape != nil {
		if out, err = fixInput(value, shape); err != nil {
			return nil, err
		}
	}
	i := slices.IndexFunc(ends, func(e end) bool { return e.output == (n == graphOutput) && e.name == name })
	if i < 0 {
		return out, nil
	}
	if value, err = out.over(value); err != nil {
		return nil, err
	}
	return retype(value, ends[i].to)
}

// end is an input or output that gets another type.
type end struct {
	name     string
	output   bool
	from, to uint64 // its element type in the graph, and outside
	// bare says that an input goes into Cast nodes only, which take any type.
	bare bool
}

func findEnds(graph []byte) (ends []end, err error) {
	stored, others := map[string]bool{}, map[string]bool{}
	err = eachField(graph, func(n uint64, _, content []byte) error {
		switch {
		case content == nil:
		case n == graphInitializer:
			stored[stringOf(content, tensorName)] = true
		case n == graphNode:
			if stringOf(content, nodeType) != "Cast" {
				mentions(content, nodeInput, others)
			}
		case n == graphInput || n == graphOutput:
			element := elementOf(content)
			if to := outside(element); to != 0 && (n == graphInput || to == elementFloat) {
				ends = append(ends, end{name: stringOf(content, valueName), output: n == graphOutput, from: element, to: to})
			}
		}
		return nil
	})
	for i := range ends {
		ends[i].bare = !ends[i].output && !others[ends[i].name]
	}
	// Weights may be listed as inputs too; what is both input and output cannot have two types.
	return slices.DeleteFunc(ends, func(e end) bool { return stored[e.name] }), err
}

// mentions collects the names in a field of a node, and all that its subgraphs name.
func mentions(node []byte, number uint64, names map[string]bool) {
	_ = eachField(node, func(n uint64, _, content []byte) error {
		switch n {
		case number:
			names[string(content)] = true
		case nodeAttribute:
			return eachField(content, func(n uint64, _, graph []byte) error {
				if (n != attributeGraph && n != attributeGraphs) || graph == nil {
					return nil
				}
				return eachField(graph, func(n uint64, _, inside []byte) error {
					if n == graphNode {
						mentions(inside, number, names)
					}
					return nil
				})
			})
		}
		return nil
	})
}

// elementOf is the element type of a value; 0 if it is no tensor.
func elementOf(value []byte) (element uint64) {
	_ = eachField(value, func(n uint64, _, t []byte) error {
		if n != valueType {
			return nil
		}
		return eachField(t, func(n uint64, _, tensor []byte) error {
			if n == typeTensor {
				element = numberOf(tensor, tensorType)
			}
			return nil
		})
	})
	return element
}

// castNodes are the nodes that come before and behind the graph's own, and what the graph's tensors are called
// between them.
func castNodes(ends []end) (first, last []byte, names map[string]string) {
	names = map[string]string{}
	for _, e := range ends {
		switch {
		case e.output:
			names[e.name] = e.name + inner
			last = appendCast(last, e.name+inner, e.name, e.to)
		case !e.bare:
			names[e.name] = e.name + inner
			first = appendCast(first, e.name, e.name+inner, e.from)
		}
	}
	return first, last, names
}

// renameIn renames tensors in a field of a graph: in nodes, those of their subgraphs included, and in what is told
// of tensors inside.
func renameIn(n uint64, content []byte, names map[string]string) (pieces, error) {
	rename := func(text []byte) (pieces, error) {
		if name, ok := names[string(text)]; ok {
			return pieces{{bytes: []byte(name)}}, nil
		}
		return nil, nil
	}
	switch n {
	case graphValue:
		return rewriteOne(content, valueName, rename)
	case graphNode:
		return rewrite(content, func(n uint64, part []byte) (pieces, error) {
			switch n {
			case nodeInput, nodeOutput:
				return rename(part)
			case nodeAttribute:
				return rewrite(part, func(n uint64, graph []byte) (pieces, error) {
					if n != attributeGraph && n != attributeGraphs {
						return nil, nil
					}
					return rewrite(graph, func(n uint64, content []byte) (pieces, error) { return renameIn(n, content, names) })
				})
			}
			return nil, nil
		})
	}
	return nil, nil
}

// retype gives a value another element type.
func retype(value []byte, element uint64) (pieces, error) {
	return rewriteOne(value, valueType, func(t []byte) (pieces, error) {
		return rewriteOne(t, typeTensor, func(tensor []byte) (pieces, error) {
			out := pieces{{bytes: appendNumber(nil, tensorType, element)}}
			err := eachField(tensor, func(n uint64, whole, _ []byte) error {
				if n != tensorType {
					out = append(out, piece{bytes: whole})
				}
				return nil
			})
			return out, err
		})
	})
}

// appendCast appends a node of a graph that makes output of input.
func appendCast(graph []byte, input, output string, to uint64) []byte {
	attribute := appendText(nil, attributeName, "to")
	attribute = appendNumber(attribute, attributeInt, to)
	attribute = appendNumber(attribute, attributeType, attributeIsInt)
	node := appendText(nil, nodeInput, input)
	node = appendText(node, nodeOutput, output)
	node = appendText(node, nodeName, "sightline_cast_"+input)
	node = appendText(node, nodeType, "Cast")
	node = appendText(node, nodeAttribute, string(attribute))
	return appendText(graph, graphNode, string(node))
}

func appendNumber(message []byte, number, value uint64) []byte {
	return binary.AppendUvarint(binary.AppendUvarint(message, number<<tagShift|wireVarint), value)
}

// appendText appends a field that has a length: a text, bytes or a message.
func appendText[T string | []byte](message []byte, number uint64, text T) []byte {
	message = binary.AppendUvarint(message, number<<tagShift|wireBytes)
	return append(binary.AppendUvarint(message, uint64(len(text))), text...)
}

// numberOf is a field's number; 0 if there is none.
func numberOf(message []byte, field uint64) (value uint64) {
	_ = eachField(message, func(n uint64, whole, content []byte) error {
		if n == field && content == nil {
			value = number(whole)
		}
		return nil
	})
	return value
}
