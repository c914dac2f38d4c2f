package config

import (
	"encoding/json"
	"reflect"
	"strconv"
)

// Schema is the JSON schema of the configuration, for editors.
func Schema() []byte { return schemaOf(reflect.TypeFor[Config](), "Sightline configuration") }

// CardSchema is the JSON schema of model cards.
func CardSchema() []byte { return schemaOf(reflect.TypeFor[Card](), "Sightline model card") }

func schemaOf(t reflect.Type, title string) []byte {
	s := describe(t, rules{})
	s["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	s["title"] = title
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		panic(err) // maps of texts and numbers always encode
	}
	return append(text, '\n')
}

// describe is the schema of a type, made from the tags that the decoder reads too.
func describe(t reflect.Type, limits rules) map[string]any {
	switch t {
	case reflect.TypeFor[Duration]():
		return map[string]any{"type": "string", "pattern": `^([0-9.]+(ns|us|µs|ms|s|m|h))+$|^0$`}
	case reflect.TypeFor[Bytes]():
		return map[string]any{"type": []string{"string", "integer"}, "minimum": 0, "pattern": `^[0-9.]+ *([KMGT]iB|[kMGT]B)?$`}
	case reflect.TypeFor[Span]():
		return map[string]any{"type": "string", "pattern": `^([0-9.]+(ns|us|µs|ms|s|m|h))+\.\.([0-9.]+(ns|us|µs|ms|s|m|h))+$`}
	case reflect.TypeFor[Source]():
		return map[string]any{"type": "string", "minLength": 1}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return describe(t.Elem(), limits)
	case reflect.Slice:
		if reflect.PointerTo(t.Elem()).Implements(reflect.TypeFor[named]()) {
			return map[string]any{"type": "object", "additionalProperties": describe(t.Elem(), limits)}
		}
		return map[string]any{"type": "array", "items": describe(t.Elem(), limits)}
	case reflect.Struct:
		return describeObject(t)
	case reflect.String:
		s := map[string]any{"type": "string"}
		if limits.enum != nil {
			s["enum"] = limits.enum
		}
		return s
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	}
	s := map[string]any{"type": "number"}
	if t.Kind() == reflect.Int {
		s["type"] = "integer"
	}
	if limits.min != nil {
		s["minimum"] = *limits.min
	}
	if limits.max != nil {
		s["maximum"] = *limits.max
	}
	return s
}

func describeObject(t reflect.Type) map[string]any {
	known, required := map[string]any{}, []string{}
	for _, p := range properties(t) {
		field := t.Field(p.index).Type
		s := describe(field, p.rules)
		s["description"] = p.doc
		if p.initial != "" {
			s["default"] = initialValue(field, p.initial)
		}
		known[p.key] = s
		if p.required {
			required = append(required, p.key)
		}
	}
	object := map[string]any{"type": "object", "properties": known, "additionalProperties": false}
	if len(required) > 0 {
		object["required"] = required
	}
	if _, brief := reflect.New(t).Interface().(short); brief {
		return map[string]any{"oneOf": []any{map[string]any{"type": "string"}, object}}
	}
	return object
}

// initialValue is a default as the schema writes it: a number or truth value where the field is one.
func initialValue(t reflect.Type, text string) any {
	if t == reflect.TypeFor[Duration]() {
		return text
	}
	switch t.Kind() {
	case reflect.Bool:
		return text == "true"
	case reflect.Int, reflect.Int64, reflect.Float64:
		if x, err := strconv.ParseFloat(text, 64); err == nil {
			return x
		}
	}
	return text
}
