package completion

import (
	"bytes"
	"strings"
)

// ParseModels reads a list of models: OpenAI's {"data": [{"id": …}]}, a list alone, Ollama's {"models": [{"name":
// …}]}, or names alone. ok is false when it is none of them.
func ParseModels(body []byte) (names []string, ok bool) {
	body = bytes.TrimSpace(bytes.TrimPrefix(body, bom))
	var w walker
	w.over(body)
	switch w.kind() {
	case '[':
		names = w.names(names)
		ok = true
	case '{':
		w.object(func(name []byte) {
			if isList := string(name) == `"data"` || string(name) == `"models"`; isList && w.kind() == '[' {
				names = w.names(names)
				ok = true
				return
			}
			w.value()
		})
	}
	return names, ok && w.err == nil
}

// names reads a list of models.
func (w *walker) names(list []string) []string {
	w.array(func() {
		id, name := "", ""
		if w.kind() == '"' {
			id = textOf(w.value())
		} else {
			w.object(func(member []byte) {
				switch value := w.value(); string(member) {
				case `"id"`:
					id = textOf(value)
				case `"name"`, `"model"`:
					name = textOf(value)
				}
			})
		}
		if id == "" {
			id = name
		}
		if id = strings.TrimSpace(id); id != "" {
			list = append(list, id)
		}
	})
	return list
}
