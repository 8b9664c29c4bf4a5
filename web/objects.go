package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"beckon/agents"
	"beckon/internal/problem"
)

// Object is a field of many lines for JSON, or for a list. What is wrong within it is shown beside it.
func (f nounForm[F]) Object(path, label, value string, rows int, help string) field {
	area := f.Area(path, label, value, rows, help)
	for _, e := range f.Errors {
		if within, ok := strings.CutPrefix(e.Path, path); ok && area.Error == "" && within != "" && strings.ContainsAny(within[:1], ".[") {
			within = strings.TrimPrefix(within, ".")
			area.Error = within + afterLabel(within, e.Message)
		}
	}
	return area
}

// writeJSON lays out what is kept as JSON; nothing for nothing.
func writeJSON[T any](value *T) string {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if value == nil || encoder.Encode(value) != nil {
		return ""
	}
	return strings.TrimSpace(text.String())
}

func writeParams(o agents.Object) string {
	if len(o) == 0 {
		return ""
	}
	return writeJSON(&o)
}

// readJSON reads what was typed; nil for nothing.
func readJSON[T any](wrong *problem.Fields, path, text, example string) *T {
	if strings.TrimSpace(text) == "" {
		return nil
	}
	var value T
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&value); err != nil || decoder.More() {
		wrong.Add(path, "must be a JSON object such as %s", example)
		return nil
	}
	return &value
}

func readParams(wrong *problem.Fields, text string) agents.Object {
	if o := readJSON[agents.Object](wrong, "params", text, `{"top_p": 0.9}`); o != nil {
		return *o
	}
	return nil
}

// writeFallbacks lists them, one in a line: the provider and, behind a space, its model.
func writeFallbacks(list []agents.Fallback) string {
	var text strings.Builder
	for _, f := range list {
		fmt.Fprintln(&text, strings.TrimSpace(f.Provider+" "+f.Model))
	}
	return text.String()
}

func readFallbacks(text string) (list []agents.Fallback) {
	for line := range strings.Lines(text) {
		provider, model, _ := strings.Cut(strings.TrimSpace(line), " ")
		if provider != "" {
			list = append(list, agents.Fallback{Provider: provider, Model: strings.TrimSpace(model)})
		}
	}
	return list
}
