package agents_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/agents"
)

func TestSchemas(t *testing.T) {
	s, err := agents.NewSchema(agents.OutputSchema{"type": "object", "additionalProperties": false, "required": []any{"severity", "lines"}, "properties": map[string]any{
		"severity": map[string]any{"enum": []any{"low", "high"}},
		"lines":    map[string]any{"type": "array", "items": map[string]any{"type": "integer"}}}})
	require.NoError(t, err)
	require.True(t, s.IsStrict)
	good := `{"severity":"low","lines":[1,9007199254740993]}`
	for answer, want := range map[string]string{
		good:                         good,
		" \n" + good + "\n":          good,
		"```json\n" + good + "\n```": good,
		"Here it is:\n```\n" + good + "```\nAnything else?": good,
		"Sure! " + good + " Done.":                          good,
	} {
		data, err := s.Read(answer)
		require.NoError(t, err, answer)
		require.Equal(t, want, string(data), answer)
	}
	for answer, want := range map[string]string{
		"":                                    "it is not JSON",
		"no":                                  "it is not JSON",
		"{":                                   "it is not JSON",
		"[1]":                                 "at /: got array, want object",
		`{"severity":"low"}`:                  "at /: missing property 'lines'",
		`{"severity":"mid","lines":["x"]}`:    "at /lines/0: got string, want integer; at /severity: value must be one of 'low', 'high'",
		`{"severity":"low","lines":[],"x":1}`: "at /: additional properties 'x' not allowed",
	} {
		_, err := s.Read(answer)
		require.EqualError(t, err, want, answer)
	}
	_, err = s.Read(`{"` + strings.Repeat("x", 5000) + `":1}`)
	require.Less(t, len(err.Error()), 500)
}

func TestSchemasThatCannotBe(t *testing.T) {
	for name, c := range map[string]struct {
		schema agents.OutputSchema
		says   string
	}{
		"no schema":      {agents.OutputSchema{"type": 7}, "is not a JSON Schema"},
		"a remote part":  {agents.OutputSchema{"$ref": "https://example.com/s.json"}, "not a part of it"},
		"a file":         {agents.OutputSchema{"$ref": "file:///etc/passwd"}, "not a part of it"},
		"a missing part": {agents.OutputSchema{"$ref": "#/$defs/x"}, "is not a JSON Schema"},
		"too large":      {agents.OutputSchema{"description": strings.Repeat("x", 70000)}, "bytes"},
		"no such name":   {agents.OutputSchema{"$ref": "finding"}, `"finding" is not the name of a built-in schema: write findings, or a JSON Schema`},
		"no JSON":        {agents.OutputSchema{"const": func() {}}, "cannot be written as JSON"},
	} {
		t.Run(name, func(t *testing.T) {
			found := agents.Agent{Provider: "p", Output: &agents.Output{Schema: c.schema}}.Check()
			require.Len(t, found, 1)
			require.Equal(t, "output.schema", found[0].Path)
			require.Contains(t, found[0].Message, c.says)
		})
	}
	require.Empty(t, agents.Agent{Provider: "p", Output: &agents.Output{}}.Check(), "any text")
	found := agents.Agent{Provider: "p", Output: &agents.Output{Schema: agents.OutputSchema{"type": "object"}, Repair: new(9)}}.Check()
	require.Equal(t, "output.repair", found[0].Path)
}

func TestWhichSchemasAreStrict(t *testing.T) {
	object := func(change func(map[string]any)) map[string]any {
		o := map[string]any{"type": "object", "additionalProperties": false, "required": []any{"a"}, "properties": map[string]any{"a": map[string]any{"type": "string"}}}
		change(o)
		return o
	}
	for name, c := range map[string]struct {
		schema map[string]any
		strict bool
	}{
		"all as it should be": {object(func(map[string]any) {}), true},
		"others are allowed":  {object(func(o map[string]any) { delete(o, "additionalProperties") }), false},
		"one is optional":     {object(func(o map[string]any) { o["required"] = []any{} }), false},
		"another keyword":     {object(func(o map[string]any) { o["minProperties"] = 1 }), false},
		"deep within":         {map[string]any{"type": "array", "items": object(func(o map[string]any) { delete(o, "required") })}, false},
		"a choice":            {map[string]any{"anyOf": []any{object(func(map[string]any) {}), map[string]any{"type": "null"}}}, true},
		"a part":              {map[string]any{"$ref": "#/$defs/x", "$defs": map[string]any{"x": map[string]any{"type": "string", "pattern": "x"}}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := agents.NewSchema(c.schema)
			require.NoError(t, err)
			require.Equal(t, c.strict, s.IsStrict)
		})
	}
}

func TestObjectsKeepTheirNumbers(t *testing.T) {
	var o agents.Object
	require.NoError(t, o.UnmarshalJSON([]byte(`{"seed":9007199254740993,"top_p":0.9,"stop":["a",1],"none":null,"deep":{"n":2}}`)))
	require.Equal(t, agents.Object{"seed": 9007199254740993, "top_p": 0.9, "stop": []any{"a", 1}, "none": nil, "deep": map[string]any{"n": 2}}, o)
	require.Error(t, o.UnmarshalJSON([]byte(`[]`)))
}
