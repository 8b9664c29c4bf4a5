package agents

import (
	"bytes"
	"encoding/json"
	"strings"
)

// OutputSchema is a JSON Schema. In YAML and JSON, it may be the name of a built-in schema: "findings" is short for
// {"$ref": "findings"}.
type OutputSchema map[string]any

const refKeyword = "$ref"

// Name returns the name of a built-in schema, also of one that does not exist; empty for any other schema.
func (s OutputSchema) Name() string {
	name, _ := s[refKeyword].(string)
	if len(s) != 1 || strings.ContainsAny(name, "#:/") {
		return ""
	}
	return name
}

// UseName makes it the built-in schema of a name.
func (s *OutputSchema) UseName(name string) {
	if *s = nil; name != "" {
		*s = OutputSchema{refKeyword: name}
	}
}

// UnmarshalJSON reads a schema, or the name of one.
func (s *OutputSchema) UnmarshalJSON(data []byte) error {
	if bytes.HasPrefix(bytes.TrimSpace(data), []byte{'"'}) {
		var name string
		if err := json.Unmarshal(data, &name); err != nil {
			return err
		}
		s.UseName(name)
		return nil
	}
	return (*Object)(s).UnmarshalJSON(data)
}

// MarshalJSON writes a built-in schema as its name.
func (s OutputSchema) MarshalJSON() ([]byte, error) {
	if name := s.Name(); name != "" {
		return json.Marshal(name)
	}
	return json.Marshal(map[string]any(s))
}

// MarshalYAML writes a built-in schema as its name.
func (s OutputSchema) MarshalYAML() (any, error) {
	if name := s.Name(); name != "" {
		return name, nil
	}
	return map[string]any(s), nil
}
