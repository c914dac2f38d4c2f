package config

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// reader decodes one file and collects its faults.
type reader struct {
	file string
	text []byte
	// faults may speak of several files: those of model cards join the configuration's.
	faults []Fault
	// places are the positions of all fields seen, by their way ("cameras[1].name").
	places map[string]*token.Position
	// wrong are the fields that have a fault already, so that later checks keep still about them.
	wrong   map[string]bool
	anchors map[string]ast.Node
	// decoded says that the text is YAML: the checks across fields make sense.
	decoded bool
}

func newReader(file string, text []byte) *reader {
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf")) // the mark that some editors write before UTF-8
	return &reader{file: file, text: text, places: map[string]*token.Position{}, wrong: map[string]bool{}, anchors: map[string]ast.Node{}}
}

// fault notes a mistake at a field, or at the nearest field around it that the text has.
func (r *reader) fault(field, format string, args ...any) {
	f := Fault{File: r.file, Line: 1, Column: 1, Field: field, Message: fmt.Sprintf(format, args...)}
	for way := field; ; way = parent(way) {
		if p := r.places[way]; p != nil {
			f.Line, f.Column = p.Line, p.Column
			break
		}
		if way == "" {
			break
		}
	}
	r.wrong[field] = true
	r.faults = append(r.faults, f)
}

// sound says that a field has no fault so far.
func (r *reader) sound(field string) bool { return !r.wrong[field] }

// has says whether the text sets the field.
func (r *reader) has(field string) bool { return r.places[field] != nil }

func parent(field string) string { return field[:max(strings.LastIndexAny(field, ".["), 0)] }

func join(way, key string) string {
	if way == "" {
		return key
	}
	return way + "." + key
}

// document parses the text and decodes it into v, a pointer to a struct.
func (r *reader) document(v any) {
	root, err := r.parse()
	if err != nil {
		f := Fault{File: r.file, Line: 1, Column: 1, Message: err.Error()}
		var syntax *yaml.SyntaxError
		if errors.As(err, &syntax) {
			f.Message = "not YAML: " + syntax.Message
			if p := syntax.Token.Position; p != nil {
				f.Line, f.Column = p.Line, p.Column
			}
		}
		r.faults = append(r.faults, f)
		return
	}
	r.decoded = true
	if root == nil {
		r.fault("", "the file is empty")
		return
	}
	r.value("", root, of(v))
}

// longestText bounds what the parser is given: it is slow on some large texts that are no configurations.
const longestText = 1 << 20

// parse makes the tree. A parser that panics on somebody's file is a fault of the file like any other.
func (r *reader) parse() (root ast.Node, err error) {
	defer func() {
		if p := recover(); p != nil {
			root, err = nil, fmt.Errorf("not YAML that can be understood (%v)", p)
		}
	}()
	if len(r.text) > longestText {
		return nil, fmt.Errorf("the file has %d bytes, expected at most %d", len(r.text), longestText)
	}
	if strings.ContainsRune(string(r.text), '\x00') {
		return nil, errors.New("the file is not text")
	}
	f, err := parser.ParseBytes(r.text, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return nil, err
	}
	for _, d := range f.Docs {
		if d.Body == nil || d.Body.Type() == ast.CommentType {
			continue
		}
		if root != nil {
			return nil, errors.New("the file holds several documents, expected one")
		}
		root = d.Body
	}
	return root, nil
}

// resolve goes through anchors, aliases and tags to the value itself.
func (r *reader) resolve(field string, n ast.Node) ast.Node {
	for range 16 {
		switch v := n.(type) {
		case *ast.AnchorNode:
			r.anchors[v.Name.GetToken().Value] = v.Value
			n = v.Value
		case *ast.AliasNode:
			target := r.anchors[v.Value.GetToken().Value]
			if target == nil {
				r.fault(field, "alias *%s has no anchor before it", v.Value.GetToken().Value)
				return nil
			}
			n = target
		case *ast.TagNode:
			n = v.Value
		default:
			return n
		}
	}
	r.fault(field, "aliases are nested too deep")
	return nil
}

// pair is one key of a mapping with its value.
type pair struct {
	key   string
	at    *token.Position
	value ast.Node
}

// pairs lists a mapping, merge keys (<<) included; ok is false if n is something else.
func (r *reader) pairs(field string, n ast.Node, depth int) (list []pair, ok bool) {
	var entries []*ast.MappingValueNode
	switch m := n.(type) {
	case *ast.MappingNode:
		entries = m.Values
	case *ast.MappingValueNode:
		entries = []*ast.MappingValueNode{m}
	default:
		return nil, false
	}
	var merged []pair
	for _, e := range entries {
		t := e.Key.GetToken()
		if e.Key.IsMergeKey() {
			if depth > 8 {
				r.fault(field, "merge keys are nested too deep")
				continue
			}
			more, ok := r.pairs(field, r.resolve(field, e.Value), depth+1)
			if !ok {
				r.fault(field, "<< expects an alias of an object")
			}
			merged = append(merged, more...)
			continue
		}
		at := slices.IndexFunc(list, func(p pair) bool { return p.key == t.Value })
		if at >= 0 {
			r.faults = append(r.faults, Fault{File: r.file, Line: t.Position.Line, Column: t.Position.Column, Field: join(field, t.Value),
				Message: fmt.Sprintf("is set twice, before in line %d", list[at].at.Line)})
			continue
		}
		list = append(list, pair{t.Value, t.Position, e.Value})
	}
	for _, p := range merged {
		if !slices.ContainsFunc(list, func(q pair) bool { return q.key == p.key }) {
			list = append(list, p)
		}
	}
	return list, true
}

// position is where a value begins.
func position(n ast.Node) *token.Position {
	switch m := n.(type) {
	case nil:
		return nil
	case *ast.MappingNode:
		if len(m.Values) > 0 && !m.IsFlowStyle {
			return position(m.Values[0])
		}
	case *ast.MappingValueNode:
		return position(m.Key)
	}
	if t := n.GetToken(); t != nil {
		return t.Position
	}
	return nil
}

// kind says what a node is, in a user's words.
func kind(n ast.Node) string {
	switch v := n.(type) {
	case nil, *ast.NullNode:
		return "nothing"
	case *ast.MappingNode, *ast.MappingValueNode:
		return "an object"
	case *ast.SequenceNode:
		return "a list"
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return "number " + n.GetToken().Value
	case *ast.BoolNode:
		return n.GetToken().Value
	case *ast.StringNode:
		return fmt.Sprintf("text %q", redact(clip(v.Value)))
	case *ast.LiteralNode:
		return fmt.Sprintf("text %q", redact(clip(v.Value.Value)))
	}
	return n.Type().String()
}

func clip(s string) string {
	if len(s) > 80 {
		return s[:80] + "…"
	}
	return s
}
