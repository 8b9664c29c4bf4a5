package tools

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"

	"beckon/agents"
	"beckon/internal/problem"
)

// The limits of schemas and of the arguments that they check.
const (
	maxSchemaBytes = 64 << 10
	maxSchemaParts = 5000 // of a schema, with what it refers to in place of the references
	maxArgumentsOf = 1 << 20
	maxDepth       = 64 // of arguments
)

// arguments checks the arguments of a tool.
type arguments struct {
	text   json.RawMessage // of the schema, as it came
	schema *agents.Schema
}

// newArguments reads the schema of a tool's arguments. The schema that checks has what is referred to in place of
// each reference: so it has no circles, and as many parts as are counted, and a check takes as long as it should.
// note says where it is looser than what the server has sent.
func newArguments(sent any) (_ *arguments, note string, err error) {
	schema, ok := sent.(map[string]any)
	if !ok {
		if sent != nil {
			return nil, "", errors.New("is not an object")
		}
		schema = map[string]any{}
	}
	if t, ok := schema["type"]; ok && t != "object" {
		return nil, "", errors.New("is not that of an object")
	}
	schema = maps.Clone(schema)
	schema["type"] = "object"
	if _, ok := schema["properties"]; !ok {
		schema["properties"] = map[string]any{} // which some providers want
	}
	text, err := json.Marshal(schema)
	if err != nil {
		return nil, "", errors.New("cannot be written as JSON")
	}
	if len(text) > maxSchemaBytes {
		return nil, "", fmt.Errorf("has %d bytes; %d are allowed", len(text), maxSchemaBytes)
	}
	x := &unfolding{root: schema, within: map[string]bool{}}
	unfolded, err := x.schema(schema)
	if err != nil {
		return nil, "", err
	}
	compiled, err := agents.NewSchema(agents.OutputSchema(unfolded.(map[string]any)))
	if err != nil {
		return nil, "", err
	}
	if x.isCircular {
		note = "its schema refers to itself: what repeats within it is not checked"
	}
	return &arguments{text, compiled}, note, nil
}

// unfolding puts what is referred to in place of references.
type unfolding struct {
	root       map[string]any
	within     map[string]bool // the references that are being unfolded
	parts      int
	isCircular bool
}

// notSupported are keywords that refer to what only a whole document tells.
var notSupported = []string{"$dynamicRef", "$recursiveRef", "$anchor", "$dynamicAnchor", "$recursiveAnchor"}

// literal are keywords whose values are no schemas.
var literal = map[string]bool{"enum": true, "const": true, "default": true, "examples": true, "required": true}

func (x *unfolding) schema(value any) (any, error) {
	if x.parts++; x.parts > maxSchemaParts {
		return nil, fmt.Errorf("has more than %d parts with what it refers to", maxSchemaParts)
	}
	switch value := value.(type) {
	case map[string]any:
		return x.object(value, false)
	case []any:
		list := make([]any, len(value))
		for i, item := range value {
			var err error
			if list[i], err = x.schema(item); err != nil {
				return nil, err
			}
		}
		return list, nil
	}
	return value, nil
}

// object unfolds a schema, or the schemas that a keyword such as properties has by their names.
func (x *unfolding) object(schema map[string]any, isNames bool) (any, error) {
	unfolded := make(map[string]any, len(schema))
	for name, value := range schema {
		var err error
		members, isObject := value.(map[string]any)
		switch {
		case isNames:
			unfolded[name], err = x.schema(value)
		case name == "$ref", name == "$id", name == "id", name == "$comment", name == "$defs", name == "definitions":
		case literal[name]:
			unfolded[name] = value
		case isObject && (name == "properties" || name == "patternProperties" || name == "dependentSchemas"):
			x.parts++
			unfolded[name], err = x.object(members, true)
		default:
			unfolded[name], err = x.schema(value)
		}
		if err != nil {
			return nil, err
		}
	}
	if isNames {
		return unfolded, nil
	}
	for _, keyword := range notSupported {
		if _, ok := schema[keyword]; ok {
			return nil, fmt.Errorf("has %s, which is not supported", keyword)
		}
	}
	reference, ok := schema["$ref"]
	if !ok {
		return unfolded, nil
	}
	target, err := x.reference(reference)
	if err != nil || len(unfolded) == 0 {
		return target, err
	}
	all, _ := unfolded["allOf"].([]any)
	unfolded["allOf"] = append([]any{target}, all...)
	return unfolded, nil
}

// reference is what a $ref refers to, which has to be within the document. Within itself it is anything.
func (x *unfolding) reference(reference any) (any, error) {
	ref, _ := reference.(string)
	pointer, isLocal := strings.CutPrefix(ref, "#")
	if !isLocal {
		return nil, fmt.Errorf("refers to %q, which is not a part of it", problem.Shorten(ref))
	}
	if x.within[pointer] {
		x.isCircular = true
		return map[string]any{}, nil
	}
	var target any = x.root
	for _, token := range strings.Split(pointer, "/")[1:] {
		members, _ := target.(map[string]any)
		target, isLocal = members[strings.NewReplacer("~1", "/", "~0", "~").Replace(token)]
		if !isLocal {
			return nil, fmt.Errorf("refers to %q, which it does not have", problem.Shorten(ref))
		}
	}
	if pointer != "" && !strings.HasPrefix(pointer, "/") {
		return nil, fmt.Errorf("refers to %q, which is not a path within it", problem.Shorten(ref))
	}
	x.within[pointer] = true
	defer delete(x.within, pointer)
	return x.schema(target)
}

// read checks the arguments of a call and returns them as an object.
func (a *arguments) read(text json.RawMessage) (map[string]any, error) {
	if len(text) > maxArgumentsOf {
		return nil, &ArgumentError{fmt.Sprintf("they have %d bytes; %d are allowed", len(text), maxArgumentsOf)}
	}
	if depthOf(text) > maxDepth {
		return nil, &ArgumentError{fmt.Sprintf("they are nested more than %d deep", maxDepth)}
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var object map[string]any
	if err := decoder.Decode(&object); err != nil || decoder.More() {
		return nil, &ArgumentError{"they are no JSON object"}
	}
	return object, nil
}

// depthOf counts how deep lists and objects stand within each other.
func depthOf(text []byte) (deepest int) {
	depth, inText, escaped := 0, false, false
	for _, c := range text {
		switch {
		case escaped:
			escaped = false
		case inText && c == '\\':
			escaped = true
		case c == '"':
			inText = !inText
		case inText:
		case c == '{' || c == '[':
			depth++
			deepest = max(deepest, depth)
		case c == '}' || c == ']':
			depth--
		}
	}
	return deepest
}

// validate finds out whether arguments are as the schema wants them.
func (a *arguments) validate(object map[string]any) error {
	text, err := json.Marshal(object)
	if err == nil {
		_, err = a.schema.Read(string(text))
	}
	if err != nil {
		return &ArgumentError{err.Error()}
	}
	return nil
}
