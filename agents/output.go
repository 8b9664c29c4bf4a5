package agents

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"beckon/internal/findings"
	"beckon/internal/problem"
)

const (
	defaultRepair  = 1
	maxRepair      = 5
	maxSchema      = 64 << 10 // bytes of a schema
	maxInvalidText = 400      // bytes of what is wrong with an answer
	schemaURL      = "beckon:///output.json"
)

// Output requires the answer of an agent to be JSON that matches a schema. In YAML and JSON, a text is short for
// {text: text}.
type Output struct {
	// of kind http: CEL over answer; nothing is all of it, or nothing beside artifacts
	Text string `json:"text,omitempty" yaml:"text,omitempty"`
	// JSON Schema, or the name of a built-in one; empty is any text
	Schema OutputSchema `json:"schema,omitempty" yaml:"schema,omitempty"`
	// how often the model is told what is wrong and asked again; 1
	Repair *int `json:"repair,omitempty" yaml:"repair,omitempty"`
}

// Repairs returns how often the model is asked again.
func (o *Output) Repairs() int {
	if o.Repair == nil {
		return defaultRepair
	}
	return *o.Repair
}

func (o *Output) check() (found problem.Fields) {
	if o.Repair != nil && (*o.Repair < 0 || *o.Repair > maxRepair) {
		found.Add("repair", "must be between 0 and %d", maxRepair)
	}
	if _, err := NewSchema(o.Schema); err != nil {
		found.Add("schema", "%s", err)
	}
	return found
}

// Schema checks answers. It is safe for concurrent use.
type Schema struct {
	Text     json.RawMessage // as models are told of it
	IsStrict bool            // it is one that OpenAI can hold a model to
	compiled *jsonschema.Schema
}

// NewSchema reads a JSON Schema, which may not refer to anything outside of itself, or takes the built-in one of a
// name. It returns nil for an empty one.
func NewSchema(o OutputSchema) (*Schema, error) {
	switch name := o.Name(); {
	case len(o) == 0:
		return nil, nil
	case name == findings.SchemaName:
		return newFindingsSchema()
	case name != "":
		return nil, fmt.Errorf("%q is not the name of a built-in schema: write %s, or a JSON Schema",
			problem.Shorten(name), findings.SchemaName)
	}
	return compileSchema(o)
}

// newFindingsSchema returns the schema of findings: the model is told of a stricter one than is checked.
func newFindingsSchema() (*Schema, error) {
	checked, err := compileSchema(findings.CheckedSchema())
	if err != nil {
		return nil, err
	}
	told := findings.Schema()
	if checked.Text, err = json.Marshal(told); err != nil {
		return nil, errors.New("cannot be written as JSON")
	}
	checked.IsStrict = isStrict(told)
	return checked, nil
}

func compileSchema(o map[string]any) (*Schema, error) {
	text, err := json.Marshal(o)
	if err != nil {
		return nil, errors.New("cannot be written as JSON")
	}
	if len(text) > maxSchema {
		return nil, fmt.Errorf("has %d bytes; %d are allowed", len(text), maxSchema)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, errors.New("is not JSON")
	}
	c := jsonschema.NewCompiler()
	c.UseLoader(noLoader{})
	if err := c.AddResource(schemaURL, document); err != nil {
		return nil, errors.New("is not a JSON Schema")
	}
	compiled, err := c.Compile(schemaURL)
	if err != nil {
		return nil, fmt.Errorf("is not a JSON Schema that can be used: %s", describeInvalid(err))
	}
	return &Schema{Text: text, IsStrict: isStrict(o), compiled: compiled}, nil
}

// noLoader loads nothing from anywhere.
type noLoader struct{}

func (noLoader) Load(url string) (any, error) {
	return nil, fmt.Errorf("it refers to %q, which is not a part of it", url)
}

// Read extracts the JSON from an answer and validates it. The error says which part is not valid.
func (s *Schema) Read(answer string) (json.RawMessage, error) {
	text := findJSON(answer)
	if text == nil {
		return nil, errors.New("it is not JSON")
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, errors.New("it is not JSON")
	}
	if err := s.compiled.Validate(value); err != nil {
		return nil, errors.New(describeInvalid(err))
	}
	return text, nil
}

// findJSON returns the JSON in an answer: all of it, what stands between ``` and ```, or the first object or list.
// A model that was asked for JSON alone may still say something around it.
func findJSON(answer string) json.RawMessage {
	text := strings.TrimSpace(answer)
	if json.Valid([]byte(text)) {
		return json.RawMessage(text)
	}
	if _, fenced, ok := strings.Cut(text, "```"); ok {
		fenced, _, _ = strings.Cut(strings.TrimPrefix(fenced, "json"), "```")
		if fenced = strings.TrimSpace(fenced); json.Valid([]byte(fenced)) {
			return json.RawMessage(fenced)
		}
	}
	if i := strings.IndexAny(text, "{["); i >= 0 {
		var value json.RawMessage
		if json.NewDecoder(strings.NewReader(text[i:])).Decode(&value) == nil {
			return value
		}
	}
	return nil
}

// describeInvalid describes the innermost causes of a validation error in one line: where each is, and what it is.
func describeInvalid(err error) string {
	invalid, ok := errors.AsType[*jsonschema.ValidationError](err)
	if !ok {
		return shorten(err.Error())
	}
	printer := message.NewPrinter(language.English)
	var list []string
	var walk func(e *jsonschema.ValidationError)
	walk = func(e *jsonschema.ValidationError) {
		if len(e.Causes) == 0 {
			list = append(list,
				fmt.Sprintf("at /%s: %s", strings.Join(e.InstanceLocation, "/"), e.ErrorKind.LocalizedString(printer)))
		}
		for _, cause := range e.Causes {
			walk(cause)
		}
	}
	walk(invalid)
	slices.Sort(list)
	return shorten(strings.Join(slices.Compact(list), "; "))
}

func shorten(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > maxInvalidText {
		return strings.ToValidUTF8(text[:maxInvalidText], "") + "…"
	}
	return text
}

// strictKeywords are those of the schemas that OpenAI holds a model to.
var strictKeywords = []string{
	"$defs", "$ref", "additionalProperties", "anyOf", "const", "description", "enum", "items", "properties", "required",
	"title", "type",
}

// isStrict reports whether a model can be held to a schema: every object names all of its members, requires them
// and allows no others.
func isStrict(schema map[string]any) bool {
	for keyword := range schema {
		if !slices.Contains(strictKeywords, keyword) {
			return false
		}
	}
	if properties, ok := schema["properties"].(map[string]any); ok || schema["type"] == "object" {
		required, _ := schema["required"].([]any)
		if schema["additionalProperties"] != false || len(required) != len(properties) {
			return false
		}
	}
	for _, keyword := range []string{"properties", "$defs"} {
		members, _ := schema[keyword].(map[string]any)
		for _, member := range members {
			if inner, ok := member.(map[string]any); !ok || !isStrict(inner) {
				return false
			}
		}
	}
	if inner, ok := schema["items"].(map[string]any); ok && !isStrict(inner) {
		return false
	}
	list, _ := schema["anyOf"].([]any)
	for _, choice := range list {
		if inner, ok := choice.(map[string]any); !ok || !isStrict(inner) {
			return false
		}
	}
	return true
}

// OutputInvalid is the problem of an answer that is not what the agent's output has to be.
func OutputInvalid(agent string, why error) *problem.Error {
	return problem.New(problem.Upstream, problem.CodeOutputInvalid,
		"The answer of agent %q does not match its output schema: %s. "+
			"Say more clearly in its instructions what is wanted, or loosen the schema.", agent, why)
}
