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
	initializerName, tensorType                          = 8, 1
)

// Element types of TensorProto.
const (
	elementFloat, elementUint8, elementInt32 = 1, 2, 6
	elementBool                              = 9
	elementFloat16, elementDouble            = 10, 11
	elementBfloat16                          = 16
)

// outside is the type that buffers have for tensors of a type that they cannot have; 0 for all others.
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

// CastEnds gives inputs and outputs of float16, bfloat16 and float64 the type float32, and inputs of uint8 and bool
// int32, by a Cast where they meet the graph, which itself stays as it is. A model without such is returned as
// it is.
func CastEnds(model []byte) ([]byte, error) {
	return rewrite(model, modelGraph, func(graph []byte) ([]byte, error) {
		ends, err := findEnds(graph)
		if err != nil || len(ends) == 0 {
			return graph, err
		}
		return castGraph(graph, ends)
	})
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
			stored[stringOf(content, initializerName)] = true
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

func castGraph(graph []byte, ends []end) ([]byte, error) {
	names := map[string]string{}
	var first, last []byte
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
	out, err := renameAll(graph, names)
	if err != nil {
		return nil, err
	}
	for _, number := range []uint64{graphInput, graphOutput} {
		out, err = rewrite(out, number, func(value []byte) ([]byte, error) {
			i := slices.IndexFunc(ends, func(e end) bool {
				return e.output == (number == graphOutput) && e.name == stringOf(value, valueName)
			})
			if i < 0 {
				return value, nil
			}
			return retype(value, ends[i].to)
		})
		if err != nil {
			return nil, err
		}
	}
	return slices.Concat(first, out, last), nil
}

// renameAll renames tensors in the nodes of a graph, those of its subgraphs included, and in what is told of
// tensors inside.
func renameAll(graph []byte, names map[string]string) ([]byte, error) {
	rename := func(text []byte) ([]byte, error) {
		if name, ok := names[string(text)]; ok {
			return []byte(name), nil
		}
		return text, nil
	}
	out, err := rewrite(graph, graphValue, func(value []byte) ([]byte, error) { return rewrite(value, valueName, rename) })
	if err != nil {
		return nil, err
	}
	return rewrite(out, graphNode, func(node []byte) ([]byte, error) {
		node, err := rewrite(node, nodeInput, rename)
		if err != nil {
			return nil, err
		}
		if node, err = rewrite(node, nodeOutput, rename); err != nil {
			return nil, err
		}
		return rewrite(node, nodeAttribute, func(attribute []byte) ([]byte, error) {
			inside := func(graph []byte) ([]byte, error) { return renameAll(graph, names) }
			attribute, err := rewrite(attribute, attributeGraph, inside)
			if err != nil {
				return nil, err
			}
			return rewrite(attribute, attributeGraphs, inside)
		})
	})
}

// retype gives a value another element type.
func retype(value []byte, element uint64) ([]byte, error) {
	return rewrite(value, valueType, func(t []byte) ([]byte, error) {
		return rewrite(t, typeTensor, func(tensor []byte) ([]byte, error) {
			out := appendNumber(nil, tensorType, element)
			err := eachField(tensor, func(n uint64, whole, _ []byte) error {
				if n != tensorType {
					out = append(out, whole...)
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

// appendText appends a field that has a length: a text or a message.
func appendText(message []byte, number uint64, text string) []byte {
	message = binary.AppendUvarint(message, number<<tagShift|wireBytes)
	return append(binary.AppendUvarint(message, uint64(len(text))), text...)
}

// numberOf is a field's number; 0 if there is none.
func numberOf(message []byte, number uint64) (value uint64) {
	_ = eachField(message, func(n uint64, whole, content []byte) error {
		if n == number && content == nil {
			_, tag := binary.Uvarint(whole)
			value, _ = binary.Uvarint(whole[tag:])
		}
		return nil
	})
	return value
}
