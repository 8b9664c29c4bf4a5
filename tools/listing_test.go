package tools

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/stretchr/testify/require"
)

func object(t *testing.T, text string) any {
	t.Helper()
	var value any
	require.NoError(t, json.Unmarshal([]byte(text), &value))
	return value
}

func TestWhatIsLeftOutOfAListIsSaid(t *testing.T) {
	plain := func(text string) string { return text }
	tools := func(names ...string) (list []*mcp.Tool) {
		for _, name := range names {
			list = append(list, &mcp.Tool{Name: name, InputSchema: map[string]any{"type": "object"}})
		}
		return list
	}
	long := strings.Repeat("x", 60)
	list := newListing("docs", tools("b", "a.b", "a__b", "b", "sea rch", "sächlich", long), plain)
	var offered []string
	for _, tool := range list.tools {
		offered = append(offered, tool.Name)
	}
	require.Equal(t, []string{"docs.a.b", "docs.b"}, offered)
	all := strings.Join(list.notes, "\n")
	for _, says := range []string{
		"a__b is left out: models know it as docs__a__b, and so they do docs.a.b", "b is there twice",
		`"sea rch" is left out`, `"sächlich" is left out`, long + " is left out: models know it as docs__",
	} {
		require.Contains(t, all, says)
	}
}

func TestSchemasThatCannotBeUsed(t *testing.T) {
	for schema, says := range map[string]string{
		`{"type":"object","properties":{"a":{"$ref":"https://example.com/schema.json"}}}`: `refers to "https://example.com/schema.json", which is not a part of it`,
		`{"type":"object","properties":{"a":{"$ref":"#/$defs/none"}}}`:                    "which it does not have",
		`{"type":"object","properties":{"a":{"$dynamicRef":"#x"}}}`:                       "is not supported",
		`{"type":"object","properties":{"a":{"type":"colour"}}}`:                          "is not a JSON Schema",
		`{"type":"string"}`: "is not that of an object",
		`"x"`:               "is not an object",
		fmt.Sprintf(`{"type":"object","description":%q}`, strings.Repeat("x", 70_000)): "65536 are allowed",
	} {
		_, _, err := newArguments(object(t, schema))
		require.ErrorContains(t, err, says, schema)
	}
	// Each refers to the next one twice: unfolded, it would have 2 to the power of 30 parts.
	bomb := map[string]any{}
	for i := range 30 {
		next := map[string]any{"$ref": fmt.Sprintf("#/$defs/d%d", i+1)}
		bomb[fmt.Sprintf("d%d", i)] = map[string]any{"anyOf": []any{next, next}}
	}
	bomb["d30"] = map[string]any{"type": "string"}
	_, _, err := newArguments(map[string]any{"type": "object", "$defs": bomb, "properties": map[string]any{"a": map[string]any{"$ref": "#/$defs/d0"}}})
	require.ErrorContains(t, err, "parts")
}

func TestArgumentsAreChecked(t *testing.T) {
	schema := `{"$schema":"http://json-schema.org/draft-07/schema#","type":"object","required":["tree"],"properties":{"tree":{"$ref":"#/definitions/node"},"id":{"type":"integer"}},
		"definitions":{"node":{"type":"object","required":["name"],"properties":{"name":{"type":"string"},"children":{"type":"array","items":{"$ref":"#/definitions/node"}}}}}}`
	check, note, err := newArguments(object(t, schema))
	require.NoError(t, err)
	require.Contains(t, note, "refers to itself")
	for arguments, says := range map[string]string{
		`{"tree":{"name":"a","children":[{"name":"b"}]},"id":12345678901234567890}`: "",
		`{"tree":{}}`:                        "at /tree",
		`{"tree":{"name":"a"},"id":"x"}`:     "at /id",
		`{"tree":{"name":"a","children":5}}`: "at /tree/children",
		`{"tree":{"name":"a"}} {}`:           "no JSON object",
		`[]`:                                 "no JSON object",
		`{"tree":`:                           "no JSON object",
		`{"a":` + strings.Repeat("[", 70) + strings.Repeat("]", 70) + `}`: "nested more than 64 deep",
		`{"a":"` + strings.Repeat("x", 1<<20) + `"}`:                      "1048576 are allowed",
	} {
		object, err := check.read(json.RawMessage(arguments))
		if err == nil {
			err = check.validate(object)
		}
		if says == "" {
			require.NoError(t, err)
			continue
		}
		require.ErrorContains(t, err, says)
		require.ErrorAs(t, err, new(*ArgumentError))
	}
}
