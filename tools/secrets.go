package tools

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"beckon/internal/problem"
	"beckon/internal/secret"
)

// placeholder stands in the arguments of a call for a secret of the server that is called.
var placeholder = regexp.MustCompile(`\{\{\s*secret:([^{}]*)\}\}`)

// fill puts the secrets of a server into the texts of arguments. The names of members stay as they are.
func (s Server) fill(value any) (any, error) {
	switch value := value.(type) {
	case string:
		return s.fillText(value)
	case []any:
		list := make([]any, len(value))
		for i, item := range value {
			var err error
			if list[i], err = s.fill(item); err != nil {
				return nil, err
			}
		}
		return list, nil
	case map[string]any:
		object := make(map[string]any, len(value))
		for name, member := range value {
			var err error
			if object[name], err = s.fill(member); err != nil {
				return nil, err
			}
		}
		return object, nil
	}
	return value, nil
}

func (s Server) fillText(text string) (string, error) {
	if !strings.Contains(text, "{{") {
		return text, nil
	}
	unknown := ""
	filled := placeholder.ReplaceAllStringFunc(text, func(found string) string {
		name := strings.TrimSpace(placeholder.FindStringSubmatch(found)[1])
		value, ok := s.Secrets[name]
		if !ok && unknown == "" {
			unknown = fmt.Sprintf("the server %s has no secret %q", s.ID, problem.Shorten(name))
		}
		return value.Reveal()
	})
	if unknown != "" {
		return "", &ArgumentError{unknown}
	}
	return filled, nil
}

// cleaner returns what blacks a server's secrets out of what it says: those of secrets and headers, and the
// variables of env that are likely to hold one.
func (s Server) cleaner() func(string) string {
	hidden := secret.Redactor{}
	hide := func(value string) {
		hidden.Hide(value, secret.Mask)
		if escaped := url.QueryEscape(value); escaped != value {
			hidden.Hide(escaped, secret.Mask)
		}
	}
	for _, value := range s.Secrets {
		hide(value.Reveal())
	}
	for _, value := range s.Headers {
		hide(value.Reveal())
		if _, token, ok := strings.Cut(value.Reveal(), " "); ok {
			hide(token)
		}
	}
	for name, value := range s.Env {
		u, err := url.Parse(value.Reveal())
		if secret.Named(name) || err == nil && u.User != nil {
			hide(value.Reveal())
		}
	}
	if u, err := url.Parse(s.URL); err == nil {
		for _, values := range u.Query() {
			for _, value := range values {
				hide(value)
			}
		}
	}
	return hidden.Cleaner()
}
