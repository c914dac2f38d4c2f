package onnx

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// names reads the classes that Ultralytics and others write into the metadata, as Python or JSON prints a
// dictionary ({0: 'person', 1: "man's bag"}) or a list; nil if there are none or they make no sense.
func (f *File) names() []string {
	text := f.Metadata["names"]
	if text == "" {
		text = f.Metadata["classes"]
	}
	tokens, ok := literals(text)
	if !ok || len(tokens) == 0 {
		return nil
	}
	if strings.HasPrefix(strings.TrimSpace(text), "[") {
		return tokens
	}
	if len(tokens)%2 != 0 {
		return nil
	}
	list := make([]string, len(tokens)/2)
	seen := make([]bool, len(list))
	for i := 0; i < len(tokens); i += 2 {
		n, err := strconv.Atoi(tokens[i])
		if err != nil || n < 0 || n >= len(list) || seen[n] {
			return nil
		}
		list[n], seen[n] = tokens[i+1], true
	}
	return list
}

// named says whether classes have names: an untrained model's are their numbers.
func named(classes []string) bool {
	for i, name := range classes {
		if name != strconv.Itoa(i) {
			return true
		}
	}
	return false
}

// literals are the numbers and strings of a flat list or dictionary, in order.
func literals(text string) (tokens []string, ok bool) {
	text = strings.TrimSpace(text)
	if len(text) < 2 || !slices.Contains([]string{"{}", "[]"}, text[:1]+text[len(text)-1:]) {
		return nil, false
	}
	text = text[1 : len(text)-1]
	for text != "" {
		switch c := text[0]; {
		case strings.IndexByte(" \t\n\r,:", c) >= 0:
			text = text[1:]
		case c == '\'' || c == '"':
			var b strings.Builder
			i := 1
			for ; i < len(text) && text[i] != c; i++ {
				if text[i] == '\\' && i+1 < len(text) {
					i++
				}
				b.WriteByte(text[i])
			}
			if i >= len(text) {
				return nil, false
			}
			tokens, text = append(tokens, b.String()), text[i+1:]
		default:
			n := strings.IndexAny(text, " \t\n\r,:")
			if n < 0 {
				n = len(text)
			}
			tokens, text = append(tokens, text[:n]), text[n:]
		}
	}
	return tokens, true
}

// numbersOf reads a list of whole numbers of the metadata, such as imgsz and kpt_shape.
func (f *File) numbersOf(key string) (list []int) {
	tokens, ok := literals(f.Metadata[key])
	if !ok {
		return nil
	}
	for _, t := range tokens {
		n, err := strconv.Atoi(t)
		if err != nil {
			return nil
		}
		list = append(list, n)
	}
	return list
}

// ultralytics says that one of Ultralytics' exporters wrote the file.
func (f *File) ultralytics() bool {
	return strings.Contains(f.Metadata["author"]+f.Metadata["description"], "Ultralytics") || f.Metadata["stride"] != "" && f.Metadata["names"] != ""
}

// ends are the operators that a tensor comes from, through those that only move values.
func (f *File) ends(name string) map[string]bool {
	found, seen := map[string]bool{}, map[string]bool{}
	queue := []string{name}
	for len(queue) > 0 && len(seen) < 256 {
		name, queue = queue[0], queue[1:]
		m, ok := f.makers[name]
		if !ok || seen[name] {
			continue
		}
		seen[name] = true
		switch m.op {
		case "Concat":
			queue = append(queue, m.inputs...)
		case "Identity", "Transpose", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Cast", "Slice", "Split", "DequantizeLinear", "QuantizeLinear":
			if len(m.inputs) > 0 {
				queue = append(queue, m.inputs[0])
			}
		default:
			found[m.op] = true
		}
	}
	return found
}

// planes is how many planes the convolution makes that a tensor comes from; 0 if none is found.
func (f *File) planes(name string) int {
	for range 32 {
		m, ok := f.makers[name]
		switch {
		case !ok || len(m.inputs) == 0:
			return 0
		case m.op == "Conv" && len(m.inputs) > 1:
			return int(min(f.firsts[m.inputs[1]], mostClasses))
		case !slices.Contains([]string{"Add", "Resize", "Upsample", "Identity", "Cast", "Sigmoid", "Softmax"}, m.op):
			return 0
		}
		name = m.inputs[0]
	}
	return 0
}

// takes says whether the graph has an input of that name.
func (f *File) takes(name string) bool {
	return slices.ContainsFunc(f.Inputs, func(v Value) bool { return v.Name == name })
}

// has says whether the graph has an operator of ONNX.
func (f *File) has(kind string) bool {
	return slices.ContainsFunc(f.Operators, func(o Operator) bool { return o.Domain == "" && o.Type == kind })
}

// sizes are a value's sizes without the batch, -1 where they are dynamic.
func (v Value) sizes() []int {
	if len(v.Shape) == 0 {
		return nil
	}
	list := make([]int, 0, len(v.Shape)-1)
	for _, d := range v.Shape[1:] {
		list = append(list, int(min(d.Size, 1<<40)))
	}
	return list
}

// say writes sizes as the cards do.
func say(sizes []int) string {
	list := make([]string, len(sizes))
	for i, n := range sizes {
		list[i] = fmt.Sprint(n)
		if n < 0 {
			list[i] = "?"
		}
	}
	return "[" + strings.Join(list, ", ") + "]"
}
