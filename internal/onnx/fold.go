package onnx

import (
	"encoding/binary"
	"math"
	"slices"
)

// More numbers of fields in onnx.proto.
const (
	tensorFloats = 4
	nodeDomain   = 7
)

// foldedBias is behind the name of an output in that of a bias made for it.
const foldedBias = "/sightline_bias"

// Fold puts what follows a convolution and only scales or shifts its channels into its weights and bias: normalisations
// that an exporter wrote as products and sums, which TensorRT would run as kernels of their own. The model must be whole
// (Embed). It computes the same but for rounding. A model with nothing to fold is returned as it is.
func Fold(model []byte) ([]byte, error) {
	changed, err := rewriteOne(model, modelGraph, foldGraph)
	if err != nil {
		return nil, err
	}
	return changed.over(model)
}

// folder is a graph in work.
type folder struct {
	nodes []*operator
	// tensors are the initializers of 32-bit floats that nobody can replace from outside.
	tensors map[string]*weights
	// same are other names of initializers, by Identity: exporters store equal ones once.
	same map[string]string
	// uses counts the nodes that read a value, and the graph's outputs; readers are the last of those nodes.
	uses    map[string]int
	readers map[string]*operator
	// whole says that no value is read in a graph within a node, where uses are not counted.
	whole bool
}

// operator is a node.
type operator struct {
	content         []byte
	kind            string
	inputs, outputs []string
	// removed and renamed are what folding makes of it: it goes, or reads inputs and writes outputs of other names.
	removed, renamed bool
}

// weights are an initializer; dims and values are nil until they are read.
type weights struct {
	content []byte
	dims    []int
	values  []float32
	// changed values are to be written; one that is unused since goes.
	changed, unused bool
}

// foldGraph folds and writes the graph anew: what is removed is left out, what is new comes last.
func foldGraph(graph []byte) (pieces, error) {
	f, err := newFolder(graph)
	if err != nil || !f.whole {
		return nil, err
	}
	var added []byte
	folded := false
	for _, n := range f.nodes {
		bias, ok := f.fold(n)
		folded = folded || ok
		added = append(added, bias...)
	}
	if !folded {
		return nil, nil
	}
	var out pieces
	at := 0
	err = eachField(graph, func(number uint64, whole, content []byte) error {
		switch {
		case number == graphNode && content != nil:
			n := f.nodes[at]
			at++
			switch {
			case n.removed:
				return nil
			case n.renamed:
				whole = appendText(nil, graphNode, n.encode())
			}
		case number == graphInitializer && content != nil:
			name := stringOf(content, tensorName)
			w := f.tensors[name]
			switch {
			case w == nil:
			case w.unused && f.uses[name] == 0:
				return nil
			case w.changed:
				whole = appendText(nil, graphInitializer, encodeWeights(name, w.dims, w.values))
			}
		}
		out = append(out, piece{bytes: whole})
		return nil
	})
	return append(out, piece{bytes: added}), err
}

func newFolder(graph []byte) (*folder, error) {
	f := &folder{tensors: map[string]*weights{}, same: map[string]string{}, uses: map[string]int{}, readers: map[string]*operator{}, whole: true}
	inputs := map[string]bool{}
	err := eachField(graph, func(number uint64, _, content []byte) error {
		if content == nil {
			return nil
		}
		switch number {
		case graphNode:
			n, nested, err := newOperator(content)
			if err != nil {
				return err
			}
			f.nodes, f.whole = append(f.nodes, n), f.whole && !nested
			for _, in := range n.inputs {
				f.uses[in]++
				f.readers[in] = n
			}
			if n.kind == "Identity" && len(n.inputs) == 1 && len(n.outputs) == 1 {
				f.same[n.outputs[0]] = n.inputs[0]
			}
		case graphOutput:
			f.uses[stringOf(content, valueName)]++
		case graphInput:
			inputs[stringOf(content, valueName)] = true
		case graphInitializer:
			if numberOf(content, tensorKind) == elementFloat && numberOf(content, tensorLocation) == 0 {
				f.tensors[stringOf(content, tensorName)] = &weights{content: content}
			}
		}
		return nil
	})
	for name := range inputs {
		delete(f.tensors, name)
	}
	return f, err
}

// newOperator also says whether there are graphs within the node.
func newOperator(content []byte) (n *operator, nested bool, err error) {
	n = &operator{content: content}
	domain := ""
	err = eachField(content, func(number uint64, _, part []byte) error {
		switch number {
		case nodeInput:
			n.inputs = append(n.inputs, string(part))
		case nodeOutput:
			n.outputs = append(n.outputs, string(part))
		case nodeType:
			n.kind = string(part)
		case nodeDomain:
			domain = string(part)
		case nodeAttribute:
			return eachField(part, func(a uint64, _, inner []byte) error {
				nested = nested || inner != nil && (a == attributeGraph || a == attributeGraphs)
				return nil
			})
		}
		return nil
	})
	if domain != "" && domain != "ai.onnx" {
		n.kind = "" // no operator of ONNX itself
	}
	return n, nested, err
}

// encode writes the node with its inputs and outputs of now.
func (n *operator) encode() (out []byte) {
	for _, in := range n.inputs {
		out = appendText(out, nodeInput, in)
	}
	for _, name := range n.outputs {
		out = appendText(out, nodeOutput, name)
	}
	_ = eachField(n.content, func(number uint64, whole, _ []byte) error { // it was read once already
		if number != nodeInput && number != nodeOutput {
			out = append(out, whole...)
		}
		return nil
	})
	return out
}

// fold folds the products and sums that follow a convolution. It returns the bias as a field of the graph where there
// was none.
func (f *folder) fold(conv *operator) (bias []byte, ok bool) {
	if conv.kind != "Conv" || len(conv.outputs) != 1 || len(conv.inputs) < 2 || len(conv.inputs) > 3 {
		return nil, false
	}
	if next, _ := f.next(conv.outputs[0]); next == nil {
		return nil, false // before weights are read
	}
	w := f.read(conv.inputs[1])
	if w == nil || f.uses[conv.inputs[1]] != 1 || len(w.dims) < 3 || w.dims[0] < 1 {
		return nil, false
	}
	channels := w.dims[0]
	shift := make([]float32, channels)
	biased := len(conv.inputs) == 3 && conv.inputs[2] != ""
	if biased {
		b := f.read(conv.inputs[2])
		if b == nil || f.uses[conv.inputs[2]] != 1 || len(b.values) != channels {
			return nil, false
		}
		copy(shift, b.values)
	}
	scale, end := slices.Repeat([]float32{1}, channels), conv.outputs[0]
	for {
		next, other := f.next(end)
		if next == nil {
			break
		}
		values := f.perChannel(other, channels, len(w.dims))
		if values == nil {
			break
		}
		for i, v := range values {
			if next.kind == "Mul" {
				scale[i], shift[i] = scale[i]*v, shift[i]*v
			} else {
				shift[i] += v
			}
		}
		end, next.removed = next.outputs[0], true
		if f.uses[other]--; f.tensors[other] != nil {
			f.tensors[other].unused = true
		}
	}
	if end == conv.outputs[0] {
		return nil, false
	}
	each := len(w.values) / channels
	for i := range w.values {
		w.values[i] *= scale[i/each]
	}
	w.changed = true
	conv.outputs, conv.renamed = []string{end}, true
	if biased {
		b := f.tensors[conv.inputs[2]]
		b.values, b.changed = shift, true
		return nil, true
	}
	conv.inputs = append(conv.inputs[:2:2], end+foldedBias)
	return appendText(nil, graphInitializer, encodeWeights(end+foldedBias, []int{channels}, shift)), true
}

// next is the one reader of a value, if it is a product or a sum with an initializer, and that one's name.
func (f *folder) next(value string) (n *operator, other string) {
	n = f.readers[value]
	if f.uses[value] != 1 || n == nil || n.removed || n.kind != "Mul" && n.kind != "Add" || len(n.inputs) != 2 || len(n.outputs) != 1 {
		return nil, ""
	}
	if other = n.inputs[0]; other == value {
		other = n.inputs[1]
	}
	if f.tensors[f.named(other)] == nil {
		return nil, ""
	}
	return n, other
}

// named is what an initializer is called itself.
func (f *folder) named(name string) string {
	if first, ok := f.same[name]; ok {
		return first
	}
	return name
}

// perChannel is an initializer that has a value for each channel of something with so many sizes, or one for all of them; nil if it does not.
func (f *folder) perChannel(name string, channels, sizes int) []float32 {
	t := f.read(f.named(name))
	if t == nil || len(t.dims) > sizes {
		return nil
	}
	for i, n := range t.dims {
		if axis := i + sizes - len(t.dims); n != 1 && (axis != 1 || n != channels) {
			return nil
		}
	}
	if len(t.values) == 1 {
		return slices.Repeat(t.values, channels)
	}
	return t.values
}

// read is an initializer with its values; nil if it is none, or not of numbers that lie there.
func (f *folder) read(name string) *weights {
	t := f.tensors[name]
	if t == nil || t.values != nil {
		return t
	}
	count, wrong := 1, false
	size := func(n uint64) {
		if n < 1 || n > math.MaxInt32 || count > math.MaxInt32/int(n) {
			wrong = true
			return
		}
		t.dims, count = append(t.dims, int(n)), count*int(n)
	}
	var raw []byte
	err := eachField(t.content, func(field uint64, whole, content []byte) error {
		switch field {
		case tensorDims:
			return eachNumber(whole, content, size)
		case tensorRaw:
			raw = content
		case tensorFloats:
			if content == nil { // one alone
				content = whole[max(0, len(whole)-4):]
			}
			raw = append(raw, content...) // what a field holds has no room behind it
		}
		return nil
	})
	if err != nil || wrong || len(raw) != 4*count {
		delete(f.tensors, name)
		return nil
	}
	t.values = make([]float32, count)
	for i := range t.values {
		t.values[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
	}
	return t
}

func encodeWeights(name string, dims []int, values []float32) []byte {
	var out []byte
	for _, n := range dims {
		out = appendNumber(out, tensorDims, uint64(n))
	}
	out = appendText(appendNumber(out, tensorKind, elementFloat), tensorName, name)
	raw := make([]byte, 0, 4*len(values))
	for _, v := range values {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
	}
	return appendText(out, tensorRaw, raw)
}
