package onnx

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
)

// Most of each that a sound file has.
const (
	mostValues     = 4096
	mostDimensions = 64
	mostKinds      = 10_000
)

// parser walks through a ModelProto; field numbers are those of onnx.proto.
type parser struct {
	stream
	file     *File
	found    bool
	counts   map[Operator]int
	stored   map[string]bool
	external map[string]bool
}

func (p *parser) model(size int64) error {
	p.counts, p.stored, p.external = map[Operator]int{}, map[string]bool{}, map[string]bool{}
	version := ""
	err := p.message(size, 0, func(f field) (err error) {
		switch {
		case f.number == 1 && f.wire == wireVarint:
			p.file.IR = int64(f.value)
		case f.number == 2:
			p.file.Producer, err = p.text(f)
		case f.number == 3:
			version, err = p.text(f)
		case f.number == 7 && f.wire == wireBytes:
			p.found = true
			err = p.graph(f.end, 1, true)
		case f.number == 8 && f.wire == wireBytes:
			err = p.opset(f.end)
		case f.number == 14 && f.wire == wireBytes:
			err = p.pair(f.end, func(key, value string) { p.file.Metadata[key] = value })
		case f.number == 25 && f.wire == wireBytes:
			err = p.function(f.end)
		}
		return err
	})
	p.file.Producer = strings.TrimSpace(p.file.Producer + " " + version)
	return err
}

// finish sorts what was found.
func (p *parser) finish() (*File, error) {
	if !p.found {
		return nil, errors.New("there is no graph in it")
	}
	for kind, count := range p.counts {
		kind.Count = count
		if p.file.functions[kind.Domain+"."+kind.Type] {
			continue // its own nodes are counted
		}
		kind.Trouble = trouble(kind)
		p.file.Operators = append(p.file.Operators, kind)
	}
	slices.SortFunc(p.file.Operators, func(a, b Operator) int {
		if a.Count != b.Count {
			return b.Count - a.Count
		}
		return strings.Compare(a.Domain+"."+a.Type, b.Domain+"."+b.Type)
	})
	for name := range p.external {
		p.file.Weights.External = append(p.file.Weights.External, name)
	}
	slices.Sort(p.file.Weights.External)
	// Weights may also come after the inputs that name them.
	p.file.Inputs = slices.DeleteFunc(p.file.Inputs, func(v Value) bool { return p.stored[v.Name] })
	return p.file, nil
}

func (p *parser) opset(end int64) error {
	var o Opset
	err := p.message(end, 1, func(f field) (err error) {
		switch {
		case f.number == 1:
			o.Domain, err = p.text(f)
		case f.number == 2 && f.wire == wireVarint:
			o.Version = int64(f.value)
		}
		return err
	})
	if p.file.Opsets = append(p.file.Opsets, o); len(p.file.Opsets) > mostValues {
		return fmt.Errorf("more than %d sets of operators", mostValues)
	}
	return err
}

// pair reads a key and its value.
func (p *parser) pair(end int64, use func(key, value string)) error {
	var key, value string
	err := p.message(end, 1, func(f field) (err error) {
		switch f.number {
		case 1:
			key, err = p.text(f)
		case 2:
			value, err = p.text(f)
		}
		return err
	})
	if err == nil {
		use(key, value)
	}
	return err
}

func (p *parser) function(end int64) error {
	var name, domain string
	err := p.message(end, 1, func(f field) (err error) {
		switch {
		case f.number == 1:
			name, err = p.text(f)
		case f.number == 10:
			domain, err = p.text(f)
		case f.number == 7 && f.wire == wireBytes:
			err = p.node(f.end, 2, false)
		}
		return err
	})
	p.file.functions[domain+"."+name] = true
	return err
}

// graph reads a graph; of a subgraph only operators and weights count.
func (p *parser) graph(end int64, depth int, outermost bool) error {
	return p.message(end, depth, func(f field) (err error) {
		if f.wire != wireBytes {
			return nil
		}
		switch f.number {
		case 1:
			return p.node(f.end, depth+1, outermost)
		case 5:
			return p.tensor(f.end, depth+1, outermost)
		case 15:
			return p.sparse(f.end, depth+1, outermost)
		}
		if !outermost {
			return nil
		}
		switch f.number {
		case 2:
			p.file.Graph, err = p.text(f)
		case 11:
			err = p.value(f.end, depth+1, &p.file.Inputs)
		case 12:
			err = p.value(f.end, depth+1, &p.file.Outputs)
		}
		return err
	})
}

func (p *parser) node(end int64, depth int, outermost bool) error {
	var kind Operator
	var inputs, outputs []string
	err := p.message(end, depth, func(f field) (err error) {
		if f.wire != wireBytes {
			return nil
		}
		text := ""
		switch f.number {
		case 1, 2:
			if !outermost {
				return nil
			}
			if text, err = p.text(f); f.number == 1 {
				inputs = append(inputs, text)
			} else {
				outputs = append(outputs, text)
			}
		case 4:
			kind.Type, err = p.text(f)
		case 7:
			kind.Domain, err = p.text(f)
		case 5:
			err = p.attribute(f.end, depth+1)
		}
		return err
	})
	if kind.Domain == "ai.onnx" {
		kind.Domain = ""
	}
	if p.counts[kind]++; len(p.counts) > mostKinds {
		return fmt.Errorf("more than %d kinds of operators", mostKinds)
	}
	for _, name := range outputs {
		p.file.makers[name] = maker{kind.Type, inputs}
	}
	return err
}

// attribute looks for subgraphs and stored constants.
func (p *parser) attribute(end int64, depth int) error {
	return p.message(end, depth, func(f field) error {
		if f.wire != wireBytes {
			return nil
		}
		switch f.number {
		case 5, 10:
			return p.tensor(f.end, depth+1, false)
		case 6, 11:
			return p.graph(f.end, depth+1, false)
		}
		return nil
	})
}

// sparse counts the values of a sparse tensor.
func (p *parser) sparse(end int64, depth int, named bool) error {
	return p.message(end, depth, func(f field) error {
		if f.number == 1 && f.wire == wireBytes {
			return p.tensor(f.end, depth+1, named)
		}
		return nil
	})
}

// tensor counts stored values, which are not read.
func (p *parser) tensor(end int64, depth int, named bool) error {
	var dims []int64
	var kind uint64
	name := ""
	err := p.message(end, depth, func(f field) (err error) {
		switch {
		case f.number == 1 && (f.wire == wireVarint || f.wire == wireBytes):
			err = p.numbers(f, mostDimensions, &dims)
		case f.number == 2 && f.wire == wireVarint:
			kind = f.value
		case f.number == 8 && named:
			name, err = p.text(f)
		case f.number == 13 && f.wire == wireBytes:
			err = p.pair(f.end, func(key, value string) {
				if key == "location" {
					p.external[value] = true
				}
			})
		}
		return err
	})
	if err != nil {
		return err
	}
	count := int64(1)
	for _, d := range dims {
		if d < 0 || d > 0 && count > math.MaxInt64/64/d {
			return fmt.Errorf("tensor %q has the shape %v", name, dims)
		}
		count *= d
	}
	w := &p.file.Weights
	w.Tensors++
	w.Parameters = min(w.Parameters+count, math.MaxInt64/64)
	w.Bytes = min(w.Bytes+(count*int64(bitsOf(kind))+7)/8, math.MaxInt64/64)
	if named {
		p.stored[name] = true
		if len(dims) > 0 {
			p.file.firsts[name] = dims[0]
		}
	}
	return nil
}

// value reads an input or output.
func (p *parser) value(end int64, depth int, list *[]Value) error {
	v := Value{Type: "of no known type"}
	err := p.message(end, depth, func(f field) (err error) {
		switch {
		case f.number == 1:
			v.Name, err = p.text(f)
		case f.number == 2 && f.wire == wireBytes:
			err = p.typeOf(f.end, depth+1, &v)
		}
		return err
	})
	if err != nil || p.stored[v.Name] {
		return err // old exporters list weights among the inputs
	}
	if *list = append(*list, v); len(*list) > mostValues {
		return fmt.Errorf("more than %d inputs or outputs", mostValues)
	}
	return nil
}

func (p *parser) typeOf(end int64, depth int, v *Value) error {
	return p.message(end, depth, func(f field) error {
		switch f.number {
		case 4:
			v.Type = "sequence"
		case 5:
			v.Type = "map"
		case 8:
			v.Type = "sparse tensor"
		case 9:
			v.Type = "optional"
		}
		if f.number != 1 || f.wire != wireBytes {
			return nil
		}
		return p.message(f.end, depth+1, func(f field) error {
			switch {
			case f.number == 1 && f.wire == wireVarint:
				v.Type = typeName(f.value)
			case f.number == 2 && f.wire == wireBytes:
				return p.shape(f.end, depth+2, v)
			}
			return nil
		})
	})
}

func (p *parser) shape(end int64, depth int, v *Value) error {
	v.Shape = []Dim{}
	return p.message(end, depth, func(f field) error {
		if f.number != 1 || f.wire != wireBytes {
			return nil
		}
		d := Dim{Size: -1}
		err := p.message(f.end, depth+1, func(f field) (err error) {
			switch {
			case f.number == 1 && f.wire == wireVarint:
				d.Size = max(-1, int64(f.value))
			case f.number == 2:
				d.Name, err = p.text(f)
			}
			return err
		})
		if v.Shape = append(v.Shape, d); len(v.Shape) > mostDimensions {
			return fmt.Errorf("%s has more than %d dimensions", v.Name, mostDimensions)
		}
		return err
	})
}

// elements are ONNX's types: name and bits of an element.
var elements = []struct {
	name string
	bits int
}{
	{"of no known type", 0}, {"float32", 32}, {"uint8", 8}, {"int8", 8}, {"uint16", 16}, {"int16", 16}, {"int32", 32},
	{"int64", 64}, {"string", 0}, {"bool", 8}, {"float16", 16}, {"float64", 64}, {"uint32", 32}, {"uint64", 64},
	{"complex64", 64}, {"complex128", 128}, {"bfloat16", 16}, {"float8e4m3fn", 8}, {"float8e4m3fnuz", 8},
	{"float8e5m2", 8}, {"float8e5m2fnuz", 8}, {"uint4", 4}, {"int4", 4}, {"float4e2m1", 4},
}

func typeName(kind uint64) string {
	if kind < uint64(len(elements)) {
		return elements[kind].name
	}
	return fmt.Sprintf("type %d", kind)
}

func bitsOf(kind uint64) int {
	if kind < uint64(len(elements)) {
		return elements[kind].bits
	}
	return 0
}
