package findings

// SchemaName is the name of the built-in schema in an agent's output.
const SchemaName = "findings"

// Schema returns the JSON Schema that models are told of. It is one that OpenAI can hold a model to: every member
// is required, and may be null where there may be nothing.
func Schema() map[string]any {
	finding := object(map[string]any{
		"severity": enum(Severities(), "How bad it is."),
		"title":    described("string", "What it is, in one line."),
		"detail":   described("string", "Why it matters and what to do, in plain text."),
		"file":     described([]any{"string", "null"}, "The path of the file that it is about; null without one."),
		"line":     described([]any{"integer", "null"}, "The line of the file, from 1; null without one."),
	}, "severity", "title", "detail", "file", "line")
	return object(map[string]any{
		"summary":  described("string", "What was found, in a few sentences of plain text."),
		"verdict":  enum([]string{"pass", "fail"}, "fail where something has to change first."),
		"findings": map[string]any{"type": "array", "items": finding},
	}, "summary", "verdict", "findings")
}

// CheckedSchema returns the JSON Schema that answers are checked against. It requires less: models that are not
// held to the schema leave out what they have nothing for.
func CheckedSchema() map[string]any {
	schema := Schema()
	schema["required"] = []any{"findings"}
	properties := schema["properties"].(map[string]any)
	properties["verdict"] = map[string]any{"type": "string"}
	items := properties["findings"].(map[string]any)["items"].(map[string]any)
	items["required"] = []any{"severity", "title"}
	items["properties"].(map[string]any)["detail"] = map[string]any{"type": []any{"string", "null"}}
	for _, open := range []map[string]any{schema, items} {
		delete(open, "additionalProperties")
	}
	return schema
}

func object(properties map[string]any, required ...string) map[string]any {
	list := make([]any, len(required))
	for i, name := range required {
		list[i] = name
	}
	return map[string]any{"type": "object", "additionalProperties": false, "properties": properties, "required": list}
}

func described(kind any, description string) map[string]any {
	return map[string]any{"type": kind, "description": description}
}

func enum(values []string, description string) map[string]any {
	list := make([]any, len(values))
	for i, value := range values {
		list[i] = value
	}
	return map[string]any{"type": "string", "enum": list, "description": description}
}
