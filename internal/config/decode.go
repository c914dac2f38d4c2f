package config

import (
	"cmp"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
)

// property is one field of a struct as its tags describe it.
type property struct {
	index    int
	key, doc string
	required bool
	initial  string // the default, empty if there is none
	rules    rules
}

// rules bound a value: an enumeration for text, limits for numbers.
type rules struct {
	enum     []string
	min, max *float64
}

// short is a struct that may be written as one text, the value of the field that shorthand names.
type short interface{ shorthand() string }

func of(pointer any) reflect.Value { return reflect.ValueOf(pointer).Elem() }

// properties reads the tags. A tag that makes no sense panics: it is a mistake of the program.
func properties(t reflect.Type) (list []property) {
	for i := range t.NumField() {
		tag := t.Field(i).Tag
		key, options, _ := strings.Cut(tag.Get("yaml"), ",")
		if key == "-" || key == "" {
			continue
		}
		p := property{index: i, key: key, doc: tag.Get("doc"), required: options == "required", initial: tag.Get("default")}
		if e := tag.Get("enum"); e != "" {
			p.rules.enum = strings.Split(e, ",")
		}
		p.rules.min, p.rules.max = limit(tag.Get("min")), limit(tag.Get("max"))
		list = append(list, p)
	}
	return list
}

func limit(text string) *float64 {
	if text == "" {
		return nil
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		panic(err)
	}
	return &v
}

// value decodes node n, found at field, into v.
func (r *reader) value(field string, n ast.Node, v reflect.Value) { r.bounded(field, n, v, rules{}) }

func (r *reader) bounded(field string, n ast.Node, v reflect.Value, limits rules) {
	if n = r.resolve(field, n); n == nil {
		return
	}
	if r.scalar(field, n, v, limits) {
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		r.bounded(field, n, v.Elem(), limits)
	case reflect.Struct:
		r.object(field, n, v)
	case reflect.Slice:
		if reflect.PointerTo(v.Type().Elem()).Implements(reflect.TypeFor[named]()) {
			r.byName(field, n, v)
			return
		}
		r.list(field, n, v, limits)
	default:
		panic("config: cannot decode " + v.Type().String())
	}
}

// object decodes a mapping into a struct and fills in the defaults of what it leaves out.
func (r *reader) object(field string, n ast.Node, v reflect.Value) {
	known := properties(v.Type())
	pairs, ok := r.pairs(field, n, 0)
	brief := false
	if s, may := v.Addr().Interface().(short); !ok && may {
		if _, brief = n.(*ast.StringNode); brief {
			pairs, ok = []pair{{s.shorthand(), n.GetToken().Position, n}}, true
		}
	}
	if !ok {
		r.fault(field, "expected an object, found %s", kind(n))
		pairs = nil
	}
	for _, p := range pairs {
		way := join(field, p.key)
		if brief {
			way = field // the text has no such key
		}
		r.places[way] = p.at
		i := slices.IndexFunc(known, func(k property) bool { return k.key == p.key })
		if i < 0 {
			r.unknown(way, p.key, known)
			continue
		}
		if at := position(p.value); at != nil {
			r.places[way] = at
		}
		r.bounded(way, p.value, v.Field(known[i].index), known[i].rules)
	}
	for _, k := range known {
		if slices.ContainsFunc(pairs, func(p pair) bool { return p.key == k.key }) {
			continue
		}
		if k.required && ok {
			r.fault(join(field, k.key), "is missing: %s", k.doc)
		}
		r.initialise(v.Field(k.index), k)
	}
}

func (r *reader) unknown(way, key string, known []property) {
	var keys []string
	for _, k := range known {
		keys = append(keys, k.key)
	}
	r.fault(way, "unknown key%s", cmp.Or(suggestion(key, keys), "; expected one of "+quoteAll(keys)))
}

// initialise gives a field that the text leaves out its default.
func (r *reader) initialise(v reflect.Value, p property) {
	switch {
	case p.initial != "":
		if err := setText(v, p.initial, v.Kind() != reflect.String, p.rules); err != nil {
			panic(fmt.Sprintf("config: default of %s: %v", p.key, err))
		}
	case v.Kind() == reflect.Struct && v.Type() != reflect.TypeFor[Source]():
		for _, inner := range properties(v.Type()) {
			r.initialise(v.Field(inner.index), inner)
		}
	}
}

func (r *reader) list(field string, n ast.Node, v reflect.Value, limits rules) {
	s, ok := n.(*ast.SequenceNode)
	if !ok {
		r.fault(field, "expected a list, found %s", kind(n))
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(s.Values), len(s.Values)))
	for i, item := range s.Values {
		way := fmt.Sprintf("%s[%d]", field, i)
		if at := position(item); at != nil {
			r.places[way] = at
		}
		r.bounded(way, item, v.Index(i), limits)
	}
}

// scalar decodes texts, numbers and truth values; it reports false for types that are none of these.
func (r *reader) scalar(field string, n ast.Node, v reflect.Value, limits rules) bool {
	want := expected(v, limits)
	if want == "" {
		return false
	}
	text, plain := "", true
	switch node := n.(type) {
	case *ast.StringNode:
		text, plain = node.Value, false
	case *ast.LiteralNode:
		text, plain = node.Value.Value, false
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		text = n.GetToken().Value
	default:
		r.fault(field, "expected %s, found %s", want, kind(n))
		return true
	}
	if !plain {
		full, err := expand(text)
		if err != nil {
			r.fault(field, "%v", err)
			return true
		}
		text = full
	}
	if err := setText(v, text, plain, limits); err != nil {
		r.fault(field, "expected %s, found %s", want, kind(n))
	}
	return true
}

// expected names what a scalar field takes; empty for lists and objects.
func expected(v reflect.Value, limits rules) string {
	switch v.Interface().(type) {
	case Duration:
		return "a duration such as 500ms or 2s"
	case Bytes:
		return "a size such as 512MiB or 4GiB"
	case Span:
		return "a range of time such as 2s..30s"
	case Source:
		return "a path"
	}
	switch v.Kind() {
	case reflect.String:
		if limits.enum != nil {
			return strings.Join(limits.enum, " or ")
		}
		return "text (quote it if it looks like a number)"
	case reflect.Bool:
		return "true or false"
	case reflect.Int:
		return "a whole number" + limits.span()
	case reflect.Float64:
		return "a number" + limits.span()
	}
	return ""
}

func (l rules) span() string {
	switch {
	case l.min != nil && l.max != nil:
		return fmt.Sprintf(" from %g to %g", *l.min, *l.max)
	case l.min != nil:
		return fmt.Sprintf(" of at least %g", *l.min)
	}
	return ""
}

func (l rules) allow(x float64) bool {
	return !math.IsNaN(x) && !math.IsInf(x, 0) && (l.min == nil || x >= *l.min) && (l.max == nil || x <= *l.max)
}

type refusal struct{}

func (refusal) Error() string { return "refused" }

// setText sets a scalar from its text; plain says that it was written without quotes and looks like a
// number or a truth value.
func setText(v reflect.Value, text string, plain bool, limits rules) error {
	switch p := v.Addr().Interface().(type) {
	case *Duration:
		d, err := time.ParseDuration(text)
		if text == "0" {
			d, err = 0, nil
		}
		if err != nil || d < 0 {
			return refusal{}
		}
		*p = Duration(d)
		return nil
	case *Bytes:
		n, err := parseBytes(text)
		*p = n
		return err
	case *Span:
		span, err := parseSpan(text)
		*p = span
		return err
	case *Source:
		*p = Source{text}
		if text == "" {
			return refusal{}
		}
		return nil
	}
	switch v.Kind() {
	case reflect.String:
		if plain || limits.enum != nil && !slices.Contains(limits.enum, text) {
			return refusal{}
		}
		v.SetString(text)
		return nil
	case reflect.Bool:
		if text != "true" && text != "false" || !plain {
			return refusal{}
		}
		v.SetBool(text == "true")
		return nil
	case reflect.Int:
		n, err := strconv.ParseInt(text, 0, 32)
		if err != nil || !plain || !limits.allow(float64(n)) {
			return refusal{}
		}
		v.SetInt(n)
		return nil
	}
	x, err := strconv.ParseFloat(text, 64)
	if err != nil || !plain || !limits.allow(x) {
		return refusal{}
	}
	v.SetFloat(x)
	return nil
}

var units = []struct {
	suffix string
	size   float64
}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40}, {"kB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}, {"", 1}}

func parseBytes(text string) (Bytes, error) {
	for _, u := range units {
		number, ok := strings.CutSuffix(text, u.suffix)
		if !ok {
			continue
		}
		x, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		if n := x * u.size; err == nil && n >= 0 && n < 1<<62 {
			return Bytes(n), nil
		}
		return 0, refusal{}
	}
	return 0, refusal{}
}
