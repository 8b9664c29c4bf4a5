package agents

import (
	"strings"

	"beckon/internal/problem"
	"beckon/internal/render"
)

const maxRendered = 4 << 20

// Template is a part of a request that an agent sends. It is safe for concurrent use.
type Template struct {
	text   string
	parsed *render.Template // nil when the text has no "{{" in it, and is what it is
}

// ParseTemplate parses a template.
func ParseTemplate(text string) (*Template, error) {
	if !strings.Contains(text, "{{") {
		return &Template{text: text}, nil
	}
	parsed, err := render.Parse(text)
	if err != nil {
		return nil, err
	}
	return &Template{parsed: parsed}, nil
}

// Render makes the text. data is what DataOf returns, to which the caller may add. A member that the template uses
// and data lacks is a problem of kind Upstream.
func (t *Template) Render(agent, what string, data map[string]any) (string, error) {
	if t.parsed == nil {
		return t.text, nil
	}
	text, err := t.parsed.Render(data, render.Limits{MaxBytes: maxRendered, Time: instructionsTime})
	if err != nil {
		return "", problem.New(problem.Upstream, problem.CodeTemplateFailed,
			"The %s of agent %q could not be rendered: %s.",
			what, agent, strings.TrimSuffix(err.Error(), "."))
	}
	return text, nil
}

// InputOf is what a call is about: the JSON that it was made with, else its text.
func InputOf(call Call) any {
	for _, text := range []string{call.Input, call.Prompt} {
		if text = strings.TrimSpace(text); strings.HasPrefix(text, "{") || strings.HasPrefix(text, "[") {
			if value, err := render.JSON([]byte(text)); err == nil {
				return value
			}
		}
	}
	return call.Prompt
}
